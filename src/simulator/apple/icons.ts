/** Icons that belong to nobody: a colored square with a mark, drawn from the adamId. @module */
import { createHash } from 'node:crypto';
import { encodePng, type Rgb } from './png.ts';

/** A picture and its media type. */
export interface Icon {
  type: string;
  bytes: Buffer;
}

/** Largest width and height that are drawn. */
const largest = 1024;

/** Draws `/icons/{adamId}/{w}x{h}bb.{f}` for `svg`, `png` and whatever else (as PNG); undefined for other paths. */
export function drawIcon(path: string, nameOf: (adamId: string) => string | undefined): Icon | undefined {
  const [, adamId, width, height, format] = /^\/icons\/(\d+)\/(\d{1,5})x(\d{1,5})[a-z]*\.([a-z]+)$/.exec(path) ?? [];
  const name = adamId && nameOf(adamId);
  if (!adamId || name === undefined || name === '') return undefined;
  const size = { width: clamp(Number(width)), height: clamp(Number(height)) };
  const hue = createHash('sha1').update(adamId).digest()[0]! / 255;
  if (format === 'svg') return { type: 'image/svg+xml', bytes: Buffer.from(svg(size, hue, initials(name))) };
  return { type: 'image/png', bytes: encodePng(size.width, size.height, shade(size, hue)) };
}

function clamp(length: number): number {
  return Math.min(largest, Math.max(1, length));
}

function initials(name: string): string {
  const letters = name.split(/\s+/).map((word) => word.replace(/[^\p{L}\p{N}]/gu, '').slice(0, 1));
  return letters.join('').slice(0, 2).toUpperCase();
}

function svg({ width, height }: { width: number; height: number }, hue: number, text: string): string {
  const degrees = Math.round(hue * 360);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 100 100">`,
    `<rect width="100" height="100" rx="22" fill="hsl(${degrees} 55% 45%)"/>`,
    `<circle cx="50" cy="50" r="34" fill="hsl(${degrees} 55% 60%)"/>`,
    `<text x="50" y="63" font-size="36" text-anchor="middle" font-family="sans-serif" fill="#fff">${text}</text></svg>`,
  ].join('');
}

function shade({ width, height }: { width: number; height: number }, hue: number): (x: number, y: number) => Rgb {
  const outside = toRgb(hue, 0.45);
  const inside = toRgb(hue, 0.65);
  return (x, y) => {
    const [right, down] = [(x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5];
    return right * right + down * down < 0.116 ? inside : outside;
  };
}

/** A color of a hue (0 to 1) and a lightness, at a saturation of 0.55. */
function toRgb(hue: number, lightness: number): Rgb {
  const spread = 0.55 * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const k = (offset + hue * 12) % 12;
    return Math.round(255 * (lightness - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
