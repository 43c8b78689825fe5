/** Randomness that a seed makes repeatable: every id of the simulator comes from here. @module */

/** A repeatable source of numbers and ids. */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** A whole number from 0 up to, not including, `below`. */
  integer(below: number): number;
  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T;
  /** `length` random bytes. */
  bytes(length: number): Buffer;
  /** A text that looks like a version 4 UUID. */
  uuid(): string;
  /** The inner state, to be handed to {@link Random.restore} after a restart. */
  state(): number;
  /** Continues from a state read earlier. */
  restore(state: number): void;
}

/** Starts a source; equal seeds give equal sequences. The generator is mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  const integer = (below: number) => Math.floor(next() * below);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => integer(256)));

  return {
    next,
    integer,
    pick: (items) => items[integer(items.length)]!,
    bytes,
    uuid: () => formatUuid(bytes(16)),
    state: () => state,
    restore: (earlier) => {
      state = earlier >>> 0;
    },
  };
}

function formatUuid(raw: Buffer): string {
  raw[6] = (raw[6]! & 0x0f) | 0x40;
  raw[8] = (raw[8]! & 0x3f) | 0x80;
  const hex = raw.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
