import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DeviceSpec, school } from '../../../src/simulator/index.ts';
import {
  appId,
  associate,
  eligible,
  endOfTask,
  listDevices,
  rowOf,
  serials,
  startSync,
  uploadToken,
} from '../../support/process-steps.ts';
import { expectExactlyOnce, library } from '../../support/process-truth.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

let processes: Processes;
let apis: [ApiProcess, ApiProcess];
let devices: DeviceSpec[];

beforeAll(async () => {
  processes = await startProcesses({ simulator: ['--max-requests-per-second', '1000'] });
  const { simulator } = processes;
  const [first, second] = await Promise.all([processes.api(), processes.api(), processes.worker()]);
  apis = [first, second];
  const tokenId = await uploadToken(first, (await simulator.token('own')).text);
  await endOfTask(first, await startSync(first, tokenId));
  devices = eligible(await simulator.devices());
  await listDevices(second, devices);
}, 60_000);
afterAll(() => processes.close());

test('S46 the last license, asked for by 100 devices at once over two API processes, goes to exactly one', async () => {
  const { db, simulator } = processes;
  const app = await appId(apis[0], school.oneSeat);
  const answers = await Promise.all(
    serials(devices.slice(0, 100)).map((serial, index) =>
      associate(apis[index % 2]!, { appIds: [app], target: { serialNumbers: [serial] } }),
    ),
  );

  const granted = answers.flatMap((answer) => ('task' in answer ? [answer.task.id] : []));
  const refused = answers.filter((answer) => !('task' in answer));
  expect([granted.length, refused.length]).toEqual([1, 99]);
  const refusal = { code: 'NO_LICENSES_AVAILABLE', requested: 1, available: 0, asOf: expect.any(String) };
  for (const answer of refused) expect(answer).toMatchObject(refusal);
  expect(await endOfTask(apis[1], granted[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1 });

  const { assets } = await simulator.truth(library);
  expect(assets.find(({ adamId }) => adamId === school.oneSeat)).toMatchObject({ total: 1, assigned: 1, available: 0 });
  const pool = await db.query('SELECT total::int, held::int, reserved::int FROM license_pool WHERE adam_id = $1', [
    school.oneSeat,
  ]);
  expect(pool.rows).toEqual([{ total: 1, held: 1, reserved: 0 }]);
  // Never one reserved and given back: the refused ones left no trace in the books.
  const ledger = await db.query<{ kind: string; task: string }>(
    `SELECT kind, task_id AS task FROM ledger JOIN license_pool p ON p.id = pool_id WHERE p.adam_id = $1 ORDER BY ledger.id`,
    [school.oneSeat],
  );
  const task = rowOf(granted[0]!);
  expect(ledger.rows).toEqual(['REQUEST', 'SEND', 'CONFIRM'].map((kind) => ({ kind, task })));
}, 60_000);

test('F12 the same idempotency key five times in parallel over two API processes: one task, one answer', async () => {
  const app = await appId(apis[0], school.exactly300);
  const chosen = serials(devices.slice(0, 30));
  const input = { appIds: [app], target: { serialNumbers: chosen }, idempotencyKey: 'opening-of-school' };
  const answers = await Promise.all([0, 1, 0, 1, 0].map((index) => associate(apis[index]!, input)));

  const tasks = answers.map((answer) => ('task' in answer ? answer.task.id : answer));
  expect(new Set(tasks).size).toBe(1);
  const replayed = answers.map((answer) => 'replayed' in answer && answer.replayed);
  expect(replayed.sort()).toEqual([false, true, true, true, true]);

  expect(await endOfTask(apis[0], String(tasks[0]))).toMatchObject({
    state: 'SUCCEEDED',
    requested: 30,
    completed: 30,
  });
  await expectExactlyOnce(processes, [school.exactly300], chosen);
  expect(await associate(apis[1], input)).toEqual({
    __typename: 'AssociateLicensesPayload',
    replayed: true,
    task: { id: tasks[0] },
  });
  const other = { ...input, target: { serialNumbers: chosen.slice(0, 29) } };
  expect(await associate(apis[1], other)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  const writes = await processes.simulator.journal({ operation: 'associateAssets' });
  expect(writes.filter(({ body }) => body?.adamIds.includes(school.exactly300))).toHaveLength(1);
}, 60_000);
