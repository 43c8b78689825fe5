/** Earlier counts of assets, for a service whose numbers lag behind. @module */

/** Seats of an asset: `available` is the difference. */
export interface Counts {
  assigned: number;
  total: number;
}

/** Remembers counts while a lag is asked for, and nothing otherwise. */
export class CountHistory {
  /** How far behind the numbers are, in milliseconds; 0 remembers nothing. */
  lagMs = 0;
  readonly #before = new Map<number, { at: number; counts: Counts }[]>();

  /** Notes the counts as they were before a change at `at`. */
  record(asset: number, at: number, counts: Counts): void {
    if (this.lagMs <= 0) return;
    const entries = this.#before.get(asset);
    if (entries) entries.push({ at, counts });
    else this.#before.set(asset, [{ at, counts }]);
  }

  /** The counts that a reader sees at `now`, when `current` is the truth. */
  visible(asset: number, now: number, current: Counts): Counts {
    const entries = this.#before.get(asset);
    if (!entries) return current;
    const young = entries.filter((entry) => entry.at > now - this.lagMs);
    if (young.length === 0) this.#before.delete(asset);
    else this.#before.set(asset, young);
    return young[0]?.counts ?? current;
  }
}
