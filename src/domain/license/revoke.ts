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
import { parseInput } from '../parse.ts';
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
 * cancelled, one that Apple is working on is taken back as soon as it is there.
 * Throws NOT_LICENSED, NOT_REVOCABLE, REVOKE_IN_PROGRESS, UNKNOWN_DEVICE, TOKEN_EXPIRED, TOKEN_NOT_USABLE, NOT_FOUND.
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
  /** The rest of a larger write, done before writers are woken and the task is told: those locks come last. */
  alongside?: () => Promise<void>;
}

/** Starts the task inside a transaction. */
export async function startRevoke(
  context: Context,
  tx: Tx,
  given: RevokeRequest,
  options: RevokeOptions = {},
): Promise<bigint> {
  const { retryOf } = options;
  const request = { ...given, target: await devicesOfTarget(context, tx, given.target) };
  const { organizationId } = context.actor;
  const found = await lockLive(context, tx, request);
  const { takeable, refused } = judge(context, found.licenses);
  const failures = [...refused.map(asFailure), ...found.missing];
  if (request.onError === 'ATOMIC') throwFirst(refused, found);

  const taskId = await startTask(context, tx, {
    kind: 'REVOKE',
    requested: takeable.length + failures.length,
    tokenIds: [...new Set(takeable.map((license) => license.tokenId))],
    request,
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  const key = { organizationId, taskId };
  await recordFailures(tx, key, failures);
  if (failures.length > 0) await addProgress(tx, key, { failed: failures.length });
  const licenseIds = takeable.map((license) => license.id);
  const { askers, tokenIds } = await takeBackLicenses(context, tx, taskId, licenseIds);
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'license.revoke' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { appIds: request.appIds ?? null, licenses: takeable.length, onError: request.onError },
  });
  await options.alongside?.();
  await ringQueues(tx, organizationId, context.clock.now());
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [taskId, ...askers], context.clock.now());
  return taskId;
}

interface Refused {
  license: Live;
  error: DomainError;
}

function judge(context: Context, licenses: readonly Live[]): { takeable: Live[]; refused: Refused[] } {
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
