import { afterAll, beforeAll, expect, test } from 'vitest';
import { school, schoolUnits } from '../../../src/simulator/index.ts';
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
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

let processes: Processes;
let apis: ApiProcess[];

beforeAll(async () => {
  processes = await startProcesses({ simulator: ['--max-requests-per-second', '1000'] });
  apis = await Promise.all([processes.api(), processes.api()]);
  await processes.worker();
});
afterAll(() => processes.close());

test('S46 the last license, asked for by 100 devices at once over two API processes, goes to exactly one', async () => {
  const [api] = apis as [ApiProcess, ApiProcess];
  const { simulator, db } = processes;
  const tokenId = await uploadToken(api, (await simulator.token('own')).text);
  await endOfTask(api, await startSync(api, tokenId));
  const devices = eligible(await simulator.devices()).slice(0, 100);
  await listDevices(api, devices);
  const app = await appId(api, school.oneSeat);

  const answers = await Promise.all(
    serials(devices).map((serial, index) =>
      associate(apis[index % apis.length]!, { appIds: [app], target: { serialNumbers: [serial] } }),
    ),
  );

  const granted = answers.flatMap((answer) => ('task' in answer ? [answer.task.id] : []));
  expect(granted).toHaveLength(1);
  const refused = answers.filter((answer) => !('task' in answer));
  expect(refused).toHaveLength(99);
  for (const answer of refused) {
    expect(answer).toMatchObject({
      code: 'NO_LICENSES_AVAILABLE',
      requested: 1,
      available: 0,
      asOf: expect.any(String),
    });
  }
  expect(await endOfTask(api, granted[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1 });

  const assets = (await simulator.truth(schoolUnits.own)).assets;
  expect(assets.find(({ adamId }) => adamId === school.oneSeat)).toMatchObject({ total: 1, assigned: 1, available: 0 });
  const { rows } = await db.query('SELECT total::int, held::int, reserved::int FROM license_pool WHERE adam_id = $1', [
    school.oneSeat,
  ]);
  expect(rows).toEqual([{ total: 1, held: 1, reserved: 0 }]);
  const ledger = await db.query<{ kind: string; task: string }>(
    'SELECT kind, task_id AS task FROM ledger l JOIN license_pool p ON p.id = l.pool_id WHERE p.adam_id = $1 ORDER BY l.id',
    [school.oneSeat],
  );
  expect(ledger.rows.map((row) => row.kind)).toEqual(['REQUEST', 'SEND', 'CONFIRM']);
  expect(new Set(ledger.rows.map((row) => row.task))).toEqual(new Set([rowOf(granted[0]!)]));
}, 60_000);
