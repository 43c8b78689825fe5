/** A text that the database can keep: no NUL, no half of a character, and not without end. */
export function cleanText(text: string, longest: number): string {
  return Buffer.from(text.slice(0, longest).replaceAll('\0', ''), 'utf8').toString('utf8');
}
