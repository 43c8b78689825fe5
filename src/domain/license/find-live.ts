/** Finds the licenses that a revoke means, and locks what they hang on. @module */
import { ids, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { InvalidInputError } from '../errors.ts';
import type { TaskFailure } from '../task/failures.ts';
import { lockTasks } from '../task/settle.ts';
import { findVppUsers } from '../vpp-user/find.ts';
import { maxPairs } from './limits.ts';
import { lockGates } from './lock-gates.ts';
import { neverSent } from './never-sent.ts';
import { unknownDeviceFailures } from './refusals.ts';
import { lockPools } from './transition.ts';
import { readApps, resolveDevices } from './world.ts';

/** Which licenses are meant. */
export interface LiveQuery {
  appIds?: readonly bigint[] | null | undefined;
  target: {
    deviceIds?: readonly bigint[] | null | undefined;
    serialNumbers?: readonly string[] | null | undefined;
    licenseIds?: readonly bigint[] | null | undefined;
    /** People; without apps, all that they hold. */
    vppUserIds?: readonly bigint[] | null | undefined;
  };
  tokenId?: bigint | null | undefined;
}

/**
 * What is meant, under its locks: the gates, so that the tokens' writers settle nothing meanwhile; tasks, since those
 * whose requests are cancelled are counted too; then pools. A license that was given in between came after the revoke.
 */
export async function lockLive(
  context: Context,
  tx: Tx,
  query: LiveQuery,
  /** More tasks whose turn is the same. */
  taskIds: readonly bigint[] = [],
): Promise<FoundLive> {
  const organizationId = context.actor.organizationId;
  const scope = await readScope(context, tx, query);
  const before = await readLive(context, tx, scope.which);
  const distinct = (pick: (license: Live) => bigint | null) => [...new Set(before.flatMap((one) => pick(one) ?? []))];
  await lockGates(
    tx,
    organizationId,
    distinct((license) => license.tokenId),
  );
  await lockTasks(tx, organizationId, [...distinct((license) => license.taskId), ...taskIds]);
  await lockPools(tx, organizationId, sql`SELECT unnest(${ids(distinct((license) => license.poolId))})`);
  const licenses = await readLive(context, tx, sql`l.id = ANY (${ids(distinct((license) => license.id))})`);
  return { licenses, missing: scope.missing(licenses), unknownDevices: scope.unknownDevices };
}

/** A license that has not ended. */
export interface Live {
  id: bigint;
  poolId: bigint;
  appId: bigint;
  appName: string;
  deviceId: bigint | null;
  serialNumber: string | null;
  vppUserId: bigint | null;
  clientUserId: string | null;
  tokenId: bigint;
  taskId: bigint | null;
  revocable: boolean;
  /** Apple has not heard of it: it can be cancelled, whatever the token and the app. */
  unsent: boolean;
  /** A revoke is under way or waits for it. */
  revoking: boolean;
  token: {
    id: bigint;
    label: string;
    email: string | null;
    condition: 'OK' | 'READ_ONLY' | 'TAKEN_OVER' | 'REVOKED' | 'INVALID';
    expiresAt: Date;
    removedAt: Date | null;
  };
}

/** What was found. */
export interface FoundLive {
  licenses: Live[];
  missing: TaskFailure[];
  unknownDevices: string[];
}

/** Where to look, and what is missing when some licenses were found there. */
interface Scope {
  which: Sql;
  unknownDevices: string[];
  missing(found: readonly Live[]): TaskFailure[];
}

async function readScope(context: Context, tx: Tx, query: LiveQuery): Promise<Scope> {
  const ofToken = query.tokenId != null ? sql`AND l.token_id = ${query.tokenId}` : nothing;
  const scope =
    query.target.licenseIds != null
      ? namedLicenses([...new Set(query.target.licenseIds)])
      : query.target.vppUserIds != null
        ? await licensesOfUsers(context, tx, query.appIds, [...new Set(query.target.vppUserIds)])
        : await licensesOfDevices(context, tx, query);
  return { ...scope, which: sql`${scope.which} ${ofToken}` };
}

function namedLicenses(licenseIds: readonly bigint[]): Scope {
  if (licenseIds.length === 0)
    throw new InvalidInputError([{ path: ['target'], message: 'name at least one license' }]);
  return {
    which: sql`l.id = ANY (${ids(licenseIds)})`,
    unknownDevices: [],
    missing: (found) => {
      const known = new Set(found.map((license) => license.id));
      return licenseIds.filter((id) => !known.has(id)).map((licenseId) => ({ ...notLicensed, licenseId }));
    },
  };
}

async function licensesOfDevices(context: Context, tx: Tx, query: LiveQuery): Promise<Scope> {
  const appIds = [...new Set(query.appIds)];
  await readApps(context, tx, appIds);
  const { devices, unknown } = await resolveDevices(context, tx, query.target);
  requireSensible(appIds.length, devices.length, unknown.length);
  const deviceIds = devices.map((device) => device.id);
  return {
    which: sql`l.device_id = ANY (${ids(deviceIds)}) AND l.app_id = ANY (${ids(appIds)})`,
    unknownDevices: unknown,
    missing: (found) => {
      const held = new Set(found.map((license) => `${license.appId}:${license.deviceId}`));
      const missing = devices.flatMap(({ id: deviceId, serialNumber }) =>
        appIds
          .filter((appId) => !held.has(`${appId}:${deviceId}`))
          .map((appId) => ({ ...notLicensed, appId, deviceId, serialNumber })),
      );
      return [...missing, ...unknownDeviceFailures(unknown, appIds)];
    },
  };
}

async function licensesOfUsers(
  context: Context,
  tx: Tx,
  wanted: readonly bigint[] | null | undefined,
  userIds: readonly bigint[],
): Promise<Scope> {
  const appIds = wanted ? [...new Set(wanted)] : null;
  if (appIds) {
    await readApps(context, tx, appIds);
    requireSensible(appIds.length, userIds.length, 0);
  }
  const users = await findVppUsers(context, tx, userIds, ['target', 'vppUserIds']);
  return {
    which: sql`l.vpp_user_id = ANY (${ids(userIds)}) ${appIds ? sql`AND l.app_id = ANY (${ids(appIds)})` : nothing}`,
    unknownDevices: [],
    missing: (found) => {
      const held = new Set(found.map((license) => `${license.appId}:${license.vppUserId}`));
      return users.flatMap(({ id: vppUserId, clientUserId }) =>
        (appIds ?? [])
          .filter((appId) => !held.has(`${appId}:${vppUserId}`))
          .map((appId) => ({ ...notLicensed, appId, vppUserId, clientUserId })),
      );
    },
  };
}

function requireSensible(apps: number, devices: number, unknown: number): void {
  const refuse = (message: string) => {
    throw new InvalidInputError([{ path: ['target'], message }]);
  };
  if (devices + unknown === 0) refuse('name at least one device or user');
  if (apps * (devices + unknown) > maxPairs) {
    refuse(`apps times devices or users must not be more than ${maxPairs}; send several requests`);
  }
}

const notLicensed = { code: 'NOT_LICENSED', message: 'It holds no such license; nothing was revoked.' };

type LiveRow = Omit<Live, 'token'> & {
  token: Omit<Live['token'], 'id' | 'expiresAt' | 'removedAt'> & { id: string; expiresAt: string };
};

async function readLive(context: Context, tx: Tx, which: Sql): Promise<Live[]> {
  const rows = await tx.$queryRaw<LiveRow[]>(sql`
    SELECT l.id, l.pool_id AS "poolId", l.app_id AS "appId", coalesce(a.name, a.adam_id) AS "appName", l.device_id AS "deviceId",
      l.serial_number AS "serialNumber", l.vpp_user_id AS "vppUserId", l.client_user_id AS "clientUserId", l.token_id AS "tokenId", l.task_id AS "taskId", p.revocable,
      l.state = 'REQUESTED' AND ${neverSent} AS unsent,
      l.state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR (l.state IN ('REQUESTED', 'PENDING_AT_APPLE') AND l.revoke_task_id IS NOT NULL) AS revoking,
      jsonb_build_object('id', t.id::text, 'label', t.label, 'email', t.email, 'condition', t.condition, 'expiresAt', t.expires_at) AS token
    FROM license l
    JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
    JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id
    JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id
    WHERE l.organization_id = ${context.actor.organizationId} AND l.ended_at IS NULL AND ${which}
    ORDER BY l.id`);
  return rows.map(({ token, ...row }) => ({
    ...row,
    token: { ...token, id: BigInt(token.id), expiresAt: new Date(token.expiresAt), removedAt: null },
  }));
}
