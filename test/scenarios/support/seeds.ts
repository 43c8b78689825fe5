/** The tests of some seeds, and what holds for all of them together. @module */
import { describe, expect, test } from 'vitest';
import { playScenario } from './run.ts';

/** Most write calls for each one that Apple took. */
const mostWrites = 1.2;

/** Plays `count` seeds: the given one, or 1, 2, 3… so that a failure can be repeated. */
export function describeSeeds(title: string, count: number, first = 1, steps = 60): void {
  const given = process.env.SCENARIO_SEED;
  const seeds = given ? [Number(given)] : Array.from({ length: count }, (_, index) => first + index);
  describe(title, () => {
    const all = { sent: 0, confirmed: 0 };
    test.each(seeds)(
      `${title}, SCENARIO_SEED=%i: no drift after two syncs, nothing lost or doubled, no call too early`,
      async (seed) => {
        const { found, writes, met, heard } = await playScenario(seed, steps);
        all.sent += writes.sent;
        all.confirmed += writes.confirmed;
        expect(found.map((sentence) => `${sentence} [SCENARIO_SEED=${seed}]`)).toEqual([]);
        expect(met).toBeGreaterThan(0);
        expect(heard).toBeGreaterThan(0);
      },
      240_000,
    );

    test.runIf(!given)(`${title}: at most ${mostWrites} write calls for each one that Apple took`, () => {
      expect(all.confirmed).toBeGreaterThan(seeds.length * 3);
      expect(all.sent / all.confirmed).toBeLessThanOrEqual(mostWrites);
    });
  });
}
