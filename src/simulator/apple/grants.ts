/** Since when seats are given, for the most recent ones: longer ago is all the same to a device. @module */

/** Most seats that are remembered; the oldest go first. */
const kept = 50_000;

export class RecentGrants {
  readonly #since = new Map<string, number>();

  /** Notes that a seat was given. */
  note(adamId: string, target: string, at: number): void {
    const key = `${adamId} ${target}`;
    this.#since.delete(key);
    this.#since.set(key, at);
    if (this.#since.size > kept) this.#since.delete(this.#since.keys().next().value!);
  }

  /** When it was given; undefined when that is long ago. */
  since(adamId: string, target: string): number | undefined {
    return this.#since.get(`${adamId} ${target}`);
  }
}
