/** Follows a task to its end, with a bar that moves. @module */
import { now } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import { isLast, type TaskEvent } from '../live.ts';
import { rateMeter } from '../rate.ts';
import type { SeenTask } from '../report.ts';
import type { Run } from '../step.ts';
import { progressLine } from '../terminal/progress-bar.ts';

/** What to follow, and how to show it. */
export interface Watched {
  taskId: string;
  /** What is counted, e.g. `pages`. */
  unit: string;
  /** When it was asked for, as {@link now} tells it. */
  began: number;
  /** Lines below the bar, and a way to be told when they change. */
  below?: { lines(): string[]; key(): string; onChange(redraw: () => void): void };
}

/** Shows every event until the last one. */
export async function watchTask({ live, screen, signal }: Run, watched: Watched): Promise<SeenTask> {
  const seen: SeenTask = { ...nothing, id: watched.taskId, phases: [], seqs: [] };
  const rateOf = rateMeter();
  let bar = `  ${emptyBar(watched.unit)}`;
  let key = '';
  const draw = () =>
    screen.show({ lines: [bar, ...(watched.below?.lines() ?? [])], key: `${key} ${watched.below?.key()}` });
  watched.below?.onChange(draw);
  for await (const event of live.task(watched.taskId, () => {
    seen.reconnects += 1;
  })) {
    note(seen, event);
    bar = `  ${barOf(event, rateOf(event), watched.unit)}`;
    key = `${event.task.state} ${event.task.phase} ${isLast(event)}`;
    draw();
  }
  signal.throwIfAborted();
  seen.milliseconds = Math.round(now() - watched.began);
  return seen;

  function emptyBar(unit: string): string {
    return progressLine({ label: 'asked', done: 0, total: 0, unit, rate: null }, screen.width - 2, screen.paint);
  }

  function barOf({ task }: TaskEvent, rate: number | null, unit: string): string {
    // What Apple says is done counts for the bar already; it is settled when Apple is through.
    const doneSoFar = Number(task.completed) + Number(task.reported);
    const [total, failed] = [Number(task.requested), Number(task.failed)];
    return progressLine(
      { label: labelOf(task), done: doneSoFar, total, unit, rate, failed },
      screen.width - 2,
      screen.paint,
    );
  }
}

const nothing = {
  ...{ state: 'QUEUED', outcome: null, requested: 0, completed: 0, failed: 0, cause: null },
  ...{ gapless: true, reconnects: 0, milliseconds: 0 },
};

/** Ends the demo unless the task did all of its work. */
export function expectAll({ state, outcome, cause, completed, failed }: SeenTask): void {
  if (state === 'SUCCEEDED' && (outcome === null || outcome === 'ALL')) return;
  const counts = `completed: ${completed}, failed: ${failed}`;
  if (cause) throw new DemoFailure(cause.code, cause.message, [`state: ${state}`, counts]);
  throw new DemoFailure(`TASK_${state}`, `The task ended as ${state} with the outcome ${outcome ?? 'none'}.`, [counts]);
}

function note(seen: SeenTask, { seq, snapshot, expired, task }: TaskEvent): void {
  const number = Number(seq);
  const previous = seen.seqs.at(-1);
  if (expired || (previous !== undefined && (snapshot || number !== previous + 1))) seen.gapless = false;
  seen.seqs.push(number);
  if (task.phase !== null && seen.phases.at(-1) !== task.phase) seen.phases.push(task.phase);
  seen.state = task.state;
  seen.outcome = task.outcome;
  seen.requested = Number(task.requested);
  seen.completed = Number(task.completed);
  seen.failed = Number(task.failed);
  seen.cause = task.cause && { code: task.cause.code, message: task.cause.message };
}

const words: Record<string, string> = { APPLE: 'waits: Apple', TOKEN_RENEWAL: 'waits: token' };

function labelOf({ state, phase, waitsFor }: TaskEvent['task']): string {
  if (state === 'WAITING') return words[waitsFor ?? ''] ?? 'waiting';
  return (state === 'RUNNING' && phase !== null ? phase : state).toLowerCase();
}
