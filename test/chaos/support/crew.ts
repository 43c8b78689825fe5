/** Workers that die: each at a named point or at a random time, and each has a successor until the plan is fulfilled. @module */
import type { Failpoint } from '../../../src/domain/context.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Child } from '../../support/process-child.ts';
import type { Processes } from '../../support/processes.ts';
import { shuffled } from './seeds.ts';

/** All named points. */
export const failpoints: readonly Failpoint[] = [
  'claimed',
  'reserved',
  'before-call',
  'after-call',
  'polling',
  'settling',
  'done',
  'sync-block',
];

type Death = { point: Failpoint; hits: number } | { after: number };

/** Options of {@link runCrew}. */
export interface CrewOptions {
  processes: Processes;
  random: Random;
  /** Workers side by side. */
  size: number;
  /** Deaths at each named point. */
  perPoint: number;
  /** Deaths at random times. */
  atRandom: number;
  /** Ends it early. */
  signal: AbortSignal;
}

/** Deaths so far: by named point, and `random`. */
export type Deaths = Record<Failpoint | 'random', number>;

/**
 * A worker that did not come to its point within this many milliseconds makes room; its death is planned anew. They count
 * from when it works: on a busy machine a start alone takes as long, and nobody would ever die.
 */
const patience = (point: Failpoint) => (point === 'reserved' ? 30_000 : 10_000);

/** Lets workers die until the plan is fulfilled; none runs afterwards. */
export async function runCrew(options: CrewOptions): Promise<Deaths> {
  const { random } = options;
  const planned: Death[] = [
    ...failpoints.flatMap((point) =>
      Array.from({ length: options.perPoint }, () => ({ point, hits: 1 + random.integer(2) })),
    ),
    ...Array.from({ length: options.atRandom }, () => ({ after: 100 + random.integer(2_400) })),
  ];
  const plan = shuffled(random, planned);
  const deaths = Object.fromEntries([...failpoints, 'random'].map((name) => [name, 0])) as Deaths;
  await Promise.all(Array.from({ length: options.size }, () => fillSeat(options, plan, deaths)));
  return deaths;
}

async function fillSeat(options: CrewOptions, plan: Death[], deaths: Deaths): Promise<void> {
  for (let death = plan.pop(); death && !options.signal.aborted; death = plan.pop()) {
    const worker = options.processes.launchWorker(environmentOf(death));
    if ('after' in death) {
      await killLater(worker, death.after);
      deaths.random += 1;
    } else if (await diesWithin(worker, patience(death.point))) deaths[death.point] += 1;
    else {
      worker.signal('SIGKILL');
      await worker.exit;
      // Not at the end of the plan: the same may be in its way for a while.
      plan.splice(Math.floor(plan.length / 2), 0, { ...death, hits: 1 });
    }
  }
}

function environmentOf(death: Death): Record<string, string> {
  return 'after' in death ? {} : { RUSSET_FAILPOINT: `${death.point}:${death.hits}` };
}

async function killLater(worker: Child, after: number): Promise<void> {
  await worker.ready;
  await systemClock.sleep(after);
  worker.signal('SIGKILL');
  await worker.exit;
}

async function diesWithin(worker: Child, milliseconds: number): Promise<boolean> {
  // One that dies before it is ready has died all the same.
  await worker.ready.catch(() => {});
  const over = new AbortController();
  const late = systemClock.sleep(milliseconds, over.signal).then(
    () => false,
    () => false,
  );
  const died = await Promise.race([worker.exit.then(() => true), late]);
  over.abort();
  if (died && worker.ended() !== 'SIGKILL')
    throw new Error(`a worker ended by itself: ${worker.output().slice(-2_000)}`);
  return died;
}
