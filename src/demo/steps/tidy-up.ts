/** What a run that was interrupted left behind. @module */
import { RevokeLicensesDocument, TasksDocument } from '../../generated/operations/graphql.ts';
import { granted } from '../client.ts';
import { now } from '../clock.ts';
import { type Run, remark } from '../step.ts';
import { readHolders } from './read-app.ts';
import type { DemoApp } from './show-apps.ts';
import { expectAll, watchTask } from './watch-task.ts';

/** Waits for license tasks that are still under way. */
export async function awaitOthers(run: Run): Promise<void> {
  const { tasks } = await run.client.ask(TasksDocument, {
    first: 20,
    kinds: ['ASSOCIATE', 'REVOKE'],
    states: ['QUEUED', 'RUNNING', 'WAITING'],
  });
  for (const { node } of tasks.edges) {
    remark(run.screen, 'Another task of licenses is under way; it is awaited first.');
    await watchTask(run, { taskId: node.id, unit: 'licenses', began: now() });
    run.screen.clear();
  }
}

/** Takes the licenses of the app back from those of these devices that hold one. False when none does. */
export async function tidyUp(run: Run, app: DemoApp, serialNumbers: readonly string[]): Promise<boolean> {
  const holders = new Set(await readHolders(run, app.id));
  const left = serialNumbers.filter((serialNumber) => holders.has(serialNumber));
  if (left.length === 0) return false;
  remark(run.screen, `${left.length} licenses of this app that Russet gave out before are taken back first.`);
  const began = now();
  const { revokeLicenses } = await run.client.ask(RevokeLicensesDocument, {
    input: { appIds: [app.id], target: { serialNumbers: left } },
  });
  expectAll(await watchTask(run, { taskId: granted(revokeLicenses).task.id, unit: 'licenses', began }));
  run.screen.clear();
  run.report.tidied = left.length;
  return true;
}
