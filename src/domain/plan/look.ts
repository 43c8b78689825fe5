/** Reads what a task that was just started does, and in what world: inside its own transaction. @module */
import { createHash } from 'node:crypto';
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { tokenState } from '../token/state.ts';

/** One thing that happens, or does not. */
export interface PlanItem {
  outcome: 'GIVE' | 'TAKE_BACK' | 'LEAVE' | 'RETIRE' | 'WAIT' | 'REMOVE_APP' | 'INSTALL_APP' | 'REFUSED';
  /** How many licenses it stands for; none for a seat of a subscription, a person who retires and an app that is installed, removed or neither. */
  licenses: bigint;
  appId: bigint | null;
  tokenId: bigint | null;
  deviceId: bigint | null;
  serialNumber: string | null;
  vppUserId: bigint | null;
  clientUserId: string | null;
  /** Only of a license that is there already. */
  licenseId: bigint | null;
  /** Only of a seat of a subscription that is there already. */
  seatId: bigint | null;
  seatSubscriptionId: bigint | null;
  code: string | null;
  message: string | null;
  data: unknown;
}

/** Hashes of what a plan hangs on; the names are those of the error's changes. */
export interface PlanFacts {
  LICENSES: string;
  TOKENS: string;
  ITEMS: string;
}

/** What tasks would do. */
export interface Seen {
  items: PlanItem[];
  facts: PlanFacts;
}

/** Looks at a task and what follows it. The counts are those after the write, so they say the same of the world before it. */
export async function look(context: Context, tx: Tx, taskIds: readonly [bigint, ...bigint[]]): Promise<Seen> {
  const { organizationId } = context.actor;
  const items = await readItems(tx, organizationId, taskIds);
  return { items, facts: await readFacts(context, tx, items, appsOfTasks(organizationId, ids(taskIds))) };
}

/** The facts behind items that are about the apps that `apps` selects. */
export async function readFacts(context: Context, tx: Tx, items: readonly PlanItem[], apps: Sql): Promise<PlanFacts> {
  const seats = await readSeats(tx, context.actor.organizationId, apps);
  return { ITEMS: hash(items.map(comparable)), LICENSES: hash(seats), TOKENS: hash(await readTokens(context, tx)) };
}

