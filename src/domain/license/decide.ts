/** Decides for each pair of app and device under the pools' locks, and carries the decision out. @module */
import type { Tx } from '../../db/transaction.ts';
import { readTrials } from '../app/gate.ts';
import type { Context } from '../context.ts';
import {
  AlreadyLicensedError,
  AlreadyWaitingError,
  type DomainError,
  NoLicensesAvailableError,
  UnknownDeviceError,
} from '../errors.ts';
import { failRefused } from '../operation/await-license.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { allocate } from './allocate.ts';
import type { Allocation, Refusal } from './allocation.ts';
import { readQuotas } from './read-quotas.ts';
import { describeRefusal, unknownDeviceFailures } from './refusals.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { reserve } from './reserve.ts';
import { addWaits, canWait, readQueue } from './wait.ts';
import { ringQueues } from './wake-queue.ts';
import { type DeviceTarget, keepDevices, type ResolvedDevices, readApps, readHoldings, readSupply } from './world.ts';

/** What is asked for. */
export interface Wish {
  appIds: readonly bigint[];
  target: DeviceTarget;
  tokenId?: bigint | null | undefined;
  onError: 'ATOMIC' | 'SKIP_FAILED';
  /** What becomes of pairs for which there is no seat now; FAIL when absent. */
  onShortage?: 'FAIL' | 'WAIT' | null | undefined;
  /** Who comes first among those who want the same seats: the larger one; 0 when absent. */
  priority?: number | null | undefined;
  /** Until when pairs wait, as ISO 8601; set when they may. */
  waitUntil?: string | null | undefined;
}

/** What is to be done, true until the commit. */
export interface Decision extends Allocation {
  wish: Wish;
  /** Refused for want of seats, and to wait for them. */
  waits: Refusal[];
  /** Devices that do not exist, as they were named. */
  unknown: readonly string[];
  only: ReadonlySet<string> | undefined;
}

/** Decides; ATOMIC throws the first refusal that stops it. `only` holds the pairs meant, as `app:device`. */
export async function decide(
  context: Context,
  tx: Tx,
  wish: Wish,
  targets: ResolvedDevices,
  only?: ReadonlySet<string>,
): Promise<Decision> {
  const apps = await readApps(context, tx, wish.appIds);
  const supply = await readSupply(context, tx, wish.appIds);
  const deviceIds = targets.devices.map((device) => device.id);
  const { ahead, waiting } = await readQueue(context, tx, wish, deviceIds);
  const quotas = await readQuotas(context, tx, wish.appIds, [...deviceIds, ...ahead.map(({ device }) => device.id)]);
  const { devices, unknown } = await keepDevices(context, tx, targets);
  const holdings = await readHoldings(context, tx, wish.appIds, deviceIds);
  const trials = await readTrials(context, tx, apps, deviceIds);
  const tokenId = wish.tokenId ?? null;
  const queue = { ahead, waiting, ...(only ? { only } : {}) };
  const found = allocate({ apps, devices, ...supply, holdings, quotas, trials, tokenId, ...queue });
  const { allocation, waits } = split(found, wish);
  if (wish.onError === 'ATOMIC') throwBlocking(allocation, unknown);
  return { ...allocation, waits, wish, unknown, only };
}

/** Takes the pairs out of the refusals that are to wait. */
function split({ grants, refusals }: Allocation, { onShortage }: Wish): { allocation: Allocation; waits: Refusal[] } {
  const waits = onShortage === 'WAIT' ? refusals.filter(({ error }) => canWait(error)) : [];
  const waiting = new Set(waits);
  return { allocation: { grants, refusals: refusals.filter((refusal) => !waiting.has(refusal)) }, waits };
}

/** The refusal that stops an ATOMIC request. What exists already, or waits already, stops nothing. */
function throwBlocking({ refusals }: Allocation, unknown: readonly string[]): void {
  if (unknown.length > 0) throw new UnknownDeviceError([...unknown]);
  const blocking = refusals.find(
    ({ error }) => !(error instanceof AlreadyLicensedError || error instanceof AlreadyWaitingError),
  );
  if (blocking) throw blocking.error;
}

/** The refusal of a request that grants nothing, if there is one; `alike` only where all are refused in the same words. */
export function onlyRefusal({ grants, waits, refusals }: Decision, { alike }: { alike: boolean }): DomainError | null {
  const first = refusals[0]?.error ?? null;
  if (grants.length + waits.length > 0 || first === null) return null;
  return !alike || refusals.every(({ error }) => error.message === first.message) ? first : null;
}

/** Keeps the refused pairs as failures of the task, lets wait what is to wait, and reserves what was granted. */
export async function carryOut(context: Context, tx: Tx, taskId: bigint, decision: Decision): Promise<void> {
  const { wish, refusals, unknown, only } = decision;
  const task = { organizationId: context.actor.organizationId, taskId };
  const strangers = unknownDeviceFailures(unknown, wish.appIds).filter(
    ({ appId, data }) => !only || only.has(`${appId}:${data.device}`),
  );
  const failures = [...refusals.map(describeRefusal), ...strangers];
  if (failures.length > 0) {
    await recordFailures(tx, task, failures);
    await addProgress(tx, task, { failed: failures.length });
    await failRefused(tx, task, failures, context.clock.now());
  }
  await letWait(context, tx, taskId, decision);
  const short = [...refusals, ...decision.waits]
    .filter(({ error }) => error instanceof NoLicensesAvailableError)
    .map(({ appId }) => appId);
  if (short.length > 0) await requestAssetRead(context, tx, [...new Set(short)]);
  if (decision.waits.length > 0) await ringQueues(tx, task.organizationId, context.clock.now());
  await reserve(
    context,
    tx,
    decision.grants.map((grant) => ({ ...grant, taskId })),
  );
}

function letWait(context: Context, tx: Tx, taskId: bigint, { wish, waits }: Decision): Promise<void> {
  const expiresAt = new Date(wish.waitUntil ?? context.clock.now().getTime() + context.settings.shortageWait);
  const terms = { taskId, tokenId: wish.tokenId ?? null, priority: wish.priority ?? 0, expiresAt };
  return addWaits(context, tx, terms, waits);
}
