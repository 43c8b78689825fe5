/** The doorbells alone bring all work to its end: nothing is left for the sweep, which is there for lost jobs only. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { JobName } from '../../../src/db/enqueue.ts';
import { reserveBlocks } from '../../../src/domain/license/reserve-blocks.ts';
import { claimToken } from '../../../src/domain/token/claim.ts';
import { jobs } from '../../../src/jobs/registry.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  Crash,
  crashAt,
  eventFault,
  expectSound,
  faultOnce,
  giveApp,
  makeDevices,
  poolOf,
  revoke,
  taskOf,
} from '../license/support.ts';

let world: World;
let own: bigint;
let district: bigint;
beforeAll(async () => {
  world = await createWorld({ settings: { pollEvery: 30_000 } });
  own = await world.library('own');
  district = await world.library('district');
  await world.database.pool.query('DELETE FROM graphile_worker._private_jobs');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

interface QueuedJob {
  id: string;
  name: JobName;
  payload: unknown;
  runAt: Date;
}

/** Runs the queue's jobs one after another, each at its own time, until none is left. Gives how many there were. */
async function runJobs(): Promise<number> {
  for (let done = 0; done < 500; done++) {
    const { rows } = await world.database.pool.query<QueuedJob>(`
      WITH next AS (SELECT j.id FROM graphile_worker._private_jobs j ORDER BY j.run_at, j.id LIMIT 1)
      DELETE FROM graphile_worker._private_jobs j USING next, graphile_worker._private_tasks t WHERE j.id = next.id AND t.id = j.task_id
      RETURNING j.id::text, t.identifier AS name, j.payload, j.run_at AS "runAt"`);
    const [job] = rows;
    if (!job) return done;
    if (job.runAt > world.clock.now()) await world.clock.set(job.runAt);
    await jobs[job.name](world.services, job.payload, 'test');
  }
  throw new Error('the jobs do not end');
}

test('giving and taking back', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 3);
  const taskId = await associate(world, app, devices);
  await runJobs();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  const back = await revoke(world, app, devices);
  await runJobs();
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL' });
});

test('a revoke behind a request, an unknown outcome, Apple asking to wait, an event that hangs', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 3);
  faultOnce(world, { kind: 'reset', when: 'before' });
  faultOnce(world, { kind: 'error', errorNumber: 9646, retryAfter: 30 }, 'getAssignments');
  faultOnce(world, { kind: 'error', errorNumber: 9729 }, 'eventStatus');
  faultOnce(world, eventFault({ stuckAfter: 0 }), 'disassociateAssets');
  const taskId = await associate(world, app, devices);
  await runJobs();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  const back = await revoke(world, app, devices);
  await runJobs();
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 3n });
});

test('a large request whose last block gives nothing: the first block still goes out, through each of its tokens', async () => {
  const app = await giveApp(world, own, { total: 10 });
  await giveApp(world, district, { adamId: app.adamId, total: 10_000 });
  const second = await giveApp(world, own, { total: 10_000 });
  const devices = await makeDevices(world, 5_010);
  const last = devices.slice(5_000);
  const before = await associate(world, [app, second], last);
  await runJobs();
  expect(await taskOf(world, before)).toMatchObject({ outcome: 'ALL' });
  const taskId = await associate(world, [app, second], devices);
  // The worker dies in the last block; the writers that the first one woke find nothing that may be sent yet.
  crashAt(world, 'reserved', 2);
  await expect(runJobs()).rejects.toThrow(Crash);
  await runJobs();
  expect(await poolOf(world, app, district)).toMatchObject({ held: 0n, reserved: 5_000n });
  await reserveBlocks(world.services, { organizationId: world.organizationId, taskId }, 'test');
  await runJobs();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 10_000n, failed: 20n });
  expect(await poolOf(world, app, district)).toMatchObject({ held: 5_000n });
});

test('a library taken over and claimed back', async () => {
  const app = await giveApp(world, own);
  await world.clock.advance(300_000);
  faultOnce(world, { kind: 'foreignMdmInfo' }, 'getClientConfig');
  const taskId = await associate(world, app, await makeDevices(world, 2));
  const { rows } = await world.database.pool.query(
    "SELECT 1 FROM graphile_worker.jobs WHERE task_identifier = 'write-licenses'",
  );
  expect(rows).toHaveLength(1);
  await jobs['write-licenses'](
    world.services,
    { organizationId: String(world.organizationId), tokenId: String(own) },
    'test',
  );
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  await claimToken(world.admin, { tokenId: own });
  await runJobs();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
});
