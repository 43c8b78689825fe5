import { afterEach, describe, expect, test } from 'vitest';
import { check } from './support/checker/index.ts';
import { failpoints, runCrew } from './support/crew.ts';
import { startLoad } from './support/load.ts';
import { comeToRest } from './support/quiet.ts';
import { randomOf, seedsFor } from './support/seeds.ts';
import { type System, startSystem } from './support/system.ts';
import { startWitness } from './support/witness.ts';

const perPoint = Number(process.env.CHAOS_PER_POINT ?? 10);
const atRandom = Number(process.env.CHAOS_AT_RANDOM ?? 50);
/** Longest time for all deaths, in milliseconds. */
const within = 900_000;

let system: System | undefined;

afterEach(() => system?.processes.close());

describe('F12 four workers under load are killed all the time, and nothing is lost, stuck or doubled', () => {
  const [seed = 0] = seedsFor(1);
  test.each([['success'], ['failure']] as const)(
    `F12 ${perPoint} times at each named point and ${atRandom} times at random, a repeat at Apple is a %s`,
    async (repeatAssociate) => {
      const random = randomOf(`kills, a repeat is a ${repeatAssociate}`, seed);
      system = await startSystem({ env: swift, seats: true });
      const { processes, libraries } = system;
      const { simulator, db } = processes;
      await simulator.setOptions({
        repeatAssociate,
        limits: { maxSerialNumbers: 40 },
        eventBatchMs: 50,
        eventBatchSize: 5,
      });
      const witness = startWitness(simulator, libraries);
      const load = startLoad({ system, random, busy: true });
      const deaths = await runCrew({
        processes,
        random,
        size: 4,
        perPoint,
        atRandom,
        signal: AbortSignal.timeout(within),
      });
      console.log(`deaths: ${JSON.stringify(deaths)}; ${load.told.accepted.length} requests accepted`);

      const stuck = await comeToRest(system, load, { sync: false });
      await witness.stop();
      const { told } = load;
      const { overruns } = witness;
      const found = await check({ seed: String(seed), simulator, db, told, libraries, overruns, outages: 'none' });
      expect([...stuck, ...found]).toEqual([]);
      for (const point of failpoints) expect(deaths[point], `deaths at ${point}`).toBeGreaterThanOrEqual(perPoint);
      expect(deaths.random).toBeGreaterThanOrEqual(atRandom);
      expect(told.accepted.length).toBeGreaterThan(perPoint);
      expect(witness.looks).toBeGreaterThan(perPoint);
    },
    1_200_000,
  );
});

/** A dead worker's work goes on after a second or two. */
const swift = {
  WORKER_HEARTBEAT_SECONDS: '0.3',
  WORKER_DEAD_SECONDS: '1',
  WORKER_SWEEP_SECONDS: '0.5',
  WORKER_CONCURRENCY: '4',
  UNKNOWN_OUTCOME_SECONDS: '3',
};
