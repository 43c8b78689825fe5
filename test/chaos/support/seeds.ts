import { createRandom, type Random } from '../../../src/simulator/random.ts';

/** The seeds of one test: new ones each time, or the one of CHAOS_SEED. */
export function seedsFor(count: number): number[] {
  const given = process.env.CHAOS_SEED;
  if (given) return [Number(given)];
  return Array.from({ length: count }, () => Math.floor(Math.random() * 1_000_000_000));
}

/** The random numbers of a seed; says which one, so that it can be repeated. */
export function randomOf(title: string, seed: number): Random {
  console.log(`${title}: CHAOS_SEED=${seed}`);
  return createRandom(seed);
}

/** `items` in another order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** `count` of the items, each at most once. */
export function some<T>(random: Random, items: readonly T[], count: number): T[] {
  return shuffled(random, items).slice(0, count);
}
