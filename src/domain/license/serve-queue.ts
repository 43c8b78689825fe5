/** Gives seats that came up to those who wait for them, in their order. @module */
import { ids, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { AlreadyLicensedError, type DomainError } from '../errors.ts';
import { publishProgress } from '../task/events.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { allocateQueue } from './allocate.ts';
import type { Applicant, Refusal } from './allocation.ts';
import { blockSize } from './limits.ts';
import { readQuotas } from './read-quotas.ts';
import { reserve } from './reserve.ts';
import { endWaits } from './wait.ts';
import { keepDevices, readApps, readHoldings, readSupply } from './world.ts';

/** The queue of one app. */
export interface QueueKey {
  organizationId: bigint;
  appId: bigint;
}

/** Somebody came into the queue while its tasks were being locked. */
class QueueMovedError extends Error {
  override readonly name = 'QueueMovedError';
}

/** Most tries before the line is left to the next sweep. */
const tries = 10;

/**
 * Serves the app's queue once. May be called at any time, twice, and on two machines: the pools' locks put one after the
 * other, and who was served is no longer in the queue.
 */
export async function serveQueue(services: Services, queue: QueueKey, correlationId: string): Promise<void> {
  const context = systemContext(services, queue.organizationId, 'queue', correlationId);
  for (let left = tries; left > 0; left--) {
    try {
      const touched = await transaction(context, (tx) => serve(context, tx, queue.appId));
      for (const taskId of touched) {
        await publishProgress(context, { organizationId: queue.organizationId, taskId }, { force: true });
      }
      return;
    } catch (error) {
      if (!(error instanceof QueueMovedError)) throw error;
    }
  }
}

interface Wait extends Applicant {
  waitId: bigint;
  taskId: bigint;
  tokenId: bigint | null;
  since: Date;
  expiresAt: Date;
}

/** Serves in one transaction; gives the tasks whose counts moved. */
async function serve(context: Context, tx: Tx, appId: bigint): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const locked = new Set((await readWaits(tx, organizationId, appId)).map((wait) => wait.taskId));
  await lockTasks(tx, organizationId, [...locked]);
  const supply = await readSupply(context, tx, [appId]);
  // The lines are taken before anything is read: what is rung for from here on stays for the next time.
  await tx.$executeRaw(sql`
    DELETE FROM license_wake WHERE organization_id = ${organizationId} AND app_id = ${appId} AND due_at <= ${moment(now)}`);
  const waits = await readWaits(tx, organizationId, appId);
  if (waits.some((wait) => !locked.has(wait.taskId))) throw new QueueMovedError();
  const expired = waits.filter((wait) => wait.expiresAt <= now);
  const patient = waits.filter((wait) => wait.expiresAt > now);
  const quotas = await readQuotas(context, tx, [appId], idsOf(patient));
  const { devices } = await keepDevices(context, tx, { devices: patient, unknown: [], bySerial: false });
  const present = new Set(devices.map((device) => device.id));
  const [app] = await readApps(context, tx, [appId]);
  const claims = patient
    .filter(({ id }) => present.has(id))
    .map((wait) => ({ appId, device: wait, tokenId: wait.tokenId }));
  const holdings = await readHoldings(context, tx, [appId], [...present]);
  const { grants, refusals } = allocateQueue(app!, claims, { ...supply, quotas, holdings });

  const byDevice = new Map(waits.map((wait) => [wait.id, wait]));
  const over = refusals.filter(({ error }) => !staysInQueue(error));
  await end(tx, organizationId, expired, expiry);
  await end(
    tx,
    organizationId,
    patient.filter(({ id }) => !present.has(id)),
    removal,
  );
  for (const { device, error } of over) await end(tx, organizationId, [byDevice.get(device.id)!], error);
  await noteReasons(tx, organizationId, appId, refusals);
  const granted = grants.map((grant) => ({ grant, wait: byDevice.get(grant.device.id)! }));
  await tx.$executeRaw(sql`
    DELETE FROM license_wait WHERE organization_id = ${organizationId} AND id = ANY (${ids(granted.map(({ wait }) => wait.waitId))})`);
  await noteNext(tx, organizationId, appId, waits.length === blockSize && grants.length > 0 ? now : null);
  await reserve(
    context,
    tx,
    granted.map(({ grant, wait }) => ({ ...grant, taskId: wait.taskId, waitedSince: wait.since })),
  );
  context.failpoint('reserved');
  await endSettledTasks(tx, organizationId, [...locked], now);
  return [...locked];
}

