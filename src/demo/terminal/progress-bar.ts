/** A task under way, as one line. @module */
import type { Paint } from './colors.ts';
import { amount, clip, formatCount, pad } from './text.ts';

/** What a bar shows. */
export interface Progress {
  /** What it is at. */
  label: string;
  done: number;
  /** 0 while nobody knows. */
  total: number;
  /** What is counted, e.g. `pages`. */
  unit: string;
  /** Units a second; null while nobody knows. */
  rate: number | null;
  failed?: number;
}

const labelWidth = 14;
/** Longest and shortest bar that is drawn; in less space there is none. */
const longest = 40;
const shortest = 8;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** The line, at most `width` columns wide. */
export function progressLine(progress: Progress, width: number, paint: Paint): string {
  const { label, done, total, unit, rate, failed = 0 } = progress;
  const numbers = total > 0 ? `${formatCount(done)} of ${amount(total, unit)}` : amount(done, unit);
  const speed = rate === null ? '' : `  ${formatRate(rate)}/s`;
  const refused = failed > 0 ? `  ${formatCount(failed)} failed` : '';
  const head = pad(clip(label, labelWidth), labelWidth);
  const space = Math.min(longest, width - labelWidth - numbers.length - speed.length - refused.length - 3);
  if (space < shortest) return clip(`${head} ${numbers}${speed}${refused}`, width);
  const bar = drawBar(total > 0 ? done / total : 0, space);
  return `${paint('bold', head)} ${paint('cyan', bar)}  ${numbers}${paint('dim', speed)}${paint('red', refused)}`;
}

function drawBar(share: number, width: number): string {
  const filled = Math.round(Math.max(0, Math.min(1, share)) * width * 8);
  const whole = Math.floor(filled / 8);
  const bar = '█'.repeat(whole) + (eighths[filled % 8] ?? '');
  return bar + '░'.repeat(width - [...bar].length);
}

function formatRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate));
}
