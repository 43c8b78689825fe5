import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/simulator/random.ts';
import { check } from './support/checker/index.ts';
import { startLoad } from './support/load.ts';
import { type OwnPostgres, startOwnPostgres } from './support/own-postgres.ts';
import { comeToRest } from './support/quiet.ts';
import { randomOf, seedsFor } from './support/seeds.ts';
import { type System, startSystem } from './support/system.ts';

/** Crashes of PostgreSQL in one run. */
const crashes = 3;

let system: System | undefined;

afterEach(() => system?.processes.close());

/** Ends the connections by which the APIs are told of news. Gives how many there were. */
async function breakListeners({ processes }: System): Promise<number> {
  const { rowCount } = await processes.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'russet listen'`,
  );
  return rowCount ?? 0;
}

/** Breaks listeners a few times, then crashes the server; again and again. */
async function disturb(running: System, postgres: OwnPostgres, random: Random): Promise<number> {
  let broken = 0;
  for (let crash = 0; crash < crashes; crash++) {
    for (let times = 0; times < 3; times++) {
      await systemClock.sleep(500 + random.integer(1_500));
      broken += await breakListeners(running);
    }
    await postgres.crash();
  }
  await systemClock.sleep(3_000);
  return broken;
}

describe('F12 two APIs and two workers on one PostgreSQL', () => {
  test.each(seedsFor(1).map((seed) => [seed]))(
    'F12 PostgreSQL crashes under load and listeners break, seed %s: what was acknowledged is there, and nobody has to be started again',
    async (seed) => {
      const random = randomOf('postgres', seed);
      const postgres = await startOwnPostgres();
      system = await startSystem({ database: postgres });
      const { processes, libraries, apis } = system;
      const { simulator, db } = processes;
      await simulator.setOptions({ eventBatchMs: 50, eventBatchSize: 5 });
      const workers = await Promise.all([processes.worker(), processes.worker()]);
      const load = startLoad({ system, random });
      const broken = await disturb(system, postgres, random);

      const stuck = await comeToRest(system, load, { sync: false, sameWorkers: true });
      const { told } = load;
      console.log(
        `${told.accepted.length} requests accepted, ${told.errors.length} unanswered, ${broken} listeners broken`,
      );
      const found = await check({ seed: String(seed), simulator, db, told, libraries, outages: 'database' });
      if (stuck.length > 0) for (const { output } of workers) console.log(output().slice(-6_000));
      expect([...stuck, ...found]).toEqual([]);
      for (const child of [...workers, ...apis.map((api) => api.child)]) expect(child.ended()).toBeUndefined();
      expect(broken).toBeGreaterThanOrEqual(crashes);
      expect(told.accepted.length).toBeGreaterThan(crashes * 3);
    },
    300_000,
  );
});
