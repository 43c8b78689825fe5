import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { Child } from '../support/process-child.ts';
import { check } from './support/checker/index.ts';
import { startLoad } from './support/load.ts';
import { runMisfortunes } from './support/misfortunes.ts';
import { comeToRest } from './support/quiet.ts';
import { randomOf, seedsFor } from './support/seeds.ts';
import { type System, startSystem } from './support/system.ts';
import { startWitness } from './support/witness.ts';

/** Milliseconds of load for each seed. */
const duration = Number(process.env.CHAOS_SECONDS ?? 25) * 1_000;

let system: System | undefined;

/** After a third of the time a worker dies, after two thirds an API; both have successors. */
async function replaceSome({ apis, processes }: System, worker: Child, third: number): Promise<void> {
  await systemClock.sleep(third);
  worker.signal('SIGKILL');
  await processes.worker();
  await systemClock.sleep(third);
  apis[0]!.child.signal('SIGKILL');
  apis[0] = await processes.api();
}

afterEach(() => system?.processes.close());

describe('F8 F12 Apple stumbles in every way there is, seats move from outside, a worker and an API die', () => {
  test.each(seedsFor(3).map((seed) => [seed]))(
    'F8 F12 seed %s: nothing lost, stuck or doubled',
    async (seed) => {
      const random = randomOf('misfortunes', seed);
      system = await startSystem({ seats: true });
      const { processes, libraries } = system;
      const { simulator, db } = processes;
      const [worker] = await Promise.all([processes.worker(), processes.worker()]);
      await simulator.setOptions({
        repeatAssociate: random.pick(['success', 'failure']),
        disassociateUnassigned: random.pick(['success', 'failure']),
        numCompletedCounts: random.pick(['successes', 'all']),
      });
      const witness = startWitness(simulator, libraries);
      const load = startLoad({ system, random, outside: true });
      const [rounds] = await Promise.all([
        runMisfortunes(simulator, random, AbortSignal.timeout(duration)),
        replaceSome(system, worker, duration / 3),
      ]);

      const stuck = await comeToRest(system, load, { sync: true, within: 150_000 });
      await witness.stop();
      const { told } = load;
      const { overruns } = witness;
      console.log(`${told.accepted.length} requests accepted, ${told.movedOutside.size} seats moved outside`);
      const found = await check({ seed: String(seed), simulator, db, told, libraries, overruns, outages: 'api' });
      expect([...stuck, ...found]).toEqual([]);
      expect(rounds).toBeGreaterThan(duration / 2_500);
      expect(told.accepted.length).toBeGreaterThan(10);
      const met = new Set((await simulator.journal()).flatMap((entry) => entry.faults ?? []));
      expect(met.size).toBeGreaterThan(2);
    },
    300_000,
  );
});
