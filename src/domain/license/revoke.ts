import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { devicesOfTarget } from '../device-group/devices.ts';
import {
  type DomainError,
  NotLicensedError,
  NotRevocableError,
  RevokeInProgressError,
  UnknownDeviceError,
} from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { type Pair, pairKey } from '../install/facts.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import { type RemovalsOfLicenses, removalsOfLicenses } from '../removal/of-licenses.ts';
import { orderInput } from '../removal/order.ts';
import { addRemovals } from '../removal/start.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures, type TaskFailure } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { isUsable, tokenRefusal, tokenState } from '../token/state.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { type FoundLive, type Live, lockLive } from './find-live.ts';
import { maxIds } from './limits.ts';
import { takeBackLicenses } from './take-back.ts';
import { ringQueues } from './wake-queue.ts';
import { wakeWriter } from './wake-writer.ts';

const list = <T extends z.ZodType>(item: T) => z.array(item).max(maxIds).nullish();

const inputSchema = z
  .object({
    appIds: z.array(z.bigint()).max(1000).nullish(),
    target: z
      .object({
        deviceIds: list(z.bigint()),
        serialNumbers: list(z.string().trim().min(1).max(64)),
        licenseIds: list(z.bigint()),
        deviceGroupId: z.bigint().nullish(),
        vppUserIds: list(z.bigint()),
      })
      .refine(
        (target) => Object.values(target).filter((value) => value != null).length === 1,
        'name licenses by exactly one of deviceIds, serialNumbers, licenseIds, deviceGroupId, vppUserIds',
      ),
    tokenId: z.bigint().nullish(),
    removeApps: z.boolean().nullish(),
    order: orderInput,
    onError,
    idempotencyKey,
  })
  .refine((input) => input.target.licenseIds != null || (input.appIds?.length ?? 0) > 0, {
    message: 'name the apps to revoke',
    path: ['appIds'],
  });

/** How its input is parsed; a plan parses it in the same way. */
export const revocationInput = inputSchema;
/** Input of {@link revokeLicenses}. */
export type RevokeInput = z.input<typeof inputSchema>;
/** The parsed request. */
export type RevokeRequest = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

/**
 * Takes licenses back: Apple's *disassociate*, so every other app stays where it is. A request that was not sent yet is
 * cancelled, one that Apple is working on is taken back as soon as it is there. `removeApps` removes the apps, too: a license
 * waits until its app is gone from the devices that can be told, unless it goes first. Where an app can't be removed, because
 * the device is not enrolled or the app not managed, the license goes back at once, and the app is a failure of the task.
 * Throws NOT_LICENSED, NOT_REVOCABLE, REVOKE_IN_PROGRESS, UNKNOWN_DEVICE, TOKEN_EXPIRED, TOKEN_NOT_USABLE, NOT_FOUND,
 * MDM_NOT_CONNECTED.
 */
export async function revokeLicenses(context: Context, rawInput: RevokeInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey, ...request } = parseInput(inputSchema, rawInput);
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'revokeLicenses', key: idempotencyKey, input: request }, async () => [
      await startRevoke(context, tx, request),
    ]),
  );
}

/** Options of {@link startRevoke}. */
export interface RevokeOptions {
  /** The task whose failed items are tried again. */
  retryOf?: bigint;
  /** Apps that go, too, though their licenses have ended already; with `removeApps` only. */
  pairs?: readonly Pair[];
  /** Locks what comes behind pools and before licenses. */
  lockMore?: () => Promise<void>;
  /** The rest of a larger write, done before the task is told. */
  alongside?: () => Promise<void>;
}

