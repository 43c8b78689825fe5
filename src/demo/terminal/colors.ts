/** Colors by their meaning. @module */

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** What a text can look like. */
export type Style = keyof typeof codes;

/** Gives a text its look, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** For terminals that show colors. */
export const colored: Paint = (style, text) => `\u001b[${codes[style]}m${text}\u001b[0m`;

/** For everything else. */
export const plain: Paint = (_style, text) => text;

/** Whether to use colors on this stream: only in a terminal, and not when the person asked for none. */
export function wantsColors(stream: { isTTY?: boolean }, env: Record<string, string | undefined>): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}
