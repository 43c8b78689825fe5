/** Texts of others in a terminal: how wide they are, and without what would steer it. @module */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const control = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colors of this program's own.
const paint = /\u001b\[\d*m/g;

/** `text` in one line and without characters that move the cursor, set colors or turn the direction of writing. */
export function tame(text: string): string {
  return text.replace(control, ' ').trim();
}

/** Columns that `text` takes; colors take none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text.replace(paint, ''))) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** `text` in at most `width` columns, with `…` where something is missing. It must have no colors. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let taken = '';
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    taken += segment;
  }
  return width < 1 ? '' : `${taken}…`;
}

/** `text` filled up with spaces to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + space : space + text;
}

/** A count as people write it; `∞` for null, which is how the API says unlimited. */
export function formatCount(count: number | string | null): string {
  return count === null ? '∞' : BigInt(count).toLocaleString('en-US');
}

/** A count and what is counted, e.g. `1 page`, `2 pages`. */
export function amount(count: number, plural: string): string {
  return `${formatCount(count)} ${count === 1 ? plural.replace(/s$/, '') : plural}`;
}

/** `text` broken between words into lines of at most `width` columns; a longer word keeps its line to itself. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && widthOf(line) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
