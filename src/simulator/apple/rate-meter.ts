/** Counts the calls of each library in the last second. @module */

const windowMs = 1000;

export class RateMeter {
  readonly #calls = new Map<string, number[]>();

  /** Whether one more call at `now` stays within `perSecond`; a call that does not is not counted. */
  admit(uId: string, now: number, perSecond: number): boolean {
    const recent = (this.#calls.get(uId) ?? []).filter((at) => at > now - windowMs);
    const admitted = recent.length < perSecond;
    if (admitted) recent.push(now);
    this.#calls.set(uId, recent);
    return admitted;
  }
}
