/**
 * The license ledger's only pen. Every change of a license's state goes through here: the license rows, the pool's
 * `held` and `reserved`, and one ledger line each, in one statement under the pools' locks.
 *
 * Locks are taken in one order everywhere: token gate, tasks (by id), pools (by id), licenses, organization counter.
 * @module
 */
import { ring } from '../../db/notify.ts';
import { type Sql, type Tx, moment, nothing, sql } from '../../db/transaction.ts';
import { type Actor, actorLabel } from '../actor.ts';

interface Rule {
  from: readonly string[];
  to: string;
  held: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  ends: boolean;
}

const asked = ['REQUESTED', 'PENDING_AT_APPLE'] as const;
const revoking = ['REVOKE_REQUESTED', 'REVOKE_PENDING'] as const;

/** Which state may follow which, and what it moves in the pool. */
const rules = {
  SEND: { from: ['REQUESTED'], to: 'PENDING_AT_APPLE', held: 0, reserved: 0, ends: false },
  CONFIRM: { from: asked, to: 'CONFIRMED', held: 1, reserved: -1, ends: false },
  FAIL: { from: asked, to: 'FAILED', held: 0, reserved: -1, ends: true },
  CANCEL: { from: ['REQUESTED'], to: 'FAILED', held: 0, reserved: -1, ends: true },
  RESEND: { from: ['PENDING_AT_APPLE'], to: 'REQUESTED', held: 0, reserved: 0, ends: false },
  REQUEST_REVOKE: { from: ['CONFIRMED'], to: 'REVOKE_REQUESTED', held: 0, reserved: 0, ends: false },
  SEND_REVOKE: { from: ['REVOKE_REQUESTED'], to: 'REVOKE_PENDING', held: 0, reserved: 0, ends: false },
  RESEND_REVOKE: { from: ['REVOKE_PENDING'], to: 'REVOKE_REQUESTED', held: 0, reserved: 0, ends: false },
  REVOKE: { from: revoking, to: 'REVOKED', held: -1, reserved: 0, ends: true },
  KEEP: { from: revoking, to: 'CONFIRMED', held: 0, reserved: 0, ends: false },
  GONE: { from: ['CONFIRMED'], to: 'GONE_AT_APPLE', held: -1, reserved: 0, ends: true },
  REMOVE_HELD: { from: ['CONFIRMED', ...revoking], to: 'TOKEN_REMOVED', held: -1, reserved: 0, ends: true },
  REMOVE_RESERVED: { from: asked, to: 'TOKEN_REMOVED', held: 0, reserved: -1, ends: true },
} as const satisfies Record<string, Rule>;

/** The name of a transition; also the `kind` of its ledger lines. REQUEST, OPENING and FOUND come from inserts. */
export type TransitionKind = keyof typeof rules;

/** One set-wise transition. */
export interface TransitionOptions {
  organizationId: bigint;
  /** Which licenses, as a condition on `l`. Ones in another state than the rule's are passed over. */
  where: Sql;
  now: Date;
  actor: Actor;
  /** The task whose work it is. */
  taskId?: bigint | null;
  appleEventId?: string | null;
  /** Why; kept in the ledger, and as the end reason where the license ends. */
  reason?: string | null;
  /** More columns to set, e.g. `call_id = NULL`. */
  set?: Sql;
}

/** What moved, by the tasks that the licenses belong to. */
export interface Moved {
  count: number;
  groups: { taskId: bigint | null; revokeTaskId: bigint | null; count: number }[];
}

/** Locks pools in the order of their ids. `pools` selects ids. */
export async function lockPools(tx: Tx, organizationId: bigint, pools: Sql): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM license_pool WHERE organization_id = ${organizationId} AND id IN (${pools}) ORDER BY id FOR NO KEY UPDATE`);
}

/** Moves every license that `where` names and the rule allows. */
export async function transition(tx: Tx, kind: TransitionKind, options: TransitionOptions): Promise<Moved> {
  const rule: Rule = rules[kind];
  const { organizationId, where } = options;
  const from = sql`l.organization_id = ${organizationId} AND l.state = ANY (${[...rule.from]}::text[]::"LicenseState"[]) AND (${where})`;
  const moves = rule.held !== 0 || rule.reserved !== 0;
  if (moves) await lockPools(tx, organizationId, sql`SELECT l.pool_id FROM license l WHERE ${from}`);
  const now = moment(options.now);
  const ended = rule.ends ? sql`, ended_at = ${now}, end_reason = ${options.reason ?? kind}` : nothing;
  const posted = moves
    ? sql`, posted AS (
        UPDATE license_pool p SET held = p.held + d.n * ${rule.held}, reserved = p.reserved + d.n * ${rule.reserved}
        FROM (SELECT pool_id, count(*) AS n FROM moved GROUP BY pool_id) d
        WHERE p.organization_id = ${organizationId} AND p.id = d.pool_id)`
    : nothing;
  const groups = await tx.$queryRaw<{ taskId: bigint | null; revokeTaskId: bigint | null; count: number }[]>(sql`
    WITH moved AS (
      UPDATE license l SET state = ${rule.to}::"LicenseState", changed_at = ${now} ${ended} ${options.set ? sql`, ${options.set}` : nothing}
      WHERE ${from} RETURNING l.id, l.pool_id, l.task_id, l.revoke_task_id
    ), written AS (
      INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, task_id, apple_event_id, actor, reason)
      SELECT ${organizationId}, ${now}, pool_id, id, ${kind}, ${rule.held}, ${rule.reserved}, ${options.taskId ?? null}::bigint,
             ${options.appleEventId ?? null}, ${actorLabel(options.actor)}, ${options.reason ?? null}
      FROM moved
    ) ${posted}
    SELECT task_id AS "taskId", revoke_task_id AS "revokeTaskId", count(*)::int AS count FROM moved GROUP BY 1, 2`);
  if (moves && groups.length > 0) await ring(tx, { organizationId, kind: 'counts' });
  return { count: groups.reduce((sum, group) => sum + group.count, 0), groups };
}