/** Starts the task inside a transaction. */
export async function startRevoke(
  context: Context,
  tx: Tx,
  given: RevokeRequest,
  options: RevokeOptions = {},
): Promise<bigint> {
  if (given.removeApps) requireRight(context, 'devices:write');
  const { retryOf } = options;
  const request = { ...given, target: await devicesOfTarget(context, tx, given.target) };
  const { organizationId } = context.actor;
  const found = await lockLive(context, tx, request);
  await options.lockMore?.();
  const { takeable, refused } = judgeLive(context, found.licenses);
  if (request.onError === 'ATOMIC') throwFirst(refused, found);
  const apps = await appsToRemove(context, tx, request, takeable, options.pairs);
  const failures = [...refused.map(asFailure), ...found.missing, ...apps.failures];

  const taskId = await startTask(context, tx, {
    kind: 'REVOKE',
    requested: takeable.length + apps.removals.length + failures.length,
    tokenIds: [...new Set(takeable.map((license) => license.tokenId))],
    request,
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  const key = { organizationId, taskId };
  await recordFailures(tx, key, failures);
  if (failures.length > 0) await addProgress(tx, key, { failed: failures.length });
  const waiting = await removeFirst(context, tx, taskId, request, apps);
  const licenseIds = takeable.flatMap(({ id }) => (waiting.has(id) ? [] : [id]));
  const { askers, tokenIds } = await takeBackLicenses(context, tx, taskId, licenseIds);
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'license.revoke' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: {
      appIds: request.appIds ?? null,
      licenses: takeable.length,
      removals: apps.removals.length,
      onError: request.onError,
    },
  });
  await options.alongside?.();
  await ringQueues(tx, organizationId, context.clock.now());
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [taskId, ...askers], context.clock.now());
  return taskId;
}

const noApps: RemovalsOfLicenses = { removals: [], failures: [] };

/** The apps that go with the licenses, where that was asked for. */
async function appsToRemove(
  context: Context,
  tx: Tx,
  { removeApps }: Pick<RevokeRequest, 'removeApps'>,
  licenses: readonly Live[],
  more: readonly Pair[] = [],
): Promise<RemovalsOfLicenses> {
  if (!removeApps) return noApps;
  await requireConnection(context, tx);
  return removalsOfLicenses(context, tx, licenses, more);
}

/** Starts the removals; gives the licenses that wait for one. An app with which something else began meanwhile stays. */
async function removeFirst(
  context: Context,
  tx: Tx,
  taskId: bigint,
  { order }: Pick<RevokeRequest, 'order'>,
  { removals }: RemovalsOfLicenses,
): Promise<Set<bigint>> {
  const started = new Set((await addRemovals(context, tx, taskId, order ?? 'APP_FIRST', removals)).map(pairKey));
  const passed = removals.length - started.size;
  if (passed > 0)
    await addProgress(tx, { organizationId: context.actor.organizationId, taskId }, { requested: -passed });
  if (order === 'LICENSE_FIRST') return new Set();
  return new Set(removals.flatMap((one) => (started.has(pairKey(one)) ? (one.licenseId ?? []) : [])));
}

/** A license that can't be taken back, and why. */
export interface Refused {
  license: Live;
  error: DomainError;
}

/** Which of the licenses can be taken back. */
export function judgeLive(context: Context, licenses: readonly Live[]): { takeable: Live[]; refused: Refused[] } {
  const now = context.clock.now();
  const takeable: Live[] = [];
  const refused: Refused[] = [];
  for (const license of licenses) {
    const state = tokenState(license.token, now, context.settings);
    if (license.unsent) takeable.push(license);
    else if (!license.revocable) refused.push({ license, error: new NotRevocableError(license.appName) });
    else if (license.revoking) refused.push({ license, error: new RevokeInProgressError(license.appName) });
    else if (!isUsable(state)) refused.push({ license, error: tokenRefusal(license.token, state) });
    else takeable.push(license);
  }
  return { takeable, refused };
}

/** A revoke under way, or a pair that holds nothing, stops an ATOMIC request only when there is nothing else to do. */
function throwFirst(refused: readonly Refused[], found: FoundLive): void {
  if (found.unknownDevices.length > 0) throw new UnknownDeviceError(found.unknownDevices);
  const blocking = refused.find(({ error }) => !(error instanceof RevokeInProgressError));
  if (blocking) throw blocking.error;
  if (found.licenses.length > refused.length) return;
  throw refused[0]?.error ?? new NotLicensedError();
}

function asFailure({ license, error }: Refused): TaskFailure {
  return {
    code: error.code,
    message: error.message,
    appId: license.appId,
    deviceId: license.deviceId,
    serialNumber: license.serialNumber,
    licenseId: license.id,
    vppUserId: license.vppUserId,
    clientUserId: license.clientUserId,
  };
}
