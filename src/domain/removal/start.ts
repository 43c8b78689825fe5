import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { DomainError } from '../errors.ts';
import type { Pair } from '../install/facts.ts';
import { type StartedOperation, startOperations } from '../operation/start.ts';
import type { TaskFailure } from '../task/failures.ts';
import { type RemovalFacts, readRemovalFacts } from './facts.ts';
import { removalRefusal } from './judge.ts';
import type { RemovalOrder } from './order.ts';

/** One app that is to go from one device. */
export interface NewRemoval extends Pair {
  /** The license that goes back with it; null when none does. */
  licenseId: bigint | null;
}

/** A pair and whether its app can be removed. */
export interface JudgedPair {
  facts: RemovalFacts;
  /** Null when it can. */
  refusal: DomainError | null;
}

/** Looks at each pair. Those of devices that are not there any more are left out. */
export async function judgePairs(context: Context, tx: Tx, pairs: readonly Pair[]): Promise<JudgedPair[]> {
  const facts = await readRemovalFacts(context, tx, pairs);
  return facts.map((one) => ({ facts: one, refusal: removalRefusal(one) }));
}

/**
 * Adds removals to a task; gives those that were added, for an app that something else began with meanwhile is passed over.
 * A license that goes second is given back by the operation's end; one that goes first is awaited. Comes before licenses
 * are taken back, so that none of them ends unnoticed.
 */
export function addRemovals(
  context: Context,
  tx: Tx,
  taskId: bigint,
  order: RemovalOrder,
  removals: readonly NewRemoval[],
): Promise<StartedOperation[]> {
  return startOperations(
    context,
    tx,
    { kind: 'REMOVE', taskId },
    removals.map(({ deviceId, appId, licenseId }) => ({
      deviceId,
      appId,
      licenseId,
      releaseLicense: order === 'APP_FIRST' && licenseId !== null,
      state: order === 'LICENSE_FIRST' && licenseId !== null ? 'WAITING_FOR_LICENSE' : 'READY',
    })),
  );
}

/** A pair that is not removed, as an item of the task. */
export function removalFailure(
  { appId, deviceId, serialNumber }: RemovalFacts,
  { code, message }: DomainError,
): TaskFailure {
  return { code, message, appId, deviceId, serialNumber };
}
