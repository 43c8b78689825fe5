/** Those who wait for a seat: a row each, gone as soon as it is served or ended. A row changes under its task's lock. @module */
import { ids, moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type DomainError, NoLicensesAvailableError, QuotaExceededError } from '../errors.ts';
import { failUnlicensed } from '../operation/await-license.ts';
import { wakeDriver } from '../operation/wake.ts';
import type { Claim, Refusal, WaitingPair } from './allocation.ts';
import { wakeQueues } from './wake-queue.ts';

/** Whether waiting helps: a seat may come up, or room in a quota. */
export const canWait = (error: DomainError): boolean =>
  error instanceof NoLicensesAvailableError || error instanceof QuotaExceededError;

/** How the pairs of a request wait. */
export interface WaitTerms {
  taskId: bigint;
  /** Only for seats of this token. */
  tokenId: bigint | null;
  priority: number;
  expiresAt: Date;
}

/** Puts pairs into the queues of their apps. The pools are locked and the task is new, or claimed by this worker. */
export async function addWaits(
  context: Context,
  tx: Tx,
  { taskId, tokenId, priority, expiresAt }: WaitTerms,
  refused: readonly Refusal[],
): Promise<void> {
  if (refused.length === 0) return;
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    INSERT INTO license_wait (organization_id, task_id, app_id, device_id, token_id, priority, reason, message, created_at, expires_at)
    SELECT ${organizationId}, ${taskId}, q.app_id, q.device_id, ${tokenId}::bigint, ${priority}, q.reason, q.message,
           ${moment(context.clock.now())}, ${moment(expiresAt)}
    FROM unnest(${ids(refused.map((one) => one.appId))}, ${ids(refused.map((one) => one.device.id))},
                ${texts(refused.map((one) => one.error.code))}, ${texts(refused.map((one) => one.error.message))})
      WITH ORDINALITY AS q(app_id, device_id, reason, message, place) ORDER BY q.place`);
  // What changed without the pools' locks while this was decided is looked at again; the end of the waiting is noted then.
  await wakeQueues(tx, organizationId, sql`w.task_id = ${taskId}`);
}

/** What a decision must know of those who wait. */
export interface Queue {
  ahead: Claim[];
  waiting: WaitingPair[];
}

interface QueueRow {
  appId: bigint;
  taskId: bigint;
  tokenId: bigint | null;
  ahead: boolean;
  mine: boolean;
  id: bigint;
  serialNumber: string;
  family: Claim['device']['family'];
  osVersion: string | null;
}

/** Who waits for the apps and comes before a request of this priority, and which of its pairs wait already. */
export async function readQueue(
  context: Context,
  tx: Tx,
  wish: { appIds: readonly bigint[]; priority?: number | null | undefined },
  deviceIds: readonly bigint[],
): Promise<Queue> {
  const { organizationId } = context.actor;
  const rows = await tx.$queryRaw<QueueRow[]>(sql`
    SELECT q.* FROM (
      SELECT w.app_id AS "appId", w.task_id AS "taskId", w.token_id AS "tokenId", w.device_id = ANY (${ids(deviceIds)}) AS mine,
        w.priority >= ${wish.priority ?? 0} AND w.expires_at > ${moment(context.clock.now())} AND d.removed_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = w.organization_id AND l.device_id = w.device_id
            AND l.app_id = w.app_id AND l.ended_at IS NULL) AS ahead,
        d.id, d.serial_number AS "serialNumber", d.family::text AS family, d.os_version AS "osVersion", w.priority, w.id AS place
      FROM license_wait w JOIN device d ON d.organization_id = w.organization_id AND d.id = w.device_id
      WHERE w.organization_id = ${organizationId} AND w.app_id = ANY (${ids(wish.appIds)})
    ) q WHERE q.ahead OR q.mine ORDER BY q.priority DESC, q.place`);
  const ahead = rows
    .filter((row) => row.ahead)
    .map(({ appId, tokenId, id, serialNumber, family, osVersion }) => {
      return { appId, tokenId, device: { id, serialNumber, family, osVersion } };
    });
  const waiting = rows.filter((row) => row.mine).map(({ appId, id, taskId }) => ({ appId, deviceId: id, taskId }));
  return { ahead, waiting };
}

/** Ends the waiting of the rows `w` that `which` names: each is a failed item of its task, whose row is locked. */
export async function endWaits(
  tx: Tx,
  organizationId: bigint,
  which: Sql,
  failure: { code: string; message: string },
  now: Date,
): Promise<void> {
  await tellEnded(
    tx,
    organizationId,
    sql`DELETE FROM license_wait w WHERE w.organization_id = ${organizationId} AND (${which})
      RETURNING w.task_id, w.app_id, w.device_id, ${failure.code}::text AS code, ${failure.message}::text AS message`,
    now,
  );
}

/** Ends the waiting of these rows, each for a reason of its own, in one statement. Their tasks are locked. */
export async function endEach(
  tx: Tx,
  organizationId: bigint,
  rows: readonly { waitId: bigint; code: string; message: string }[],
  now: Date,
): Promise<void> {
  if (rows.length === 0) return;
  const given = sql`unnest(${ids(rows.map((row) => row.waitId))}, ${texts(rows.map((row) => row.code))}, ${texts(rows.map((row) => row.message))})`;
  await tellEnded(
    tx,
    organizationId,
    sql`DELETE FROM license_wait w USING ${given} AS q(id, code, message) WHERE w.organization_id = ${organizationId} AND w.id = q.id
      RETURNING w.task_id, w.app_id, w.device_id, q.code, q.message`,
    now,
  );
}

async function tellEnded(tx: Tx, organizationId: bigint, ended: Sql, now: Date): Promise<void> {
  const [row] = await tx.$queryRaw<{ followed: number }[]>(sql`
    WITH ended AS (${ended}
    ) ${failUnlicensed(organizationId, now)}, told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number)
      SELECT ${organizationId}, e.task_id, e.code, e.message, e.app_id, e.device_id, d.serial_number
      FROM ended e LEFT JOIN device d ON d.organization_id = ${organizationId} AND d.id = e.device_id
    ), counted AS (
      UPDATE task t SET failed = t.failed + n.count, dirty = true
      FROM (SELECT task_id, count(*) AS count FROM ended GROUP BY 1) n
      WHERE t.organization_id = ${organizationId} AND t.id = n.task_id
    )
    SELECT count(*)::int AS followed FROM unserved`);
  if (row!.followed > 0) await wakeDriver(tx, organizationId);
}
