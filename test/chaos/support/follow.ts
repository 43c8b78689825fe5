/** Followers: of a task from its first event to its last, and of the counts, through any number of broken connections. @module */
import { systemClock } from '../../../src/lib/clock.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { connect, type SeenEvent, watchTask } from '../../support/process-watch.ts';
import type { ApiProcess } from '../../support/processes.ts';
import type { Followed, Told, ToldCounts } from './told.ts';

/** How a follower behaves. */
export interface FollowOptions {
  apis: readonly ApiProcess[];
  random: Random;
  told: Told;
  signal: AbortSignal;
  /** Share of connections that it cuts itself after an event or a few. */
  cuts: number;
}

/** Follows a task until its end, taking it up behind the last event on another API whenever the connection is gone. */
export async function followTask(taskId: string, options: FollowOptions): Promise<void> {
  const followed: Followed = { taskId, events: [], connections: 0 };
  options.told.followed.push(followed);
  while (!options.signal.aborted) {
    if (await followOnce(followed, options)) return;
    await systemClock.sleep(100, options.signal).catch(() => {});
  }
}

/** True when the server ended the stream. */
async function followOnce(followed: Followed, { apis, random, cuts, signal }: FollowOptions): Promise<boolean> {
  let untilCut = random.next() < cuts ? 1 + random.integer(3) : Number.POSITIVE_INFINITY;
  const after = followed.events.at(-1)?.cursor;
  const api = random.pick(apis);
  followed.connections += 1;
  const watch = watchTask(api, followed.taskId, {
    transport: random.next() < 0.7 ? 'ws' : 'sse',
    ...(after ? { after } : {}),
    onEvent: (event: SeenEvent) => {
      if (untilCut <= 0) return;
      followed.events.push(event);
      untilCut -= 1;
      if (untilCut === 0) watch.cut();
    },
  });
  const cut = () => watch.cut();
  signal.addEventListener('abort', cut);
  const over = await watch.done.then(
    () => untilCut > 0,
    () => false,
  );
  signal.removeEventListener('abort', cut);
  return over;
}

const countsQuery = `subscription {
  licenseCounts { app { adamId } total available used pending retired }
}`;

/** Follows the counts of all apps on the API at `place`, or its successor there, until `signal`. */
export async function followCounts(
  apis: readonly ApiProcess[],
  place: number,
  told: Told,
  signal: AbortSignal,
): Promise<void> {
  const newest = new Map<string, ToldCounts>();
  told.counts.push(newest);
  while (!signal.aborted) {
    await countsOnce(apis[place]!, newest, signal).catch(() => {});
    await systemClock.sleep(100, signal).catch(() => {});
  }
}

function countsOnce(api: ApiProcess, newest: Map<string, ToldCounts>, signal: AbortSignal): Promise<void> {
  const connection = connect(api, 'ws');
  return new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => {
      connection.cut();
      resolve();
    });
    connection.subscribe<{ licenseCounts: ToldCounts }>(
      { query: countsQuery, variables: {} },
      {
        next: ({ data, errors }) => {
          if (!data) return reject(new Error(JSON.stringify(errors)));
          newest.set(data.licenseCounts.app.adamId, data.licenseCounts);
        },
        error: (error) => reject(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: resolve,
      },
    );
  });
}
