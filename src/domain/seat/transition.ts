/**
 * The seat ledger's only pen. Every change of a seat's state goes through here: the seats, their subscription's `held` and
 * `reserved` of the kind that the seat is of, one ledger line each and, where items fail, the task's failures, in one
 * statement under the subscriptions' locks. These stand where pools stand in the order of locks, behind them.
 * @module
 */
import { moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { type Actor, actorLabel } from '../actor.ts';
import { rules, type SeatRule, type SeatTransition } from './rules.ts';

export type { SeatTransition };

const unsent = sql`call_id = NULL`;
/** Columns that follow a step wherever it happens. */
const sets: Partial<Record<SeatTransition, Sql>> = {
  CONFIRM: unsent,
  RESEND: unsent,
  REQUEST_REMOVAL: sql`call_id = NULL, sends = 0`,
  RESEND_REMOVAL: unsent,
  DEFER: sql`call_id = NULL, removal_on = coalesce((SELECT s.period_ends_on FROM seat_subscription s
    WHERE s.organization_id = l.organization_id AND s.id = l.subscription_id), l.removal_on)`,
  KEEP: sql`call_id = NULL, removal_task_id = NULL`,
  STAY: sql`removal_on = NULL`,
};

/** States as literals: only so can PostgreSQL prove that its partial indexes apply. */
const literals = (states: readonly string[]): Sql => Prisma.raw(`(${states.map((state) => `'${state}'`).join(', ')})`);

const target = ({ to }: SeatRule): Sql =>
  to === 'BEFORE'
    ? sql`CASE WHEN l.removal_on IS NULL THEN 'CONFIRMED' ELSE 'REMOVAL_DEFERRED' END::"SeatState"`
    : sql`${to}::"SeatState"`;

/** Why items were not done, and in whose list of failures they stand. */
export interface SeatFailure {
  code: string;
  message: string;
  appleErrorNumber?: number | null;
  of: 'taskId' | 'removalTaskId';
}

/** One set-wise transition. */
export interface SeatTransitionOptions {
  organizationId: bigint;
  /** Which seats, as a condition on `l`. Ones in another state than the rule's are passed over. */
  where: Sql;
  now: Date;
  actor: Actor;
  taskId?: bigint | null;
  appleEventId?: string | null;
  /** Why; kept in the ledger, and as the end reason where the seat ends. */
  reason?: string | null;
  /** More columns to set. */
  set?: Sql;
  /** Keeps exactly the moved seats as failed items of their tasks. */
  failure?: SeatFailure;
}

/** What moved, by the tasks that the seats belonged to before. */
export interface MovedSeats {
  count: number;
  groups: { taskId: bigint | null; removalTaskId: bigint | null; count: number }[];
}

/** Locks subscriptions in the order of their ids. `subscriptions` selects ids. */
export async function lockSubscriptions(tx: Tx, organizationId: bigint, subscriptions: Sql): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM seat_subscription WHERE organization_id = ${organizationId} AND id IN (${subscriptions}) ORDER BY id FOR NO KEY UPDATE`);
}

/** Moves every seat that `where` names and the rule allows. */
export async function moveSeats(tx: Tx, kind: SeatTransition, options: SeatTransitionOptions): Promise<MovedSeats> {
  const rule: SeatRule = rules[kind];
  const { organizationId, where } = options;
  const from = sql`l.organization_id = ${organizationId} AND l.state IN ${literals(rule.from)} AND (${where})`;
  await lockSubscriptions(tx, organizationId, sql`SELECT l.subscription_id FROM seat_assignment l WHERE ${from}`);
  const now = moment(options.now);
  const ended = rule.ends ? sql`, ended_at = ${now}, end_reason = ${options.reason ?? kind}` : nothing;
  const groups = await tx.$queryRaw<MovedSeats['groups']>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.task_id, l.removal_task_id FROM seat_assignment l WHERE ${from} ORDER BY l.id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE seat_assignment l SET state = ${target(rule)}, changed_at = ${now} ${ended} ${also(sets[kind])} ${also(options.set)}
      FROM before b WHERE l.organization_id = ${organizationId} AND l.id = b.id
      RETURNING l.id, l.subscription_id, l.renewing, b.task_id, b.removal_task_id, l.vpp_user_id, l.client_user_id
    ), written AS (
      INSERT INTO seat_ledger (organization_id, at, subscription_id, seat_id, kind, held_renewing_delta, held_expiring_delta,
                               reserved_renewing_delta, reserved_expiring_delta, task_id, apple_event_id, actor, reason)
      SELECT ${organizationId}, ${now}, subscription_id, id, ${kind}, ${rule.held} * renewing::int, ${rule.held} * (NOT renewing)::int,
             ${rule.reserved} * renewing::int, ${rule.reserved} * (NOT renewing)::int, ${options.taskId ?? null}::bigint,
             ${options.appleEventId ?? null}, ${actorLabel(options.actor)}, ${options.reason ?? null}
      FROM moved
    ) ${posted(rule, organizationId)} ${told(options)}
    SELECT task_id AS "taskId", removal_task_id AS "removalTaskId", count(*)::int AS count FROM moved GROUP BY 1, 2`);
  return { count: groups.reduce((sum, group) => sum + group.count, 0), groups };
}

const also = (columns: Sql | undefined): Sql => (columns ? sql`, ${columns}` : nothing);

/** Posts what moved to the subscriptions. */
function posted(rule: SeatRule, organizationId: bigint): Sql {
  if (rule.held === 0 && rule.reserved === 0) return nothing;
  return sql`, posted AS (
      UPDATE seat_subscription s SET
        held_renewing = held_renewing + d.renewing * ${rule.held}, held_expiring = held_expiring + d.expiring * ${rule.held},
        reserved_renewing = reserved_renewing + d.renewing * ${rule.reserved}, reserved_expiring = reserved_expiring + d.expiring * ${rule.reserved}
      FROM (SELECT subscription_id, count(*) FILTER (WHERE renewing) AS renewing, count(*) FILTER (WHERE NOT renewing) AS expiring
            FROM moved GROUP BY 1) d
      WHERE s.organization_id = ${organizationId} AND s.id = d.subscription_id
    )`;
}

/** Keeps what moved as failures of the tasks. */
function told({ organizationId, failure }: SeatTransitionOptions): Sql {
  if (!failure) return nothing;
  const task = failure.of === 'taskId' ? sql`m.task_id` : sql`m.removal_task_id`;
  return sql`, told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, seat_subscription_id, seat_id, vpp_user_id, client_user_id, apple_error_number)
      SELECT ${organizationId}, ${task}, ${failure.code}, ${failure.message}, m.subscription_id, m.id, m.vpp_user_id, m.client_user_id,
             ${failure.appleErrorNumber ?? null}::int
      FROM moved m WHERE ${task} IS NOT NULL
    )`;
}
