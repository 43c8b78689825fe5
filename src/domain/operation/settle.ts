/**
 * What follows the end of operations: their tasks count them, and seats go back. Apart from the news that ended them, for
 * gates, tasks and pools come before commands wherever they are locked. Until it is done the rows say so.
 * @module
 */
import { ids, nothing, type Sql, sql, type Tx, transaction } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { lockGates } from '../license/lock-gates.ts';
import { neverSent } from '../license/never-sent.ts';
import { takeBackLicenses } from '../license/take-back.ts';
import { lockPools } from '../license/transition.ts';
import { ringQueues } from '../license/wake-queue.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { publishProgress } from '../task/events.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { causes } from './cause.ts';
import { lockOperations } from './transition.ts';

/** Most operations of one transaction. */
const blockSize = 1_000;

interface Ended {
  id: bigint;
  taskId: bigint;
  licenseId: bigint | null;
  /** Of a license that goes back. */
  tokenId: bigint | null;
  poolId: bigint | null;
  asker: bigint | null;
  /** Its task counts licenses beside operations: it was asked to take licenses back. */
  ofRevoke: boolean;
}

/** The app is off the device; from one that left its MDM server, managed apps went with the profile. */
export const isOff = (operation: 'o' | 'x' | 'g' | 's'): Sql => {
  const state = Prisma.raw(`${operation}.state`);
  const cause = Prisma.raw(`${operation}.cause`);
  return sql`(${state} = 'DONE' OR coalesce(${cause} ->> 'code' = ${causes.unenrolled.code}, false))`;
};

/** Another removal that the same license waits for. One license of a person serves several devices. */
const sibling = sql`x.organization_id = o.organization_id AND x.license_id = o.license_id AND x.kind = 'REMOVE' AND x.task_id = o.task_id AND x.id <> o.id`;

/** Installs that did not come to their app, and removals that did, give the seat back; never one that was given elsewhere. */
const givesBack = sql`o.release_license AND l.ended_at IS NULL AND (l.source = 'RUSSET' OR o.kind = 'REMOVE')
  AND (l.state = 'REQUESTED' AND ${neverSent} OR p.revocable)
  AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED') AND l.revoke_task_id IS NULL
  AND CASE o.kind WHEN 'REMOVE' THEN ${isOff('o')} AND NOT EXISTS (SELECT 1 FROM app_operation x WHERE ${sibling} AND NOT (x.ended_at IS NOT NULL AND ${isOff('x')})) ELSE o.state IN ('FAILED', 'TIMED_OUT', 'CANCELLED') END`;

/** Settles a block of what has ended. True when there may be more. */
export async function settleOperations(context: Context, organizationId: bigint): Promise<boolean> {
  const ended = await transaction(context, (tx) => settleBlock(context, tx, organizationId));
  const taskIds = [...new Set(ended.map((one) => one.taskId))];
  for (const taskId of taskIds) await publishProgress(context, { organizationId, taskId });
  return ended.length === blockSize;
}

function readEnded(tx: Tx, organizationId: bigint, which: Sql): Promise<Ended[]> {
  return tx.$queryRaw<Ended[]>(sql`
    SELECT o.id, o.task_id AS "taskId", l.id AS "licenseId", l.token_id AS "tokenId", l.pool_id AS "poolId", l.task_id AS asker, t.kind = 'REVOKE' AS "ofRevoke"
    FROM app_operation o JOIN task t ON t.organization_id = o.organization_id AND t.id = o.task_id
    LEFT JOIN (license l JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id)
      ON l.organization_id = o.organization_id AND l.id = o.license_id AND ${givesBack}
    WHERE o.organization_id = ${organizationId} AND o.ended_at IS NOT NULL AND NOT o.settled ${which}
    ORDER BY o.id LIMIT ${blockSize}`);
}

async function settleBlock(context: Context, tx: Tx, organizationId: bigint): Promise<Ended[]> {
  const before = await readEnded(tx, organizationId, nothing);
  if (before.length === 0) return [];
  const distinct = (pick: (one: Ended) => bigint | null) => [...new Set(before.flatMap((one) => pick(one) ?? []))];
  await lockGates(
    tx,
    organizationId,
    distinct((one) => one.tokenId),
  );
  const askers = distinct((one) => one.asker);
  const taskIds = distinct((one) => one.taskId);
  await lockTasks(tx, organizationId, [...new Set([...taskIds, ...askers])]);
  await lockPools(tx, organizationId, sql`SELECT unnest(${ids(distinct((one) => one.poolId))})`);
  // What changed while this waited for the locks is left to the next time.
  const mine = sql`AND o.id = ANY (${ids(before.map((one) => one.id))})`;
  const gates = new Set(before.map((one) => one.tokenId));
  const ended = (await readEnded(tx, organizationId, mine)).filter((one) => gates.has(one.tokenId));
  const tokenIds = await giveBack(context, tx, ended);
  await countKept(tx, organizationId, ended);
  await count(tx, organizationId, ended);
  const now = context.clock.now();
  await ringQueues(tx, organizationId, now);
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await endSettledTasks(tx, organizationId, [...new Set([...taskIds, ...askers])], now);
  return ended;
}

