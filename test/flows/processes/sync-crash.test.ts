import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { endOfTask, readTask, startSync, uploadToken } from '../../support/process-steps.ts';
import { expectSynced, expectWholeHistory, library } from '../../support/process-truth.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

const pageSize = 10;

let processes: Processes;
let api: ApiProcess;

beforeAll(async () => {
  processes = await startProcesses({
    simulator: [
      '--licenses',
      '500',
      '--devices',
      '100',
      '--page-size',
      String(pageSize),
      '--max-requests-per-second',
      '60',
    ],
  });
  api = await processes.api();
}, 60_000);
afterAll(() => processes.close());

/** Numbers of the pages of assignments that were asked for since entry `since` of the journal. */
async function pagesSince(since: number): Promise<number[]> {
  const reads = await processes.simulator.journal({ since, operation: 'getAssignments' });
  return reads.filter((entry) => entry.uId === library).map((entry) => Number(entry.query.pageIndex ?? 0));
}

test('F12 S65 a worker is killed in the middle of a sync of 50 pages, another one goes on at the next page', async () => {
  const tokenId = await uploadToken(api, (await processes.simulator.token('own')).text);
  const victim = await processes.worker({ RUSSET_FAILPOINT: 'sync-block:20' });
  const taskId = await startSync(api, tokenId);
  // Nobody waits for fifty pages.
  expect((await readTask(api, taskId)).state).not.toBe('SUCCEEDED');
  expect(await eventually(() => victim.ended(), 40_000)).toBe('SIGKILL');
  const died = performance.now();
  const last = (await processes.simulator.journal()).at(-1)!.n;
  await processes.worker();

  const task = await endOfTask(api, taskId, 30_000);
  const took = performance.now() - died;
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: task.requested, failed: 0 });
  expect(took).toBeLessThan(30_000);
  const pages = Math.ceil((await processes.simulator.truth(library)).assignments.length / pageSize);
  expect(pages).toBeGreaterThanOrEqual(50);
  // 20 pages were merged by the dead one: those are never asked for again, the others are.
  const again = (await pagesSince(last)).sort((a, b) => a - b);
  expect(again).toEqual(Array.from({ length: pages - 20 }, (_, index) => 20 + index));
  await expectSynced(processes);
  await expectWholeHistory(processes, taskId);
}, 90_000);
