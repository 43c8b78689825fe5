import { z } from 'zod';
import { type Tx, ids, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotLicensedError, NotRevocableError, RevokeInProgressError, UnknownDeviceError, type DomainError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { type TaskFailure, recordFailures } from '../task/failures.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { isUsable, tokenRefusal, tokenState } from '../token/state.ts';
import { maxIds } from './limits.ts';
import { takeBackLicenses } from './take-back.ts';
import { lockPools } from './transition.ts';
import { unknownDeviceFailures } from './refusals.ts';
import { readApps, resolveDevices } from './world.ts';

const list = <T extends z.ZodType>(item: T) => z.array(item).max(maxIds).nullish();

const inputSchema = z
  .object({
    appIds: z.array(z.bigint()).max(1000).nullish(),
    target: z
      .object({ deviceIds: list(z.bigint()), serialNumbers: list(z.string().trim().min(1).max(64)), licenseIds: list(z.bigint()) })
      .refine((target) => Object.values(target).filter((value) => value != null).length === 1, 'name licenses by exactly one of deviceIds, serialNumbers, licenseIds'),
    tokenId: z.bigint().nullish(),
    onError: z.enum(['ATOMIC', 'SKIP_FAILED']).nullish().transform((value) => value ?? 'ATOMIC'),
    idempotencyKey: z.string().min(1).max(200).nullish(),
  })
  .refine((input) => input.target.licenseIds != null || (input.appIds?.length ?? 0) > 0, { message: 'name the apps to revoke', path: ['appIds'] });

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
    once(context, tx, { operation: 'revokeLicenses', key: idempotencyKey, input: request }, async () => [await startRevoke(context, tx, request)]),
  );
}

/** Starts the task inside a transaction. */
export async function startRevoke(context: Context, tx: Tx, request: RevokeRequest, retryOf?: bigint): Promise<bigint> {
  const organizationId = context.actor.organizationId;
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
  await takeBackLicenses(context, tx, taskId, takeable.map((license) => license.id));
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'license.revoke' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { appIds: request.appIds ?? null, licenses: takeable.length, onError: request.onError },
  });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [taskId], context.clock.now());
  return taskId;
}

/** What is meant, under its locks: tasks first, since those whose requests are cancelled are counted too, then pools. */
async function lockLive(context: Context, tx: Tx, request: RevokeRequest): Promise<Found> {
  const organizationId = context.actor.organizationId;
  const { licenses } = await findLive(context, tx, request);
  await lockTasks(tx, organizationId, [...new Set(licenses.flatMap((license) => license.taskId ?? []))]);
  await lockPools(tx, organizationId, sql`SELECT unnest(${ids([...new Set(licenses.map((license) => license.poolId))])})`);
  return findLive(context, tx, request);
}

interface Live {
  id: bigint;
  poolId: bigint;
  appId: bigint;
  appName: string;
  deviceId: bigint | null;
  serialNumber: string | null;
  tokenId: bigint;
  taskId: bigint | null;
  state: string;
  revocable: boolean;
  revoking: boolean;
  token: { id: bigint; label: string; email: string | null; condition: 'OK' | 'READ_ONLY' | 'TAKEN_OVER' | 'REVOKED' | 'INVALID'; expiresAt: Date; removedAt: Date | null };
}

interface Found {
  licenses: Live[];
  missing: TaskFailure[];
  unknownDevices: string[];
}

async function findLive(context: Context, tx: Tx, request: RevokeRequest): Promise<Found> {
  const { target } = request;
  if (target.licenseIds != null) {
    const licenses = await readLive(context, tx, request, sql`l.id = ANY (${ids(target.licenseIds)})`);
    const known = new Set(licenses.map((license) => license.id));
    const missing = target.licenseIds.filter((id) => !known.has(id));
    return { licenses, unknownDevices: [], missing: missing.map((id) => ({ ...notLicensed, licenseId: id })) };
  }
  const appIds = [...new Set(request.appIds)];
  await readApps(context, tx, appIds);
  const devices = await resolveDevices(context, tx, target);
  if (devices.devices.length + devices.unknown.length === 0) throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
  if (appIds.length * devices.devices.length > 10 * maxIds) {
    throw new InvalidInputError([{ path: ['target'], message: `apps times devices must not be more than ${10 * maxIds}; send several requests` }]);
  }
  const licenses = await readLive(context, tx, request, sql`l.device_id = ANY (${ids(devices.devices.map((device) => device.id))}) AND l.app_id = ANY (${ids(appIds)})`);
  const held = new Set(licenses.map((license) => `${license.appId}:${license.deviceId}`));
  const missing = devices.devices.flatMap((device) =>
    appIds.filter((appId) => !held.has(`${appId}:${device.id}`)).map((appId) => ({ ...notLicensed, appId, deviceId: device.id, serialNumber: device.serialNumber })),
  );
  return { licenses, unknownDevices: devices.unknown, missing: [...missing, ...unknownDeviceFailures(devices.unknown, appIds)] };
}

const notLicensed = { code: 'NOT_LICENSED', message: 'It holds no such license; nothing was revoked.' };

function readLive(context: Context, tx: Tx, request: RevokeRequest, which: ReturnType<typeof sql>): Promise<Live[]> {
  return tx.$queryRaw<Live[]>(sql`
    SELECT l.id, l.pool_id AS "poolId", l.app_id AS "appId", coalesce(a.name, a.adam_id) AS "appName", l.device_id AS "deviceId", l.serial_number AS "serialNumber",
      l.token_id AS "tokenId", l.task_id AS "taskId", l.state::text AS state, p.revocable,
      (l.state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR (l.state IN ('REQUESTED', 'PENDING_AT_APPLE') AND l.revoke_task_id IS NOT NULL)) AS revoking,
      jsonb_build_object('id', t.id::text, 'label', t.label, 'email', t.email, 'condition', t.condition, 'expiresAt', t.expires_at) AS token
    FROM license l
    JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
    JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id
    JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id
    WHERE l.organization_id = ${context.actor.organizationId} AND l.ended_at IS NULL AND ${which}
      ${request.tokenId != null ? sql`AND l.token_id = ${request.tokenId}` : sql``}
    ORDER BY l.id`).then((rows) =>
    rows.map((row) => ({ ...row, token: { ...row.token, id: BigInt(row.token.id), expiresAt: new Date(row.token.expiresAt), removedAt: null } })),
  );
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
    if (!license.revocable) refused.push({ license, error: new NotRevocableError(license.appName) });
    else if (license.revoking) refused.push({ license, error: new RevokeInProgressError(license.appName) });
    else if (!isUsable(state)) refused.push({ license, error: tokenRefusal(license.token, state) });
    else takeable.push(license);
  }
  return { takeable, refused };
}

/** A revoke under way, or a pair that holds nothing, stops an ATOMIC request only when there is nothing else to do. */
function throwFirst(refused: readonly Refused[], found: Found): void {
  if (found.unknownDevices.length > 0) throw new UnknownDeviceError(found.unknownDevices);
  const blocking = refused.find(({ error }) => !(error instanceof RevokeInProgressError));
  if (blocking) throw blocking.error;
  if (found.licenses.length > refused.length) return;
  throw refused[0]?.error ?? new NotLicensedError();
}

function asFailure({ license, error }: Refused): TaskFailure {
  return { code: error.code, message: error.message, appId: license.appId, deviceId: license.deviceId, serialNumber: license.serialNumber, licenseId: license.id };
}
