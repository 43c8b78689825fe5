/** What goes wrong at Apple all through a scenario, and what may happen after each refusal. @module */
import type { Fault, FaultMatch } from '../../../src/simulator/index.ts';
import type { World } from '../../support/world.ts';

/** Milliseconds in which Apple wants no call after a refusal, by its number. A date has whole seconds only. */
export const pauses: Readonly<Record<number, number>> = { 9644: 20_000, 9729: 19_000, 9646: 7_000 };

const faults: readonly (readonly [FaultMatch, Fault])[] = [
  // 5 % 503, half of them with a date.
  [{ probability: 0.025 }, { kind: 'error', errorNumber: 9644, status: 503, retryAfter: 20 }],
  [{ probability: 0.025 }, { kind: 'error', errorNumber: 9729, retryAfterDate: 20 }],
  [{ probability: 0.01 }, { kind: 'error', errorNumber: 9646, retryAfter: 7 }],
  // 2 % resets.
  [{ probability: 0.01 }, { kind: 'reset', when: 'after' }],
  [{ probability: 0.01 }, { kind: 'reset', when: 'before' }],
  [{ probability: 0.01 }, { kind: 'html', when: 'after' }],
  [{ probability: 0.01 }, { kind: 'truncate' }],
  [
    { probability: 0.01, operation: 'eventStatus' },
    { kind: 'error', errorNumber: 9708 },
  ],
  [{ probability: 0.1, operation: 'getAssignments' }, { kind: 'versionChanges' }],
  [
    { nth: 4, operation: 'associateAssets' },
    { kind: 'limits', limits: { maxAssets: 1, maxSerialNumbers: 4 } },
  ],
];

/** 30 % of the notifications are lost; of the others many come twice or three times, late, or before their turn. */
const misfortunes = { drop: 0.3, duplicate: 0.5, duplicateNewId: 0.5, reorder: 0.3, late: 0.1, unknownEvent: 0.02 };
const fortunes = Object.fromEntries(Object.keys(misfortunes).map((name) => [name, 0]));

/** Orders them. */
export function orderFaults({ simulator }: World): void {
  for (const [match, fault] of faults) simulator.admin.faults.add({ match, fault });
  simulator.admin.setOptions({ countLagSeconds: 30, notificationMisfortunes: misfortunes });
}

/** Apple is well again. */
export function endFaults({ simulator }: World): void {
  simulator.admin.faults.clear();
  simulator.admin.setOptions({ countLagSeconds: 0, notificationMisfortunes: fortunes });
}
