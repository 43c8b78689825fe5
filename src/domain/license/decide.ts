/** Decides for each pair of app and device under the pools' locks, and carries the decision out. @module */
import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { AlreadyLicensedError, type DomainError, NoLicensesAvailableError, UnknownDeviceError } from '../errors.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { allocate } from './allocate.ts';
import type { Allocation } from './allocation.ts';
import { readQuotas } from './read-quotas.ts';
import { describeRefusal, unknownDeviceFailures } from './refusals.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { reserve } from './reserve.ts';
import { type DeviceTarget, keepDevices, type ResolvedDevices, readApps, readHoldings, readSupply } from './world.ts';

/** What is asked for. */
export interface Wish {
  appIds: readonly bigint[];
  target: DeviceTarget;
  tokenId?: bigint | null | undefined;
  onError: 'ATOMIC' | 'SKIP_FAILED';
}

/** What is to be done, true until the commit. */
export interface Decision extends Allocation {
  wish: Wish;
  /** Devices that do not exist, as they were named. */
  unknown: readonly string[];
  only: ReadonlySet<string> | undefined;
}

/** Decides; ATOMIC throws the first refusal that stops it. `only` holds the pairs meant, as `app:device`. */
export async function decide(
  context: Context,
  tx: Tx,
  wish: Wish,
  found: ResolvedDevices,
  only?: ReadonlySet<string>,
): Promise<Decision> {
  const apps = await readApps(context, tx, wish.appIds);
  const supply = await readSupply(context, tx, wish.appIds);
  const deviceIds = found.devices.map((device) => device.id);
  const quotas = await readQuotas(context, tx, wish.appIds, deviceIds);
  const { devices, unknown } = await keepDevices(context, tx, found);
  const holdings = await readHoldings(context, tx, wish.appIds, deviceIds);
  const tokenId = wish.tokenId ?? null;
  const allocation = allocate({ apps, devices, ...supply, holdings, quotas, tokenId, ...(only ? { only } : {}) });
  if (wish.onError === 'ATOMIC') throwBlocking(allocation, unknown);
  return { ...allocation, wish, unknown, only };
}

/** The refusal that stops an ATOMIC request. A license that exists already stops nothing. */
function throwBlocking({ refusals }: Allocation, unknown: readonly string[]): void {
  if (unknown.length > 0) throw new UnknownDeviceError([...unknown]);
  const blocking = refusals.find(({ error }) => !(error instanceof AlreadyLicensedError));
  if (blocking) throw blocking.error;
}

/** The refusal of a request that grants nothing, if there is one. */
export function onlyRefusal({ grants, refusals }: Allocation): DomainError | null {
  return grants.length === 0 ? (refusals[0]?.error ?? null) : null;
}

/** Keeps the refused pairs as failures of the task, counts them, and reserves what was granted. */
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
  }
  const short = refusals.filter(({ error }) => error instanceof NoLicensesAvailableError).map(({ appId }) => appId);
  if (short.length > 0) await requestAssetRead(context, tx, [...new Set(short)]);
  await reserve(
    context,
    tx,
    decision.grants.map((grant) => ({ ...grant, taskId })),
  );
}
