/** Reads what an allocation is decided on, under the locks that keep it true until the commit. @module */
import { ids, nothing, sql, type Tx, texts } from '../../db/transaction.ts';
import type { LicensePool } from '../../generated/prisma/client.ts';
import type { AppStatus } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { listTokens } from '../token/find.ts';
import { tokenState } from '../token/state.ts';
import type { Applicant, Candidate, CandidateToken, Holding, Reserve, WantedApp } from './allocation.ts';
import { selectReserves } from './reserves.ts';
import { lockPoolsOf } from './transition.ts';

/** The apps, or NOT_FOUND. */
export async function readApps(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<WantedApp[]> {
  const organizationId = context.actor.organizationId;
  const apps = await tx.$queryRaw<{ id: bigint; name: string; status: AppStatus }[]>(sql`
    SELECT id, coalesce(name, adam_id) AS name, status::text AS status FROM app WHERE organization_id = ${organizationId} AND id = ANY (${ids(appIds)}) ORDER BY id`);
  if (apps.length < appIds.length) {
    const known = new Set(apps.map((app) => app.id));
    throw new NotFoundError('app', appIds.filter((id) => !known.has(id)).map(String), ['appIds']);
  }
  return apps;
}

/** What the organization can give, and what it keeps. */
export interface Supply {
  tokens: CandidateToken[];
  candidates: Candidate[];
  reserves: Reserve[];
}

/** The organization's tokens, and the pools of the apps, locked in id order. Removed tokens are left out. */
export async function readSupply(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<Supply> {
  const organizationId = context.actor.organizationId;
  await lockPoolsOf(tx, organizationId, appIds);
  return lookAtSupply(context, tx, appIds);
}

/** The same without locks: for whoever only looks. */
export async function lookAtSupply(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<Supply> {
  const organizationId = context.actor.organizationId;
  const now = context.clock.now();
  const tokens = (await listTokens(context, tx)).map((token) => ({
    id: token.id,
    label: token.label,
    state: tokenState(token, now, context.settings),
    position: token.position,
    expiresAt: token.expiresAt,
  }));
  const byId = new Map(tokens.map((token) => [token.id, token]));
  const pools = await tx.licensePool.findMany({ where: { organizationId, appId: { in: [...appIds] } } });
  const candidates = pools.flatMap((pool) => {
    const token = byId.get(pool.tokenId);
    return token ? [toCandidate(pool, token)] : [];
  });
  const reserves = await tx.$queryRaw<Reserve[]>(selectReserves(organizationId, appIds));
  return { tokens, candidates, reserves };
}

function toCandidate(pool: LicensePool, token: CandidateToken): Candidate {
  return {
    poolId: pool.id,
    appId: pool.appId,
    adamId: pool.adamId,
    pricingParam: pool.pricingParam,
    free: pool.unlimited ? null : pool.total - pool.held - pool.reserved,
    asOf: pool.appleAsOf,
    deviceAssignable: pool.deviceAssignable,
    supportedPlatforms: pool.supportedPlatforms,
    gone: pool.goneAt !== null,
    token,
  };
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
  /** They were named by serial numbers, not by our ids. */
  bySerial: boolean;
}

/** How a serial number is stored and compared: trimmed and upper-cased. */
export const normalizeSerial = (serialNumber: string): string => serialNumber.trim().toUpperCase();

/** The target with every device named once, and serial numbers as they are compared. */
export function normalizeTarget(target: DeviceTarget): DeviceTarget {
  if (target.serialNumbers != null) return { serialNumbers: [...new Set(target.serialNumbers.map(normalizeSerial))] };
  return { deviceIds: [...new Set(target.deviceIds)] };
}

/**
 * Finds the devices of a target; removed ones are unknown. `listed` makes those unknown too that only a license names:
 * nobody has said that they are ours.
 */
export async function resolveDevices(
  context: Context,
  tx: Tx,
  target: DeviceTarget,
  options: { listed?: boolean } = {},
): Promise<ResolvedDevices> {
  const { deviceIds, serialNumbers } = normalizeTarget(target);
  const wanted = serialNumbers ?? (deviceIds ?? []).map(String);
  const match = serialNumbers
    ? sql`serial_number = ANY (${texts(serialNumbers)})`
    : sql`id = ANY (${ids(deviceIds ?? [])})`;
  const devices = await tx.$queryRaw<Applicant[]>(sql`
    SELECT id, serial_number AS "serialNumber", family::text AS family, os_version AS "osVersion" FROM device
    WHERE organization_id = ${context.actor.organizationId} AND removed_at IS NULL AND ${match}
      ${options.listed ? sql`AND origin <> 'LICENSE'` : nothing} ORDER BY id`);
  const bySerial = serialNumbers != null;
  const known = new Set(devices.map((device) => nameOf(device, bySerial)));
  return { devices, unknown: wanted.filter((name) => !known.has(name)), bySerial };
}

/** Keeps the devices from being removed until the commit. One that was removed a moment ago becomes unknown. */
export async function keepDevices(context: Context, tx: Tx, targets: ResolvedDevices): Promise<ResolvedDevices> {
  const kept = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM device WHERE organization_id = ${context.actor.organizationId} AND removed_at IS NULL
      AND id = ANY (${ids(targets.devices.map((device) => device.id))}) ORDER BY serial_number FOR KEY SHARE`);
  if (kept.length === targets.devices.length) return targets;
  const present = new Set(kept.map((device) => device.id));
  const gone = targets.devices.filter((device) => !present.has(device.id));
  return {
    devices: targets.devices.filter((device) => present.has(device.id)),
    unknown: [...targets.unknown, ...gone.map((device) => nameOf(device, targets.bySerial))],
    bySerial: targets.bySerial,
  };
}

const nameOf = (device: Applicant, bySerial: boolean): string => (bySerial ? device.serialNumber : String(device.id));

/** What the devices hold of the apps already, in any token. */
export async function readHoldings(
  context: Context,
  tx: Tx,
  appIds: readonly bigint[],
  deviceIds: readonly bigint[],
): Promise<Holding[]> {
  return tx.$queryRaw<Holding[]>(sql`
    SELECT app_id AS "appId", device_id AS "deviceId", token_id AS "tokenId",
           (state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR (state <> 'CONFIRMED' AND revoke_task_id IS NOT NULL)) AS revoking
    FROM license WHERE organization_id = ${context.actor.organizationId} AND ended_at IS NULL
      AND device_id = ANY (${ids(deviceIds)}) AND app_id = ANY (${ids(appIds)})`);
}
