/** A bulk association from the mutation to the last confirmed license, against the calls to Apple alone. @module */
import { withClient } from '../lib/postgres.mjs';
import { createRusset } from '../lib/russet.mjs';
import { spread } from '../lib/statistics.mjs';
import { endOfTask, globalIds, startAssociation, startSync, uploadOwnToken } from '../lib/tasks.mjs';
import { associateBare } from '../references/bare-apple-calls.mjs';

export const title = 'Bulk association';

/** Library of the simulator's token `own`. */
const library = '900000000000000101';
const apps = 10;
/** Apple's limits as the simulator publishes them. */
const limits = { assets: 25, serialNumbers: 1_000 };
const adamIds = (/** @type {number} */ first) => Array.from({ length: apps }, (_, index) => String(first + index));

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, rounds, quick }) {
  const devices = quick ? 1_500 : 10_000;
  const figure = [];
  const reference = [];
  const calls = [];
  for (let round = 0; round < Math.min(3, rounds); round++) {
    const measured = await measure(postgres, devices);
    figure.push(measured.ours);
    reference.push(measured.bare);
    calls.push(measured.calls);
  }
  const least = Math.ceil(apps / limits.assets) * Math.ceil(devices / limits.serialNumbers);
  const many = (apps * devices).toLocaleString('en-US');
  return {
    goals: [
      {
        what: `${many} licenses, from the mutation to the last one confirmed`,
        figure: spread(figure),
        reference: spread(reference),
        against: 'the calls to Apple alone',
        unit: 'licenses/s',
      },
      {
        what: `write calls to Apple for ${many} licenses`,
        figure: spread(calls),
        reference: spread([least]),
        against: 'ceil(n / limit)',
        unit: 'calls',
        most: 1.05,
      },
    ],
    notes: [
      `${apps} apps to ${devices.toLocaleString('en-US')} devices. The simulator ends an event as soon as it is asked for it and allows 100,000 requests a second; Russet asks every half second, as in any sandbox. The simulator's journal counts the calls, repeated ones included.`,
      'The calls alone are the same ones from a plain loop that keeps nothing.',
    ],
  };
}

/** @param {import('../lib/postgres.mjs').Postgres} postgres @param {number} devices */
async function measure(postgres, devices) {
  const russet = await createRusset(postgres);
  try {
    const simulator = await russet.simulator(['--max-requests-per-second', '100000', '--event-batch-ms', '0']);
    const [ours, theirs] = [adamIds(9_300_000_000), adamIds(9_400_000_000)];
    for (const adamId of [...ours, ...theirs])
      await simulator.admin('addAsset', { uId: library, adamId, total: devices * 2 });
    const api = await russet.api();
    await russet.worker();
    await uploadOwnToken(api, simulator);
    await endOfTask(russet.databaseUrl, await startSync(api));
    const serialNumbers = await listDevices(api, devices);
    const rows = await readRows(russet.databaseUrl, ours);
    await simulator.admin('clearJournal');
    const { seconds, completed, failed } = await endOfTask(russet.databaseUrl, await startAssociation(api, rows));
    if (completed !== apps * devices || failed > 0) throw new Error(`${completed} were done and ${failed} failed`);
    const calls = (await simulator.admin('journal', { operation: 'associateAssets' })).length;
    const { text } = await simulator.admin('tokenFile', { name: 'own' });
    const bare = await associateBare(simulator.ready.url, text, {
      adamIds: theirs,
      serialNumbers,
      perCall: limits.serialNumbers,
    });
    return { ours: (apps * devices) / seconds, bare, calls };
  } finally {
    await russet.stop();
  }
}

/** @param {import('../lib/russet.mjs').Api} api @param {number} count */
async function listDevices(api, count) {
  const serialNumbers = Array.from({ length: count }, (_, index) => `BENCH${String(index + 1).padStart(7, '0')}`);
  const devices = serialNumbers.map((serialNumber) => ({ serialNumber, family: 'IPAD', osVersion: '18.1' }));
  const { upsertDevices } = await api.ask(
    `mutation ($input: UpsertDevicesInput!) { upsertDevices(input: $input) {
      ... on UpsertDevicesPayload { created } ... on UserError { code message }
    } }`,
    { input: { devices } },
  );
  if (upsertDevices.created !== count) throw new Error(`the devices were refused: ${JSON.stringify(upsertDevices)}`);
  return serialNumbers;
}

/** @param {string} databaseUrl @param {string[]} of adamIds */
function readRows(databaseUrl, of) {
  return withClient(databaseUrl, async (client) => {
    const found = await client.query('SELECT id FROM app WHERE adam_id = ANY ($1)', [of]);
    const devices = await client.query(`SELECT id FROM device WHERE origin = 'LIST' ORDER BY id`);
    return {
      appIds: globalIds(
        'App',
        found.rows.map(({ id }) => id),
      ),
      deviceIds: globalIds(
        'Device',
        devices.rows.map(({ id }) => id),
      ),
    };
  });
}