async function giveBack(context: Context, tx: Tx, ended: readonly Ended[]): Promise<bigint[]> {
  const byTask = new Map<bigint, { licenseIds: bigint[]; counts: boolean }>();
  for (const { taskId, licenseId, ofRevoke } of ended) {
    if (licenseId === null) continue;
    const one = byTask.get(taskId) ?? { licenseIds: [], counts: ofRevoke };
    byTask.set(taskId, one);
    one.licenseIds.push(licenseId);
  }
  const tokenIds = new Set<bigint>();
  for (const [taskId, { licenseIds, counts }] of byTask) {
    const back = await takeBackLicenses(context, tx, taskId, licenseIds, { counts });
    for (const tokenId of back.tokenIds) tokenIds.add(tokenId);
  }
  return [...tokenIds].sort((a, b) => (a < b ? -1 : 1));
}

/** Counts them for their tasks and keeps what failed with its reason. Tasks of updates are counted by their runs. */
async function count(tx: Tx, organizationId: bigint, ended: readonly Ended[]): Promise<void> {
  const which = sql`o.organization_id = ${organizationId} AND o.id = ANY (${ids(ended.map((one) => one.id))})`;
  await lockOperations(tx, organizationId, which);
  await tx.$executeRaw(sql`
    WITH told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, license_id)
      SELECT o.organization_id, o.task_id, coalesce(o.cause ->> 'code', o.state::text), coalesce(o.cause ->> 'message', 'It was not done.'),
        o.app_id, o.device_id, d.serial_number, o.license_id
      FROM app_operation o JOIN device d ON d.organization_id = o.organization_id AND d.id = o.device_id
      WHERE ${which} AND o.kind <> 'UPDATE' AND o.state <> 'DONE' ORDER BY o.id
    ), counted AS (
      SELECT o.task_id, count(*) FILTER (WHERE o.state = 'DONE') AS done, count(*) FILTER (WHERE o.state <> 'DONE') AS failed
      FROM app_operation o WHERE ${which} AND o.kind <> 'UPDATE' GROUP BY 1
    ), added AS (
      UPDATE task t SET completed = t.completed + c.done, failed = t.failed + c.failed, dirty = true
      FROM counted c WHERE t.organization_id = ${organizationId} AND t.id = c.task_id
    )
    UPDATE app_operation o SET settled = true WHERE ${which}`);
}

/**
 * Licenses that a revoke keeps, for an app of theirs could not be removed first: failed items of it. Each is counted once,
 * with the last of its removals.
 */
async function countKept(tx: Tx, organizationId: bigint, ended: readonly Ended[]): Promise<void> {
  const ofRevokes = ended.filter((one) => one.ofRevoke).map((one) => one.id);
  if (ofRevokes.length === 0) return;
  const mine = ids(ofRevokes);
  const failure = causes.appKept;
  await tx.$executeRaw(sql`
    WITH kept AS (
      SELECT DISTINCT o.task_id, o.license_id FROM app_operation o
      WHERE o.organization_id = ${organizationId} AND o.id = ANY (${mine}) AND o.kind = 'REMOVE' AND o.release_license
        AND NOT EXISTS (SELECT 1 FROM app_operation x WHERE ${sibling} AND NOT x.settled AND x.id <> ALL (${mine}))
        AND (NOT ${isOff('o')} OR EXISTS (SELECT 1 FROM app_operation x WHERE ${sibling} AND NOT ${isOff('x')}))
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, vpp_user_id, client_user_id, license_id)
      SELECT ${organizationId}, k.task_id, ${failure.code}, ${failure.message}, l.app_id, l.device_id, l.serial_number, l.vpp_user_id, l.client_user_id, l.id
      FROM kept k JOIN license l ON l.organization_id = ${organizationId} AND l.id = k.license_id
    )
    UPDATE task t SET failed = t.failed + k.n, dirty = true FROM (SELECT task_id, count(*) AS n FROM kept GROUP BY 1) k
    WHERE t.organization_id = ${organizationId} AND t.id = k.task_id`);
}
