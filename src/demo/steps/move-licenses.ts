/** Licenses that change hands: the task and the counts of the app, watched together. @module */
import { duration, now } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import type { Numbers, SeenChange } from '../report.ts';
import type { Run } from '../step.ts';
import { clip, formatCount } from '../terminal/text.ts';
import { type CountWatch, watchCounts } from './watch-counts.ts';
import { expectAll, watchTask } from './watch-task.ts';

/** Longest wait for the counts after the task has ended, in milliseconds. */
const patience = 10_000;

/** What to do. */
export interface Move {
  appId: string;
  /** Asks for it; gives the id of the task. */
  request(): Promise<string>;
  /** By how much `used` must change. */
  expected: number;
  /** Where what was seen is kept, also when it goes wrong later. */
  keep(seen: SeenChange): void;
}

/** Subscribes to the counts first, so that no move of them is missed; then asks, and watches until all is settled. */
export async function moveLicenses(run: Run, { appId, request, expected, keep }: Move): Promise<SeenChange> {
  const counts = await watchCounts(run, appId);
  try {
    const began = now();
    const taskId = await request();
    const below = {
      lines: () => [`  ${countsLine(run, counts.newest())}`],
      key: () => countsText(counts.newest()),
      onChange: counts.onChange,
    };
    const task = await watchTask(run, { taskId, unit: 'licenses', began, below });
    const settled = await counts.until(isSettled(counts.before.used + expected), patience);
    const seen = { task, before: counts.before, after: counts.newest(), counts: [...counts.seen] };
    keep(seen);
    expectAll(task);
    if (!settled) throw doNotAddUp(counts, expected);
    return seen;
  } finally {
    await counts.stop();
    run.screen.clear();
  }
}

/** How the counts of an app read in one line, e.g. `total 300 · available 50 · used 250`. */
export function countsText({ total, available, used, pending }: Numbers): string {
  const parts = [`total ${formatCount(total)}`, `available ${formatCount(available)}`, `used ${formatCount(used)}`];
  return [...parts, ...(pending > 0 ? [`pending ${formatCount(pending)}`] : [])].join(' · ');
}

function countsLine({ screen }: Run, numbers: Numbers): string {
  return screen.paint('dim', clip(`${'counts'.padEnd(14)} ${countsText(numbers)}`, screen.width - 2));
}

function isSettled(used: number): (numbers: Numbers) => boolean {
  return (numbers) => numbers.pending === 0 && numbers.used === used;
}

function doNotAddUp({ before, newest }: CountWatch, expected: number): DemoFailure {
  return new DemoFailure('COUNTS', 'The counts did not move as they should have.', [
    `before: ${countsText(before)}`,
    `wanted: used ${formatCount(before.used + expected)}, nothing pending`,
    `after ${duration(patience)}: ${countsText(newest())}`,
    'Somebody else who moves licenses of this app at the same time would explain it.',
  ]);
}
