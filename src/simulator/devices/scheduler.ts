/** One queue of moments for all devices: a heap, so that ten thousand devices need one timer and not ten thousand. @module */

/** Something that happens at a moment. */
export interface Moment<Job> {
  at: number;
  job: Job;
}

interface Entry<Job> extends Moment<Job> {
  place: number;
}

export class Schedule<Job> {
  readonly #heap: Entry<Job>[] = [];
  #last = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** When the first one is due. */
  nextAt(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Equal moments come in the order in which they were added. */
  add(at: number, job: Job): void {
    const heap = this.#heap;
    heap.push({ at, job, place: ++this.#last });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!isBefore(heap[child]!, heap[parent]!)) break;
      swap(heap, child, parent);
      child = parent;
    }
  }

  /** Takes the first one out if it is due by `now`. */
  takeDue(now: number): Moment<Job> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (!first || first.at > now) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return first;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #sink(): void {
    const heap = this.#heap;
    for (let parent = 0; ; ) {
      let first = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2])
        if (child < heap.length && isBefore(heap[child]!, heap[first]!)) first = child;
      if (first === parent) return;
      swap(heap, parent, first);
      parent = first;
    }
  }
}

function isBefore<Job>(one: Entry<Job>, other: Entry<Job>): boolean {
  return one.at < other.at || (one.at === other.at && one.place < other.place);
}

function swap<Job>(heap: Entry<Job>[], one: number, other: number): void {
  const kept = heap[one]!;
  heap[one] = heap[other]!;
  heap[other] = kept;
}
