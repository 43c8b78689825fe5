/** Reads what an allocation is decided on, under the locks that keep it true until the commit. @module */
import { type Tx, ids, sql, texts } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { tokenState } from '../token/state.ts';
import type { Applicant, Candidate, Holding, WantedApp } from './allocate.ts';
import { lockPools } from './transition.ts';

/** The apps, or NOT_FOUND. */
export async function readApps(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<WantedApp[]> {
  const organizationId = context.actor.organizationId;
  const apps = await tx.$queryRaw<{ id: bigint; name: string }[]>(sql`
    SELECT id, coalesce(name, adam_id) AS name FROM app WHERE organization_id = ${organizationId} AND id = ANY (${ids(appIds)}) ORDER BY id`);
  if (apps.length < appIds.length) {
    const known = new Set(apps.map((app) => app.id));
    throw new NotFoundError('app', appIds.filter((id) => !known.has(id)).map(String), ['appIds']);
  }
  return apps;
}

/** The pools of the apps with their tokens, locked in id order. Pools of removed tokens are left out. */
export async function readCandidates(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<Candidate[]> {
  const organizationId = context.actor.organizationId;
  await lockPools(tx, organizationId, sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND app_id = ANY (${ids(appIds)})`);
  const pools = await tx.licensePool.findMany({
    where: { organizationId, appId: { in: [...appIds] }, token: { removedAt: null } },
    include: { token: true },
  });
  const now = context.clock.now();
  return pools.map((pool) => ({
    poolId: pool.id,
    appId: pool.appId,
    adamId: pool.adamId,
    pricingParam: pool.pricingParam,
    free: pool.unlimited ? null : pool.total - pool.held - pool.reserved,
    asOf: pool.appleAsOf,
    deviceAssignable: pool.deviceAssignable,
    supportedPlatforms: pool.supportedPlatforms,
    gone: pool.goneAt !== null,
    token: {
      id: pool.token.id,
      label: pool.token.label,
      state: tokenState(pool.token, now, context.settings),
      position: pool.token.position,
      expiresAt: pool.token.expiresAt,
    },
  }));
}

/** Which devices are meant: by our own ids or by serial numbers. Exactly one is set. */
export interface DeviceTarget {
  deviceIds?: readonly bigint[] | null | undefined;
  serialNumbers?: readonly string[] | null | undefined;
}

/** A target resolved: devices in a stable order, and what was not found, as it was named. */
export interface ResolvedDevices {
  devices: Applicant[];
  unknown: string[];
}

/** How a serial number is stored and compared: trimmed and upper-cased. */
export const normalizeSerial = (serialNumber: string): string => serialNumber.trim().toUpperCase();

/** Finds the devices of a target. Repeated ones count once; removed ones and those only known from licenses are unknown. */
export async function resolveDevices(context: Context, tx: Tx, target: DeviceTarget): Promise<ResolvedDevices> {
  const organizationId = context.actor.organizationId;
  const bySerial = target.serialNumbers != null;
  const wanted = bySerial
    ? [...new Set(target.serialNumbers!.map(normalizeSerial))]
    : [...new Set((target.deviceIds ?? []).map(String))];
  const match = bySerial ? sql`serial_number = ANY (${texts(wanted)})` : sql`id = ANY (${ids(wanted.map(BigInt))})`;
  const devices = await tx.$queryRaw<Applicant[]>(sql`
    SELECT id, serial_number AS "serialNumber", family::text AS family, os_version AS "osVersion" FROM device
    WHERE organization_id = ${organizationId} AND removed_at IS NULL AND ${match} ORDER BY id`);
  const known = new Set(devices.map((device) => (bySerial ? device.serialNumber : String(device.id))));
  return { devices, unknown: wanted.filter((name) => !known.has(name)) };
}

/** What the devices hold of the apps already, in any token. */
export async function readHoldings(context: Context, tx: Tx, appIds: readonly bigint[], deviceIds: readonly bigint[]): Promise<Holding[]> {
  return tx.$queryRaw<Holding[]>(sql`
    SELECT app_id AS "appId", device_id AS "deviceId", token_id AS "tokenId",
           (state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR (state <> 'CONFIRMED' AND revoke_task_id IS NOT NULL)) AS revoking
    FROM license WHERE organization_id = ${context.actor.organizationId} AND ended_at IS NULL
      AND device_id = ANY (${ids(deviceIds)}) AND app_id = ANY (${ids(appIds)})`);
}
