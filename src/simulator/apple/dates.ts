/** A moment as Apple writes it: UTC, no milliseconds, and no colon in the offset. */
export function appleDate(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}+0000`;
}
