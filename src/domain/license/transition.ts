/**
 * The license ledger's only pen. Every change of a license's state goes through here: the license rows, the pool's
 * `held` and `reserved`, one ledger line each and, where items fail, the task's failures, in one statement under the
 * pools' locks.
 *
 * Locks are taken in one order everywhere; it stands in docs/architecture.md, "Locks have one order", and nowhere else.
 * @module
 */
import { ring } from '../../db/notify.ts';
import { ids, moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { type Actor, actorLabel } from '../actor.ts';
import { followers, followingOf, followLicenses } from '../operation/follow-licenses.ts';
import { wakeDriver } from '../operation/wake.ts';
import { countMark, driftMark, sourceOf } from './count-marks.ts';
import { type Rule, rules, type TransitionKind } from './rules.ts';
import { queueLines } from './wake-queue.ts';

export type { TransitionKind };

interface Manner {
  /** States as literals: only so can PostgreSQL prove that its partial indexes apply. */
  from: Sql;
  /** Columns that always follow. */
  set: Sql | undefined;
}

const unsent = sql`call_id = NULL`;
/** Columns that follow a step wherever it happens. */
const sets: Partial<Record<TransitionKind, Sql>> = {
  RESEND: unsent,
  REQUEST_REVOKE: sql`call_id = NULL, sends = 0`,
  RESEND_REVOKE: unsent,
  KEEP: sql`call_id = NULL, revoke_task_id = NULL`,
};

const kinds = Object.keys(rules) as TransitionKind[];
const manners = Object.fromEntries(
  kinds.map((kind) => [kind, { from: literals(rules[kind].from), set: sets[kind] }]),
) as Record<TransitionKind, Manner>;

function literals(states: readonly string[]): Sql {
  return Prisma.raw(`(${states.map((state) => `'${state}'`).join(', ')})`);
}

/** Why items were not done, and in whose list of failures they stand. */
export interface TransitionFailure {
  code: string;
  message: string;
  appleErrorNumber?: number | null;
  /** The task that asked for the licenses, or the one that takes them back. */
  of: 'taskId' | 'revokeTaskId';
}

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
  /** More columns to set. */
  set?: Sql;
  /** Keeps exactly the moved licenses as failed items of their tasks. */
  failure?: TransitionFailure;
}

/** What moved, by the tasks that the licenses belonged to before. */
export interface Moved {
  count: number;
  groups: { taskId: bigint | null; revokeTaskId: bigint | null; count: number }[];
}

/** Locks pools in the order of their ids. `pools` selects ids. */
export async function lockPools(tx: Tx, organizationId: bigint, pools: Sql): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM license_pool WHERE organization_id = ${organizationId} AND id IN (${pools}) ORDER BY id FOR NO KEY UPDATE`);
}

/** Locks the pools of these apps: what is read of their licenses stays true until the commit. */
export function lockPoolsOf(tx: Tx, organizationId: bigint, appIds: readonly bigint[]): Promise<void> {
  return lockPools(
    tx,
    organizationId,
    sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND app_id = ANY (${ids(appIds)})`,
  );
}

/** Moves every license that `where` names and the rule allows. */
export async function transition(tx: Tx, kind: TransitionKind, options: TransitionOptions): Promise<Moved> {
  const rule: Rule = rules[kind];
  const manner = manners[kind];
  const { organizationId, where } = options;
  const from = sql`l.organization_id = ${organizationId} AND l.state IN ${manner.from} AND (${where})`;
  await lockPools(tx, organizationId, sql`SELECT l.pool_id FROM license l WHERE ${from}`);
  const now = moment(options.now);
  const ended = rule.ends ? sql`, ended_at = ${now}, end_reason = ${options.reason ?? kind}` : nothing;
  const following = followingOf(kind, rule.ends, options.failure?.code);
  const groups = await tx.$queryRaw<(Moved['groups'][number] & { followed: number })[]>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.task_id, l.revoke_task_id FROM license l WHERE ${from} ORDER BY l.id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE license l SET state = ${rule.to}::"LicenseState", changed_at = ${now} ${ended} ${also(manner.set)} ${also(options.set)}
      FROM before b WHERE l.organization_id = ${organizationId} AND l.id = b.id
      RETURNING l.id, l.pool_id, b.task_id, b.revoke_task_id, l.app_id, l.device_id, l.serial_number, l.vpp_user_id, l.client_user_id
    ), written AS (
      INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, task_id, apple_event_id, actor, reason)
      SELECT ${organizationId}, ${now}, pool_id, id, ${kind}, ${rule.held}, ${rule.reserved}, ${options.taskId ?? null}::bigint,
             ${options.appleEventId ?? null}, ${actorLabel(options.actor)}, ${options.reason ?? null}
      FROM moved
    ) ${posted(kind, options)} ${woken(rule, organizationId)} ${told(options)} ${following ? followLicenses(following, organizationId, options.now) : nothing}
    SELECT task_id AS "taskId", revoke_task_id AS "revokeTaskId", count(*)::int AS count, ${followers(following)} FROM moved GROUP BY 1, 2`);
  if ((rule.held !== 0 || rule.reserved !== 0) && groups.length > 0) await ring(tx, { organizationId, kind: 'counts' });
  if (groups.some((group) => group.followed > 0)) await wakeDriver(tx, organizationId);
  return { count: groups.reduce((sum, group) => sum + group.count, 0), groups };
}

const also = (columns: Sql | undefined): Sql => (columns ? sql`, ${columns}` : nothing);

/** Posts what moved to the pools. */
function posted(kind: TransitionKind, { organizationId, actor, now }: TransitionOptions): Sql {
  const rule: Rule = rules[kind];
  if (rule.held === 0 && rule.reserved === 0) return nothing;
  const held = sql`p.held + d.n * ${rule.held}`;
  const marks =
    rule.held === 0
      ? nothing
      : sql`, ${driftMark(held, sql`p.apple_assigned`, now)}, ${countMark(sourceOf(actor, kind), now)}`;
  return sql`, posted AS (
      UPDATE license_pool p SET held = ${held}, reserved = p.reserved + d.n * ${rule.reserved} ${marks}
      FROM (SELECT pool_id, count(*) AS n FROM moved GROUP BY pool_id) d
      WHERE p.organization_id = ${organizationId} AND p.id = d.pool_id
    )`;
}

/** Seats that came free are news for those who wait for the app, and for those whose group holds too much of anything. */
function woken(rule: Rule, organizationId: bigint): Sql {
  if (rule.held + rule.reserved >= 0) return nothing;
  const freed = sql`w.app_id IN (SELECT m.app_id FROM moved m) OR (w.reason = 'QUOTA_EXCEEDED' AND EXISTS (SELECT 1 FROM moved))`;
  return sql`, woken AS (${queueLines(organizationId, freed)})`;
}

/** Keeps what moved as failures of the tasks. */
function told({ organizationId, failure }: TransitionOptions): Sql {
  if (!failure) return nothing;
  const task = failure.of === 'taskId' ? sql`m.task_id` : sql`m.revoke_task_id`;
  return sql`, told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, vpp_user_id, client_user_id, license_id, apple_error_number)
      SELECT ${organizationId}, ${task}, ${failure.code}, ${failure.message}, m.app_id, m.device_id, m.serial_number, m.vpp_user_id, m.client_user_id, m.id,
             ${failure.appleErrorNumber ?? null}::int
      FROM moved m WHERE ${task} IS NOT NULL
    )`;
}
