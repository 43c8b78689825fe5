/** A list of 32-bit numbers that grows in one typed array: a million rows cost four megabytes. */
export class GrowingInts {
  #values: Int32Array;
  #length = 0;

  constructor(capacity = 8) {
    this.#values = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The value at `index`, which must be below {@link length}. */
  at(index: number): number {
    return this.#values[index]!;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) this.#grow();
    this.#values[this.#length++] = value;
  }

  /** Index of the first value above `limit`, in a list that rises. */
  firstAbove(limit: number, key: (value: number) => number = (value) => value): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (key(this.at(middle)) > limit) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Keeps the values that pass, in order. */
  retain(keep: (value: number) => boolean): void {
    let kept = 0;
    for (let index = 0; index < this.#length; index++) {
      const value = this.at(index);
      if (keep(value)) this.#values[kept++] = value;
    }
    this.#length = kept;
  }

  /** The used part, as a view. */
  view(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }

  #grow(): void {
    const larger = new Int32Array(Math.max(8, this.#values.length * 2));
    larger.set(this.#values);
    this.#values = larger;
  }
}
