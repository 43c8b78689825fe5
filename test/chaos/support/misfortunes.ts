/** What goes wrong at Apple, by the seed: a few misfortunes at a time, others every other second. @module */
import { systemClock } from '../../../src/lib/clock.ts';
import type { Fault, FaultMatch } from '../../../src/simulator/index.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { SimulatorProcess } from '../../support/process-simulator.ts';
import { some } from './seeds.ts';

interface Misfortune {
  match: FaultMatch;
  fault: Fault;
}

const writes = ['associateAssets', 'disassociateAssets'];
const reads = ['getAssets', 'getAssignments', 'eventStatus'];

/** All kinds; `share` is the share of the requests that are met. */
function all(random: Random): Misfortune[] {
  const share = 0.1 + random.next() * 0.3;
  const anywhere = { probability: share };
  const write = { probability: share, operation: random.pick(writes) };
  const read = { probability: share, operation: random.pick(reads) };
  const seconds = 1 + random.integer(2);
  return [
    { match: anywhere, fault: { kind: 'error', errorNumber: 9646, retryAfter: seconds } },
    { match: anywhere, fault: { kind: 'error', errorNumber: 9646, retryAfterDate: seconds } },
    { match: write, fault: { kind: 'error', errorNumber: 9729, retryAfter: seconds } },
    { match: read, fault: { kind: 'error', errorNumber: 9729, retryAfterDate: seconds } },
    { match: { ...anywhere, times: 3 }, fault: { kind: 'error', errorNumber: 9603 } },
    { match: write, fault: { kind: 'reset', when: 'after' } },
    { match: write, fault: { kind: 'reset', when: 'before' } },
    { match: { ...read, times: 3 }, fault: { kind: 'reset', when: 'before' } },
    { match: write, fault: { kind: 'html', when: 'after' } },
    { match: { ...anywhere, times: 3 }, fault: { kind: 'html' } },
    { match: write, fault: { kind: 'truncate', bytes: random.integer(30) } },
    { match: { ...read, times: 3 }, fault: { kind: 'truncate' } },
    { match: anywhere, fault: { kind: 'latency', ms: 200 + random.integer(1_000) } },
    { match: { times: 1 }, fault: { kind: 'limits', limits: smallLimits(random) } },
    { match: { operation: 'getAssignments', probability: 0.5 }, fault: { kind: 'versionChanges' } },
    { match: { operation: 'getAssignments', probability: 0.3 }, fault: { kind: 'totalPagesChanges', by: 1 } },
    { match: { operation: 'eventStatus', probability: share }, fault: { kind: 'error', errorNumber: 9708 } },
    { match: write, fault: { kind: 'event', plan: { failAfter: random.integer(4) } } },
    { match: anywhere, fault: { kind: 'unknownField' } },
  ];
}

function smallLimits(random: Random) {
  return { maxAssets: 1 + random.integer(2), maxSerialNumbers: 1 + random.integer(4) };
}

/** Lets things go wrong until `signal`. */
export async function runMisfortunes(
  simulator: SimulatorProcess,
  random: Random,
  signal: AbortSignal,
): Promise<number> {
  let rounds = 0;
  await simulator.setOptions({ countLagSeconds: random.integer(3), eventBatchSize: 3, eventBatchMs: 100 });
  while (!signal.aborted) {
    await simulator.clearFaults();
    for (const misfortune of some(random, all(random), 3)) await simulator.addFault(misfortune);
    rounds += 1;
    await systemClock.sleep(1_000 + random.integer(1_000), signal).catch(() => {});
  }
  await simulator.clearFaults();
  return rounds;
}
