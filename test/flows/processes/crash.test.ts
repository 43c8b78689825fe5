import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DeviceSpec, plainApps, type SimulatorOptions } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  appId,
  eligible,
  endOfTask,
  listDevices,
  serials,
  startAssociation,
  startSync,
  uploadToken,
} from '../../support/process-steps.ts';
import { expectExactlyOnce, expectWholeHistory, library, liveJobs, lockedJobs } from '../../support/process-truth.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

/** Where the worker is killed, and what the simulator makes of a repeated write. */
interface Crash {
  failpoint: string;
  repeat: SimulatorOptions['repeatAssociate'];
}

// Only after-call leaves an unknown outcome, so only there may anything be repeated; elsewhere a repeat would be seen.
const crashes: Crash[] = [
  { failpoint: 'after-call', repeat: 'success' },
  ...['claimed', 'before-call', 'after-call', 'polling', 'settling', 'done'].map(
    (failpoint): Crash => ({ failpoint, repeat: 'failure' }),
  ),
];

/** Each crash has an app of its own, with exactly one seat a device: a seat too many would be refused. */
const appOf = (crash: Crash) => String(9_200_000_001 + crashes.indexOf(crash));
const seats = 60;
/** 60 devices make two writes, and three batches of the first one. */
const swift = { limits: { maxSerialNumbers: 40 }, eventBatchMs: 100, eventBatchSize: 15 };

let processes: Processes;
let api: ApiProcess;
let devices: DeviceSpec[];

beforeAll(async () => {
  processes = await startProcesses({ simulator: ['--max-requests-per-second', '1000'] });
  const { simulator } = processes;
  for (const crash of crashes)
    await simulator.addAsset({ uId: library, adamId: appOf(crash), total: seats, supportedPlatforms: ['iOS'] });
  const [first, worker] = await Promise.all([processes.api(), processes.worker()]);
  api = first;
  const tokenId = await uploadToken(api, (await simulator.token('own')).text);
  await endOfTask(api, await startSync(api, tokenId));
  devices = eligible(await simulator.devices());
  await listDevices(api, devices);
  await worker.stop();
}, 60_000);
afterAll(() => processes.close());
beforeEach(() => processes.simulator.setOptions(swift));

afterEach(() => processes.killWorkers());

/**
 * A worker that dies at the failpoint, and another one that takes over. `afterDeath` runs between the two.
 * Gives the task, and the milliseconds from the death to its end.
 */
async function crashAndRescue(
  failpoint: string,
  start: () => Promise<string>,
  afterDeath = async () => {},
): Promise<{ taskId: string; took: number }> {
  const victim = await processes.worker({ RUSSET_FAILPOINT: failpoint });
  const taskId = await start();
  const { poolId } = await victim.ready;
  expect(await eventually(() => lockedJobs(processes, { poolId })), 'the victim takes the job').toBeGreaterThan(0);
  const rescuer = processes.worker();
  expect(await eventually(() => victim.ended()), 'the victim dies').toBe('SIGKILL');
  const died = performance.now();
  await afterDeath();
  const task = await endOfTask(api, taskId, 30_000);
  const took = performance.now() - died;
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: task.requested, failed: 0 });
  // Wake-up calls that are left over would be the next victim's death too soon.
  expect(await eventually(async () => (await liveJobs(processes)) === 0)).toBe(true);
  expect(await (await rescuer).stop()).toBe(0);
  expect(await lockedJobs(processes)).toBe(0);
  return { taskId, took };
}

/** Serial numbers of every write for the app, in the order in which Apple got them. */
async function written(adamId: string): Promise<string[]> {
  const writes = await processes.simulator.journal({ operation: 'associateAssets' });
  return writes.flatMap(({ body }) => (body?.adamIds.includes(adamId) ? body.serials : []));
}

describe('F12 a worker is killed, another one goes on: nothing lost, stuck or doubled', () => {
  test.each(crashes.map((crash) => [crash.failpoint, crash.repeat, crash] as const))(
    'F12 killed at %s, a repeat at Apple is a %s',
    async (_failpoint, _repeat, crash) => {
      const { simulator } = processes;
      const adamId = appOf(crash);
      const chosen = serials(devices.slice(0, seats));
      const app = await appId(api, adamId);
      const repeats = crash.failpoint === 'after-call';
      // Slow enough that Apple has done a part of the first write when the rescuer looks, and the rest afterwards.
      await simulator.setOptions({ repeatAssociate: crash.repeat, ...(repeats ? { eventBatchMs: 400 } : {}) });
      const { taskId, took } = await crashAndRescue(
        crash.failpoint,
        () => startAssociation(api, { appIds: [app], target: { serialNumbers: chosen } }),
        async () => {
          if (!repeats) return;
          await simulator.setOptions({ eventBatchMs: 5_000 });
          await eventually(async () => (await written(adamId)).length > 40, 20_000);
          await simulator.setOptions({ eventBatchMs: 50 });
        },
      );
      expect(took).toBeLessThan(30_000);
      await expectExactlyOnce(processes, [adamId], chosen);
      await expectWholeHistory(processes, taskId);
      const sent = await written(adamId);
      expect(new Set(sent).size).toBe(seats);
      // Only the unknown outcome may be repeated, and only for those that Apple had not done yet.
      if (repeats) expect(sent.length).toBeGreaterThan(seats);
      else expect(sent.length).toBe(seats);
      expect(sent.length).toBeLessThan(seats + 40);
    },
    60_000,
  );

  test('F12 killed in the middle of reserving 10,560 pairs in two blocks', async () => {
    await processes.simulator.setOptions({
      limits: { maxSerialNumbers: 1000 },
      eventBatchMs: 50,
      eventBatchSize: 5_000,
    });
    // The first two have licenses from before.
    const adamIds = plainApps.slice(2);
    const chosen = serials(devices.slice(0, 480));
    const appIds = await Promise.all(adamIds.map((adamId) => appId(api, adamId)));
    const { taskId, took } = await crashAndRescue('reserved:2', () =>
      startAssociation(api, { appIds, target: { serialNumbers: chosen } }),
    );
    expect(took).toBeLessThan(30_000);
    await expectExactlyOnce(processes, adamIds, chosen);
    await expectWholeHistory(processes, taskId);
  }, 60_000);
});
