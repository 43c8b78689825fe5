/** Counts the calls of each library in the last second, or in another span. @module */

const windowMs = 1000;

export class RateMeter {
  readonly #calls = new Map<string, number[]>();

  /** Whether one more call at `now` stays within `most`; a call that does not is not counted. */
  admit(uId: string, now: number, most: number, span: number = windowMs): boolean {
    const recent = (this.#calls.get(uId) ?? []).filter((at) => at > now - span);
    const admitted = recent.length < most;
    if (admitted) recent.push(now);
    this.#calls.set(uId, recent);
    return admitted;
  }
}