const idsOf = (waits: readonly Wait[]) => waits.map((wait) => wait.id);

const expiry = { code: 'WAIT_EXPIRED', message: 'No license came up in time. Nothing was associated.' };
const removal = {
  code: 'UNKNOWN_DEVICE',
  message: 'The device was removed while it waited for a license. Nothing was associated.',
};

/** The first of the queue, with their devices, removed ones too. */
function readWaits(tx: Tx, organizationId: bigint, appId: bigint): Promise<Wait[]> {
  return tx.$queryRaw<Wait[]>(sql`
    SELECT w.id AS "waitId", w.task_id AS "taskId", w.token_id AS "tokenId", w.created_at AS since, w.expires_at AS "expiresAt",
      d.id, d.serial_number AS "serialNumber", d.family::text AS family, d.os_version AS "osVersion"
    FROM license_wait w JOIN device d ON d.organization_id = w.organization_id AND d.id = w.device_id
    WHERE w.organization_id = ${organizationId} AND w.app_id = ${appId} ORDER BY w.priority DESC, w.id LIMIT ${blockSize}`);
}

/** Refusals that time can mend. The others end the waiting: the device has the app by now, or can't have it. */
const passing = new Set([
  'NO_LICENSES_AVAILABLE',
  'QUOTA_EXCEEDED',
  'NO_TOKEN_FOR_APP',
  'TOKEN_EXPIRED',
  'TOKEN_NOT_USABLE',
  'REVOKE_IN_PROGRESS',
]);
const staysInQueue = (error: DomainError): boolean => passing.has(error.code);

async function end(
  tx: Tx,
  organizationId: bigint,
  waits: readonly Wait[],
  failure: { code: string; message: string },
): Promise<void> {
  if (waits.length === 0) return;
  const { code } = failure;
  const message =
    failure instanceof AlreadyLicensedError
      ? 'The device came to the license in another way while it waited.'
      : failure.message;
  await endWaits(tx, organizationId, sql`w.id = ANY (${ids(waits.map((wait) => wait.waitId))})`, { code, message });
}

/** Why each of those who go on waiting waits now. */
async function noteReasons(tx: Tx, organizationId: bigint, appId: bigint, refusals: readonly Refusal[]): Promise<void> {
  const staying = refusals.filter(({ error }) => staysInQueue(error));
  if (staying.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE license_wait w SET reason = q.reason, message = q.message
    FROM unnest(${ids(staying.map(({ device }) => device.id))}, ${texts(staying.map(({ error }) => error.code))},
                ${texts(staying.map(({ error }) => error.message))}) AS q(device_id, reason, message)
    WHERE w.organization_id = ${organizationId} AND w.app_id = ${appId} AND w.device_id = q.device_id AND w.reason <> q.reason`);
}

/** When the queue is to be looked at again if nothing comes up: when the first waiting ends, or at once. */
async function noteNext(tx: Tx, organizationId: bigint, appId: bigint, atOnce: Date | null): Promise<void> {
  const mine = sql`organization_id = ${organizationId} AND app_id = ${appId}`;
  await tx.$executeRaw(sql`
    INSERT INTO license_wake (organization_id, app_id, due_at)
    SELECT ${organizationId}, ${appId}, n.at FROM (SELECT coalesce(${moment(atOnce)}, min(expires_at)) AS at, count(*) AS count FROM license_wait WHERE ${mine}) n
    WHERE n.count > 0 AND NOT EXISTS (SELECT 1 FROM license_wake WHERE ${mine} AND due_at = n.at)`);
}
