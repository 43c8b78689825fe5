/** Four workers under load that are killed all the time. One test file for each answer of Apple to a repeat: they take long. @module */
import { afterEach, describe, expect, test } from 'vitest';
import { check } from './checker/index.ts';
import { failpoints, runCrew } from './crew.ts';
import { startLoad } from './load.ts';
import { comeToRest } from './quiet.ts';
import { randomOf, seedsFor } from './seeds.ts';
import { type System, startSystem } from './system.ts';
import { startWitness } from './witness.ts';

const perPoint = Number(process.env.CHAOS_PER_POINT ?? 10);
const atRandom = Number(process.env.CHAOS_AT_RANDOM ?? 50);
/** Longest time for all deaths, in milliseconds. */
const within = 900_000;

/** Defines the test; `repeatAssociate` is what Apple makes of a write that comes twice. */
export function killThemAllTheTime(repeatAssociate: 'success' | 'failure'): void {
  let system: System | undefined;
  afterEach(() => system?.processes.close());
  const [seed = 0] = seedsFor(1);
  describe('F12 four workers under load are killed all the time, and nothing is lost, stuck or doubled', () => {
    test(`F12 ${perPoint} times at each named point and ${atRandom} times at random, a repeat at Apple is a ${repeatAssociate}`, async () => {
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
    }, 1_200_000);
  });
}

/** A dead worker's work goes on after a second or two. */
const swift = {
  WORKER_HEARTBEAT_SECONDS: '0.3',
  WORKER_DEAD_SECONDS: '1',
  WORKER_SWEEP_SECONDS: '0.5',
  WORKER_CONCURRENCY: '4',
  UNKNOWN_OUTCOME_SECONDS: '3',
};
