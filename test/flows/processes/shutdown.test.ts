import { afterAll, beforeAll, expect, test } from 'vitest';
import { school } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { Child } from '../../support/process-child.ts';
import {
  appId,
  eligible,
  endOfTask,
  listDevices,
  readTask,
  serials,
  startAssociation,
  startSync,
  uploadToken,
} from '../../support/process-steps.ts';
import { expectExactlyOnce, expectSynced, expectWholeHistory, lockedJobs } from '../../support/process-truth.ts';
import { watchTask } from '../../support/process-watch.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

let processes: Processes;
let apis: [ApiProcess, ApiProcess];
let tokenId: string;

beforeAll(async () => {
  // Slow enough that the sync would go on for seconds.
  processes = await startProcesses({
    simulator: ['--licenses', '500', '--devices', '100', '--page-size', '10', '--max-requests-per-second', '12'],
  });
  apis = await Promise.all([processes.api(), processes.api()]);
  tokenId = await uploadToken(apis[0], (await processes.simulator.token('own')).text);
}, 60_000);
afterAll(() => processes.close());

/** Milliseconds that the process takes to stop; it must say that all is well. */
async function stopTime(child: Child): Promise<number> {
  const asked = performance.now();
  expect(await child.stop()).toBe(0);
  return performance.now() - asked;
}

test('F12 a worker and an API are told to stop in the middle of a sync: both do within 10 s, and it goes on elsewhere', async () => {
  const leaving = await processes.worker();
  const taskId = await startSync(apis[0], tokenId);
  const { poolId } = await leaving.ready;
  expect(await eventually(() => lockedJobs(processes, { poolId, name: 'sync-token' }))).toBe(1);
  await processes.worker();
  const overSocket = watchTask(apis[0], taskId, { transport: 'ws' });
  const overEvents = watchTask(apis[0], taskId, { transport: 'sse' });
  const elsewhere = watchTask(apis[1], taskId, { transport: 'ws' });
  const under = async () => (await readTask(apis[1], taskId)).completed >= 15;
  expect(await eventually(under, 20_000)).toBe(true);

  const [worker, api] = await Promise.all([stopTime(leaving), stopTime(apis[0].child)]);
  // Within 10 s whatever happens; here the worker must not even wait for the sync to end.
  expect(worker).toBeLessThan(3_000);
  expect(api).toBeLessThan(10_000);
  expect(await lockedJobs(processes, { poolId })).toBe(0);
  expect(leaving.output()).not.toContain('"level":"error"');
  expect(apis[0].child.output()).not.toContain('"level":"error"');

  // The readers of the API that went take it up on the other one.
  const readers = [overSocket, overEvents].map(async (watch) => {
    await expect(watch.done).rejects.toThrow();
    const rest = watchTask(apis[1], taskId, { transport: 'ws', after: watch.events.at(-1)!.cursor });
    await rest.done;
    return [...watch.events, ...rest.events].map((event) => event.seq);
  });
  const task = await endOfTask(apis[1], taskId, 40_000);
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: task.requested, failed: 0 });
  await elsewhere.done;
  for (const seqs of await Promise.all(readers)) {
    expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index));
    expect(seqs.at(-1)).toBe(elsewhere.events.at(-1)!.seq);
  }
  await expectSynced(processes);
  await expectWholeHistory(processes, taskId);
}, 90_000);

test('F12 a worker is told to stop while Apple works on a write: another one settles it, and nothing is sent twice', async () => {
  const { simulator } = processes;
  await processes.killWorkers();
  await simulator.setOptions({ eventBatchMs: 1_500, eventBatchSize: 20 });
  const [, api] = apis;
  const devices = eligible(await simulator.devices()).slice(0, 60);
  await listDevices(api, devices);
  const app = await appId(api, school.exactly300);
  const leaving = await processes.worker();
  const { poolId } = await leaving.ready;
  const taskId = await startAssociation(api, { appIds: [app], target: { serialNumbers: serials(devices) } });
  const confirming = async () => (await readTask(api, taskId)).phase === 'CONFIRMING';
  expect(await eventually(confirming)).toBe(true);
  expect(await lockedJobs(processes, { poolId, name: 'write-licenses' })).toBe(1);
  expect(await stopTime(leaving)).toBeLessThan(3_000);
  expect(await lockedJobs(processes)).toBe(0);

  await processes.worker();
  expect(await endOfTask(api, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 60 });
  await expectExactlyOnce(processes, [school.exactly300], serials(devices));
  await expectWholeHistory(processes, taskId);
  expect(await simulator.journal({ operation: 'associateAssets' })).toHaveLength(1);
}, 60_000);