function readItems(tx: Tx, organizationId: bigint, taskIds: readonly [bigint, ...bigint[]]): Promise<PlanItem[]> {
  const [taskId] = taskIds;
  const mine = ids(taskIds);
  const retires = sql`w.organization_id = ${organizationId} AND w.task_id = ${taskId} AND w.kind = 'RETIRE_USERS'`;
  return tx.$queryRaw<PlanItem[]>(sql`
    SELECT CASE WHEN l.revoke_task_id = ${taskId} THEN 'TAKE_BACK' ELSE 'GIVE' END AS outcome, 1::bigint AS licenses, l.app_id AS "appId", l.token_id AS "tokenId",
           l.device_id AS "deviceId", l.serial_number AS "serialNumber", l.vpp_user_id AS "vppUserId", l.client_user_id AS "clientUserId",
           CASE WHEN l.revoke_task_id = ${taskId} THEN l.id END AS "licenseId", NULL AS code, NULL AS message, l.allocation AS data,
           NULL::bigint AS "seatId", NULL::bigint AS "seatSubscriptionId"
    FROM license l WHERE l.organization_id = ${organizationId} AND (l.task_id = ${taskId} OR l.revoke_task_id = ${taskId})
    UNION ALL
    SELECT 'REMOVE_APP', 0, o.app_id, NULL, o.device_id, d.serial_number, NULL, NULL, o.license_id, NULL, NULL, NULL, NULL, NULL
    FROM app_operation o JOIN device d ON d.organization_id = o.organization_id AND d.id = o.device_id
    WHERE o.organization_id = ${organizationId} AND o.task_id = ${taskId} AND o.kind = 'REMOVE'
    UNION ALL
    SELECT 'TAKE_BACK', 1, l.app_id, l.token_id, l.device_id, l.serial_number, l.vpp_user_id, l.client_user_id, l.id, NULL, NULL, NULL, NULL, NULL
    FROM license l WHERE l.organization_id = ${organizationId} AND l.ended_at IS NULL AND l.id IN (
      SELECT o.license_id FROM app_operation o WHERE o.organization_id = ${organizationId} AND o.task_id = ${taskId} AND o.release_license)
      AND l.revoke_task_id IS DISTINCT FROM ${taskId}
    UNION ALL
    SELECT CASE WHEN o.ended_at IS NULL THEN 'INSTALL_APP' ELSE 'REFUSED' END, 0, o.app_id, NULL, o.device_id, d.serial_number, NULL, NULL, NULL,
      o.cause ->> 'code', o.cause ->> 'message', NULL, NULL, NULL
    FROM app_operation o JOIN device d ON d.organization_id = o.organization_id AND d.id = o.device_id
    WHERE o.organization_id = ${organizationId} AND o.task_id = ANY (${mine}) AND o.kind = 'INSTALL'
    UNION ALL
    SELECT 'REFUSED', CASE WHEN ${isOfApp} THEN 0 ELSE 1 END, f.app_id, NULL, f.device_id, coalesce(f.serial_number, f.data ->> 'device'), NULL, NULL, f.license_id, f.code, f.message, f.data, NULL, NULL
    FROM task_failure f JOIN task t ON t.organization_id = f.organization_id AND t.id = f.task_id
    WHERE f.organization_id = ${organizationId} AND f.task_id = ANY (${mine})
    UNION ALL
    SELECT 'WAIT', 1, w.app_id, w.token_id, w.device_id, d.serial_number, NULL, NULL, NULL, w.reason, w.message, NULL, NULL, NULL
    FROM license_wait w JOIN device d ON d.organization_id = w.organization_id AND d.id = w.device_id
    WHERE w.organization_id = ${organizationId} AND w.task_id = ${taskId}
    UNION ALL
    SELECT 'RETIRE', 0, NULL, w.token_id, NULL, NULL, u.id, u.client_user_id, NULL, NULL, NULL, NULL, NULL, NULL
    FROM vpp_user_write w JOIN vpp_user u ON u.organization_id = w.organization_id AND u.id = w.user_id WHERE ${retires}
    UNION ALL
    SELECT 'TAKE_BACK', 0, NULL, l.token_id, NULL, NULL, l.vpp_user_id, l.client_user_id, NULL, NULL, NULL, NULL, l.id, l.subscription_id
    FROM seat_assignment l WHERE l.organization_id = ${organizationId} AND l.removal_task_id = ${taskId}
    UNION ALL
    SELECT 'LEAVE', 0, NULL, l.token_id, NULL, NULL, l.vpp_user_id, l.client_user_id, NULL, NULL, NULL, NULL, l.id, l.subscription_id
    FROM vpp_user_write w
    JOIN seat_assignment l ON l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id AND l.ended_at IS NULL AND l.through_group
    WHERE ${retires}
    UNION ALL
    SELECT 'LEAVE', 1, l.app_id, l.token_id, NULL, NULL, l.vpp_user_id, l.client_user_id, l.id, NULL, NULL, NULL, NULL, NULL
    FROM vpp_user_write w
    JOIN license l ON l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id AND l.ended_at IS NULL AND l.revoke_task_id IS NULL
    WHERE ${retires}
    ORDER BY 3 NULLS LAST, 5 NULLS LAST, 6 NULLS LAST, 7 NULLS LAST, 1, 9, 13, 2 DESC, 10`);
}

/** Failure `f` of task `t` is an app that is not installed or not removed, and no license. */
const isOfApp = sql`(t.kind IN ('INSTALL', 'REMOVE_APPS')
  OR (t.kind IN ('REVOKE', 'RETIRE_USERS') AND f.license_id IS NULL AND f.device_id IS NOT NULL AND f.code <> 'NOT_LICENSED'))`;

/** What a person decides on: who gets what from where, and what is refused for which reason. */
function comparable({ message: _message, data: _data, ...item }: PlanItem): unknown {
  return item;
}

/** The apps that the tasks are about. */
const appsOfTasks = (organizationId: bigint, taskIds: Sql | readonly string[]) => sql`
  SELECT app_id FROM license WHERE organization_id = ${organizationId} AND (task_id = ANY (${taskIds}) OR revoke_task_id = ANY (${taskIds}))
  UNION SELECT app_id FROM app_operation WHERE organization_id = ${organizationId} AND task_id = ANY (${taskIds})
  UNION SELECT app_id FROM license_wait WHERE organization_id = ${organizationId} AND task_id = ANY (${taskIds})
  UNION SELECT app_id FROM task_failure WHERE organization_id = ${organizationId} AND task_id = ANY (${taskIds})`;

/** The seats of the apps, in every token. */
function readSeats(tx: Tx, organizationId: bigint, apps: Sql): Promise<object[]> {
  return tx.$queryRaw<object[]>(sql`
    SELECT id, total, held, reserved, unlimited, device_assignable, revocable, gone_at IS NOT NULL AS gone
    FROM license_pool WHERE organization_id = ${organizationId} AND app_id IN (${apps}) ORDER BY id`);
}

async function readTokens(context: Context, tx: Tx): Promise<unknown> {
  const { organizationId } = context.actor;
  const tokens = await tx.token.findMany({ where: { organizationId, removedAt: null }, orderBy: { id: 'asc' } });
  const now = context.clock.now();
  return tokens.map((token) => [token.id, token.position, tokenState(token, now, context.settings)]);
}

function hash(value: unknown): string {
  const text = JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part));
  return createHash('sha256').update(text).digest('base64url');
}
