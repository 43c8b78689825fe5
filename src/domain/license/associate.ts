import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { AlreadyLicensedError, type DomainError, InvalidInputError, NoLicensesAvailableError, UnknownDeviceError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { findToken } from '../token/find.ts';
import { tokenRefusal, tokenState, isUsable } from '../token/state.ts';
import { type Allocation, allocate } from './allocate.ts';
import { blockSize, maxIds } from './limits.ts';
import { wakeReservation } from './wake-reservation.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { reserve } from './reserve.ts';
import { describeRefusal, unknownDeviceFailures } from './refusals.ts';
import { type ResolvedDevices, readApps, readCandidates, readHoldings, resolveDevices } from './world.ts';


const deviceTarget = z
  .object({ deviceIds: z.array(z.bigint()).max(maxIds).nullish(), serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish() })
  .refine((target) => (target.deviceIds != null) !== (target.serialNumbers != null), 'name devices either by deviceIds or by serialNumbers');

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one app').max(1000),
  target: deviceTarget,
  tokenId: z.bigint().nullish(),
  onError: z.enum(['ATOMIC', 'SKIP_FAILED']).nullish().transform((value) => value ?? 'ATOMIC'),
  idempotencyKey: z.string().min(1).max(200).nullish(),
});

/** Input of {@link associateLicenses}. */
export type AssociateInput = z.input<typeof inputSchema>;
/** What a task that reserves in blocks remembers of its request. */
export type AssociateRequest = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

/**
 * Gives every device a license of every app: seats are reserved and the task is on its way when this returns.
 * ATOMIC: all or nothing, with the first refusal thrown; SKIP_FAILED: refused pairs become failures of the task.
 * A device that holds the license already is never given a second one and never stops the others (S29).
 */
export async function associateLicenses(context: Context, rawInput: AssociateInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey, ...request } = parseInput(inputSchema, rawInput);
  try {
    return await transaction(context, (tx) =>
      once(context, tx, { operation: 'associateLicenses', key: idempotencyKey, input: request }, async () => [
        await startAssociation(context, tx, request),
      ]),
    );
  } catch (error) {
    if (error instanceof NoLicensesAvailableError) {
      await transaction(context, (tx) => requestAssetRead(tx, context.actor.organizationId, request.appIds));
    }
    throw error;
  }
}

/** A second try of another task's failed items: `only` holds the pairs, as `app:device`. */
export interface Retry {
  retryOf: bigint;
  only: ReadonlySet<string>;
}

/** Starts the task inside a transaction. */
export async function startAssociation(context: Context, tx: Tx, request: AssociateRequest, retry?: Retry): Promise<bigint> {
  const appIds = [...new Set(request.appIds)];
  if (request.tokenId != null) await requireUsableToken(context, tx, request.tokenId);
  const apps = await readApps(context, tx, appIds);
  const targets = await resolveDevices(context, tx, request.target);
  if (targets.devices.length + targets.unknown.length === 0) throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
  if (request.onError === 'ATOMIC' && targets.unknown.length > 0) throw new UnknownDeviceError(targets.unknown);
  const pairs = retry ? retry.only.size : apps.length * (targets.devices.length + targets.unknown.length);
  const inBlocks = pairs > blockSize;
  const allocation = inBlocks ? null : await decide(context, tx, appIds, apps, targets, request, retry);

  const taskId = await startTask(context, tx, {
    kind: 'ASSOCIATE',
    requested: pairs,
    tokenIds: request.tokenId != null ? [request.tokenId] : [],
    request,
    ...(retry ? { retryOf: retry.retryOf } : {}),
    reservedAll: !inBlocks,
    ...(inBlocks ? { dueAt: context.clock.now() } : {}),
  });
  const key = { organizationId: context.actor.organizationId, taskId };
  if (allocation) {
    await keepRefusals(context, tx, taskId, allocation, targets, appIds);
    await reserve(context, tx, taskId, allocation.grants);
  } else {
    await wakeReservation(tx, key);
  }
  await recordAudit(context, tx, {
    action: retry ? 'task.retry' : 'license.associate',
    subject: `task:${taskId}`,
    taskId,
    data: { appIds, devices: targets.devices.length, tokenId: request.tokenId ?? null, onError: request.onError },
  });
  await announceTask(context, tx, taskId);
  if (allocation?.grants.length === 0) await endSettledTasks(tx, key.organizationId, [taskId], context.clock.now());
  return taskId;
}

async function requireUsableToken(context: Context, tx: Tx, tokenId: bigint): Promise<void> {
  const token = await findToken(context, tx, tokenId);
  const state = tokenState(token, context.clock.now(), context.settings);
  if (!isUsable(state)) throw tokenRefusal(token, state);
}

async function decide(
  context: Context,
  tx: Tx,
  appIds: bigint[],
  apps: Awaited<ReturnType<typeof readApps>>,
  targets: ResolvedDevices,
  request: AssociateRequest,
  retry: Retry | undefined,
): Promise<Allocation> {
  const candidates = await readCandidates(context, tx, appIds);
  const holdings = await readHoldings(context, tx, appIds, targets.devices.map((device) => device.id));
  const allocation = allocate({ apps, devices: targets.devices, candidates, holdings, tokenId: request.tokenId ?? null, ...(retry ? { only: retry.only } : {}) });
  if (request.onError === 'ATOMIC') throwFirst(allocation);
  return allocation;
}

/** The refusal that stops an ATOMIC request. A license that exists already stops nothing. */
export function blockingRefusal(allocation: Allocation): DomainError | null {
  return allocation.refusals.find(({ error }) => !(error instanceof AlreadyLicensedError))?.error ?? null;
}

function throwFirst(allocation: Allocation): void {
  const blocking = blockingRefusal(allocation);
  if (blocking) throw blocking;
  const [first] = allocation.refusals;
  if (first && allocation.grants.length === 0) throw first.error;
}

/** Keeps the refused pairs as failures of the task and counts them. */
export async function keepRefusals(
  context: Context,
  tx: Tx,
  taskId: bigint,
  allocation: Allocation,
  targets: ResolvedDevices,
  appIds: readonly bigint[],
): Promise<void> {
  const failures = [...allocation.refusals.map(describeRefusal), ...unknownDeviceFailures(targets.unknown, appIds)];
  if (failures.length === 0) return;
  const key = { organizationId: context.actor.organizationId, taskId };
  await recordFailures(tx, key, failures);
  await addProgress(tx, key, { failed: failures.length });
  const short = new Set(allocation.refusals.filter(({ error }) => error instanceof NoLicensesAvailableError).map(({ appId }) => appId));
  if (short.size > 0) await requestAssetRead(tx, key.organizationId, [...short]);
}
