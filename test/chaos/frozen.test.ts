import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { Child } from '../support/process-child.ts';
import { check } from './support/checker/index.ts';
import { startLoad } from './support/load.ts';
import { comeToRest } from './support/quiet.ts';
import { randomOf, seedsFor } from './support/seeds.ts';
import { type System, startSystem } from './support/system.ts';

/** How often a worker is frozen. */
const freezes = 6;

let system: System | undefined;

afterEach(() => system?.processes.close());

/** Stops the process for so long that others take its work, then lets it go on as if nothing had been. */
async function freeze(worker: Child, milliseconds: number): Promise<void> {
  worker.signal('SIGSTOP');
  await systemClock.sleep(milliseconds);
  worker.signal('SIGCONT');
}

describe('F12 two APIs and two workers on one PostgreSQL', () => {
  test.each(seedsFor(1).map((seed) => [seed]))(
    'F12 a worker is frozen past its lease and wakes late, again and again, seed %s: it writes nothing that was taken over',
    async (seed) => {
      const random = randomOf('frozen', seed);
      system = await startSystem({ env: { WORKER_HEARTBEAT_SECONDS: '0.3', UNKNOWN_OUTCOME_SECONDS: '2' } });
      const { processes, libraries } = system;
      const { simulator, db } = processes;
      await simulator.setOptions({ eventBatchMs: 50, eventBatchSize: 5 });
      const workers = await Promise.all([processes.worker(), processes.worker()]);
      const load = startLoad({ system, random });
      for (let times = 0; times < freezes; times++) {
        await systemClock.sleep(random.integer(1_000));
        await freeze(workers[times % workers.length]!, 3_000 + random.integer(1_500));
      }

      const stuck = await comeToRest(system, load, { sync: false, sameWorkers: true });
      const { told } = load;
      console.log(`${told.accepted.length} requests accepted`);
      const given = { seed: String(seed), simulator, db, told, libraries, outages: 'none', writesOnce: true } as const;
      expect([...stuck, ...(await check(given))]).toEqual([]);
      for (const worker of workers) {
        expect(worker.ended()).toBeUndefined();
        expect(worker.output()).toContain('workers stopped beating');
      }
      expect(told.accepted.length).toBeGreaterThan(freezes * 2);
    },
    300_000,
  );
});
