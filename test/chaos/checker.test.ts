import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { breakages, violationsOf } from './support/breakages.ts';
import { type Build, buildWith } from './support/broken-build.ts';
import { randomOf, seedsFor } from './support/seeds.ts';

const [seed = 0] = seedsFor(1);
const runs = [1, 2, 3];

describe.each(breakages.map((breakage) => [breakage.name, breakage] as const))(
  'F12 the checker and a build in which %s',
  (name, breakage) => {
    let build: Build;
    beforeAll(async () => {
      build = await buildWith(breakage.changes);
    }, 120_000);
    afterAll(() => build?.remove());

    test.each(runs)('F12 finds it, run %s of 3', async () => {
      const found = await violationsOf(breakage, randomOf(name, seed), seed, build.programs);
      console.log(`found: ${found.slice(0, 3).join('\n       ')}`);
      expect(found.join('\n')).toMatch(breakage.shows);
    });

    test('F12 finds nothing in the same scenario with the right build', async () => {
      expect(await violationsOf(breakage, randomOf(name, seed), seed)).toEqual([]);
    });
  },
);
