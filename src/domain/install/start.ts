import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type DomainError, OperationInProgressError, UnknownDeviceError } from '../errors.ts';
import { lockPoolsOf } from '../license/transition.ts';
import { type NewOperation, startOperations } from '../operation/start.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures, type TaskFailure } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { type Pair, type PairFacts, pairKey, readPairs } from './facts.ts';
import { type InstallTerms, type LicenseSource, operationOf } from './judge.ts';

/** Installs to be. */
export interface NewInstalls extends InstallTerms {
  pairs: readonly Pair[];
  /** The task whose failed items are tried again. */
  retryOf?: bigint | undefined;
}

/**
 * Starts installs for devices that hold a license, inside the caller's transaction: a task INSTALL, an operation for each
 * pair, and a failure of the task, with its reason, for each that can't be. Gives the task. Licenses that are only asked for
 * come with {@link startAssociation}, option `install`: it starts the task that follows. The last step of its transaction.
 */
export async function startInstalls(context: Context, tx: Tx, installs: NewInstalls): Promise<bigint> {
  const { pairs, retryOf, keepLicenses, unenrolled } = installs;
  const terms = { keepLicenses, unenrolled };
  const taskId = await openInstalls(context, tx, { requested: pairs.length, terms, retryOf });
  await addInstalls(context, tx, { taskId, terms }, pairs);
  await announceInstalls(context, tx, taskId);
  return taskId;
}

/** What a task of installs keeps of how it was asked for. */
export interface StoredInstalls extends InstallTerms {
  /** The task that gets the licenses. */
  licensesOf?: string | null;
  /** Only pairs that need a license get one of that task: it must not be asked for the others. */
  needed?: boolean;
  /** What was asked for. */
  asked?: unknown;
}

/** The task of installs, without any of them. */
export async function openInstalls(
  context: Context,
  tx: Tx,
  given: {
    requested: number;
    terms: InstallTerms;
    licensesOf?: bigint | undefined;
    needed?: boolean | undefined;
    asked?: object | undefined;
    retryOf?: bigint | undefined;
  },
): Promise<bigint> {
  const { requested, terms, licensesOf, needed, asked, retryOf } = given;
  return startTask(context, tx, {
    kind: 'INSTALL',
    requested,
    tokenIds: [],
    request: { ...terms, licensesOf: licensesOf ?? null, needed: needed ?? false, asked: asked ?? null },
    ...(retryOf === undefined ? {} : { retryOf }),
  });
}

/** Tells that the task exists; one that has nothing to wait for is over at once. */
export async function announceInstalls(context: Context, tx: Tx, taskId: bigint): Promise<void> {
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, context.actor.organizationId, [taskId], context.clock.now());
}

/** The task that they belong to, which is new or locked, and where their licenses come from. */
export interface InstallsOf extends LicenseSource {
  taskId: bigint;
  terms: InstallTerms;
}

/**
 * Adds installs to their task. Locks the pools of the apps, so that what is read of licenses stays true; those of
 * `licensesOf` are not reserved yet, and find their operations when they are.
 */
export async function addInstalls(context: Context, tx: Tx, of: InstallsOf, pairs: readonly Pair[]): Promise<void> {
  if (pairs.length === 0) return;
  const { organizationId } = context.actor;
  const appIds = [...new Set(pairs.map((pair) => pair.appId))];
  await lockPoolsOf(tx, organizationId, appIds);
  const facts = await readPairs(context, tx, pairs);
  const judged = facts.map((one) => ({ facts: one, found: operationOf(one, of.terms, of) }));
  const wanted = judged.flatMap(({ facts: one, found }) =>
    'deviceId' in found ? [{ facts: one, operation: found as NewOperation }] : [],
  );
  const task = { kind: 'INSTALL' as const, taskId: of.taskId };
  const operations = wanted.map(({ operation }) => operation);
  const started = new Set((await startOperations(context, tx, task, operations)).map(pairKey));
  const failures = [
    ...judged.flatMap(({ facts: one, found }) => ('deviceId' in found ? [] : [failureOf(one, found as DomainError)])),
    // Somebody was quicker.
    ...wanted.flatMap(({ facts: one }) =>
      started.has(pairKey(one))
        ? []
        : [failureOf(one, new OperationInProgressError(one.app, one.serialNumber, 'INSTALL'))],
    ),
    ...gone(pairs, facts),
  ];
  await failInstalls(context, tx, of.taskId, failures);
}

/** Keeps why nothing is installed, and counts it. The task is new or locked. */
export async function failInstalls(
  context: Context,
  tx: Tx,
  taskId: bigint,
  failures: readonly TaskFailure[],
): Promise<void> {
  if (failures.length === 0) return;
  const task = { organizationId: context.actor.organizationId, taskId };
  await recordFailures(tx, task, failures);
  await addProgress(tx, task, { failed: failures.length });
}

function failureOf({ appId, deviceId, serialNumber }: PairFacts, { code, message }: DomainError): TaskFailure {
  return { code, message, appId, deviceId, serialNumber };
}

/** Pairs of devices that were removed meanwhile. */
function gone(pairs: readonly Pair[], facts: readonly PairFacts[]): TaskFailure[] {
  if (facts.length === pairs.length) return [];
  const known = new Set(facts.map(pairKey));
  return pairs.flatMap((pair) => {
    if (known.has(pairKey(pair))) return [];
    const { code, message } = new UnknownDeviceError([String(pair.deviceId)]);
    return [{ code, message, appId: pair.appId }];
  });
}
