/** Reserving seats in bulk against one row after the other. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../lib/postgres.mjs';
import { createRusset } from '../lib/russet.mjs';
import { firstFreeAdamId, seed } from '../lib/seed.mjs';
import { spread } from '../lib/statistics.mjs';
import { globalIds, startAssociation } from '../lib/tasks.mjs';
import { reserveOneByOne } from '../references/one-row-reservations.mjs';

export const title = 'Reserving seats';

/** Apps that both sides together use. */
const apps = 10;

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, rounds, quick }) {
  const devices = quick ? 2_000 : 10_000;
  const naive = quick ? 200 : 2_000;
  const figure = [];
  const reference = [];
  for (let round = 0; round < rounds; round++) {
    const russet = await createRusset(postgres);
    try {
      await seed(russet.databaseUrl, { devices, perDevice: 1, freeApps: 2 * apps });
      const rows = await readRows(russet.databaseUrl);
      const api = await russet.api();
      const worker = await russet.worker();
      const [ours, theirs] = [rows.free.slice(0, apps), rows.free.slice(apps)];
      const few = {
        ...rows,
        poolIds: theirs.map(({ pool }) => pool),
        deviceIds: rows.deviceIds.slice(0, naive / apps),
      };
      const measures = [
        async () => figure.push(await reserveInBlocks(russet, api, ours, rows.deviceIds)),
        async () => reference.push(await reserveOneByOne(russet.databaseUrl, few)),
      ];
      for (const measure of round % 2 === 0 ? measures : measures.toReversed()) {
        await withClient(russet.databaseUrl, (client) => client.query('CHECKPOINT'));
        await measure();
        // Nothing shall be sent while the other side is measured; there is no Apple to send to.
        if (measure === measures[0]) await worker.stop();
      }
    } finally {
      await russet.stop();
    }
  }
  return {
    goals: [
      {
        what: `reserving ${(apps * devices).toLocaleString('en-US')} seats`,
        figure: spread(figure),
        reference: spread(reference),
        against: 'one row after the other',
        unit: 'seats/s',
        least: 20,
      },
    ],
    notes: [
      `\`associateLicenses\` with ${apps} apps and ${devices.toLocaleString('en-US')} devices, which a worker reserves in blocks: from the mutation to the last block, licenses, ledger, task and events written.`,
      `The reference reserves ${naive.toLocaleString('en-US')} seats of other apps in the same tables: a conditional update of the pool and an insert of the license in a transaction each, prepared statements, no ledger.`,
    ],
  };
}

/** @param {string} databaseUrl */
function readRows(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    const free = await client.query(
      `SELECT p.app_id AS app, min(p.id) AS pool FROM license_pool p WHERE p.adam_id::bigint > $1 GROUP BY 1 ORDER BY 1`,
      [firstFreeAdamId],
    );
    const found = await client.query('SELECT organization_id AS organization, id FROM device ORDER BY id');
    return {
      free: free.rows,
      organizationId: found.rows[0].organization,
      deviceIds: found.rows.map(({ id }) => id),
    };
  });
}

/**
 * @param {import('../lib/russet.mjs').Russet} russet @param {import('../lib/russet.mjs').Api} api
 * @param {{ app: string }[]} free @param {string[]} devices
 */
async function reserveInBlocks({ databaseUrl }, api, free, devices) {
  const appIds = globalIds(
    'App',
    free.map(({ app }) => app),
  );
  const task = await startAssociation(api, { appIds, deviceIds: globalIds('Device', devices) });
  return withClient(databaseUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query(
        `SELECT reserved_all AS done, state, cause, extract(epoch FROM clock_timestamp() - created_at)::float8 AS seconds FROM task WHERE id = $1`,
        [task],
      );
      if (rows[0].state === 'FAILED') throw new Error(`the task failed: ${JSON.stringify(rows[0].cause)}`);
      if (rows[0].done) return (free.length * devices.length) / rows[0].seconds;
      await sleep(20);
    }
  });
}
