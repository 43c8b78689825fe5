/** A signed-in `viewer { id }` against a bare Yoga. @module */
import { operation, sendOnce } from '../lib/client.mjs';
import { addKeys } from '../lib/keys.mjs';
import { startLoad } from '../lib/load.mjs';
import { references } from '../lib/paths.mjs';
import { startProgram } from '../lib/programs.mjs';
import { interleave } from '../lib/rounds.mjs';
import { createRusset } from '../lib/russet.mjs';

export const title = 'Signed-in viewer';

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, rounds, quick }) {
  const russet = await createRusset(postgres);
  const bare = await startProgram(`${references}bare-yoga.mjs`);
  const load = await startLoad();
  try {
    const api = await russet.api();
    const ours = operation(api.url, russet.key, '{ viewer { id } }');
    const theirs = operation(bare.ready.url, null, '{ hello }');
    const measure = async (/** @type {import('../lib/load.mjs').Target} */ target, /** @type {number} */ seconds) =>
      load.perSecond(target, { connections: 16, seconds, expect: await sendOnce(target) });
    for (const target of [ours, theirs]) await measure(target, 2);
    const seconds = quick ? 2 : 4;
    const { figure, reference } = await interleave(
      { figure: () => measure(ours, seconds), reference: () => measure(theirs, seconds) },
      rounds,
    );
    const common = { reference, against: 'bare Yoga `{ hello }`', unit: 'requests/s' };
    const keys = await addKeys(russet.databaseUrl, 20_000);
    const many = await interleave(
      { figure: () => load.perSecond(ours, { connections: 16, seconds, keys }) },
      Math.min(2, rounds),
    );
    return {
      goals: [
        { ...common, what: 'signed-in `viewer { id }`', figure, least: 0.6 },
        { ...common, what: 'the same, each request with a key that was not used lately', figure: many.figure },
      ],
      notes: [
        '16 connections. A key that was looked up is known for a second, while news of revoked keys arrive; with one key, as a single client asks, that saves most looks into the database. The second line asks with 20,000 keys in turn, so that each is looked up. The bare Yoga signs nobody in.',
      ],
    };
  } finally {
    await load.stop();
    await bare.stop();
    await russet.stop();
  }
}
