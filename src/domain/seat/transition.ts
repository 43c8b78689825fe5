/**
 * The seat ledger's only pen. Every change of a seat's state goes through here: the seats, their subscription's `held` and
 * `reserved` of the kind that the seat is of, one ledger line each and, where items fail, the task's failures, in one
 * statement under the subscriptions' locks. These stand where pools stand in the order of locks, behind them.
 * @module
 */
import { moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { type Actor, actorLabel } from '../actor.ts';

interface Rule {
  from: Sql;
  to: Sql;
  held: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  ends: boolean;
  set?: Sql;
}

const state = (name: string): Sql => sql`${name}::"SeatState"`;
const asked = sql`('REQUESTED', 'PENDING_AT_APPLE')`;
const leaving = sql`('REMOVAL_REQUESTED', 'REMOVAL_PENDING')`;
const present = sql`('CONFIRMED', 'REMOVAL_DEFERRED')`;
const unsent = sql`call_id = NULL`;
const fresh = sql`call_id = NULL, sends = 0`;
const still = { held: 0, reserved: 0, ends: false } as const;
/** A seat that was to leave at the end of the period still is. */
const before = sql`CASE WHEN l.removal_on IS NULL THEN 'CONFIRMED' ELSE 'REMOVAL_DEFERRED' END::"SeatState"`;

/** Which state may follow which, and what it moves. */
const rules = {
  SEND: { from: sql`('REQUESTED')`, to: state('PENDING_AT_APPLE'), ...still },
  CONFIRM: { from: asked, to: state('CONFIRMED'), held: 1, reserved: -1, ends: false, set: unsent },
  FAIL: { from: asked, to: state('FAILED'), held: 0, reserved: -1, ends: true },
  CANCEL: { from: sql`('REQUESTED')`, to: state('FAILED'), held: 0, reserved: -1, ends: true },
  RESEND: { from: asked, to: state('REQUESTED'), ...still, set: unsent },
  REQUEST_REMOVAL: { from: present, to: state('REMOVAL_REQUESTED'), ...still, set: fresh },
  SEND_REMOVAL: { from: sql`('REMOVAL_REQUESTED')`, to: state('REMOVAL_PENDING'), ...still },
  RESEND_REMOVAL: { from: leaving, to: state('REMOVAL_REQUESTED'), ...still, set: unsent },
  DEFER: {
    from: leaving,
    to: state('REMOVAL_DEFERRED'),
    ...still,
    set: sql`call_id = NULL, removal_on = coalesce((SELECT s.period_ends_on FROM seat_subscription s
      WHERE s.organization_id = l.organization_id AND s.id = l.subscription_id), l.removal_on)`,
  },
  REMOVE: { from: leaving, to: state('REMOVED'), held: -1, reserved: 0, ends: true },
  KEEP: { from: leaving, to: before, ...still, set: sql`call_id = NULL, removal_task_id = NULL` },
  /** The period ended and Apple took back what was to leave then. */
  LEAVE: { from: sql`('REMOVAL_DEFERRED')`, to: state('REMOVED'), held: -1, reserved: 0, ends: true },
  /** The period ended and the seat is still there. */
  STAY: { from: sql`('REMOVAL_DEFERRED')`, to: state('CONFIRMED'), ...still, set: sql`removal_on = NULL` },
  EXPIRE: { from: sql`('CONFIRMED')`, to: state('EXPIRED'), held: -1, reserved: 0, ends: true },
  GONE: { from: present, to: state('GONE_AT_APPLE'), held: -1, reserved: 0, ends: true },
  REMOVE_HELD: {
    from: sql`('CONFIRMED', 'REMOVAL_DEFERRED', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING')`,
    to: state('TOKEN_REMOVED'),
    held: -1,
    reserved: 0,
    ends: true,
  },
  REMOVE_RESERVED: { from: asked, to: state('TOKEN_REMOVED'), held: 0, reserved: -1, ends: true },
} as const satisfies Record<string, Rule>;

/** The name of a transition; also the `kind` of its ledger lines. REQUEST, OPENING, FOUND and TURN come from elsewhere. */
export type SeatTransition = keyof typeof rules;

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
  const rule: Rule = rules[kind];
  const { organizationId, where } = options;
  const from = sql`l.organization_id = ${organizationId} AND l.state IN ${rule.from} AND (${where})`;
  await lockSubscriptions(tx, organizationId, sql`SELECT l.subscription_id FROM seat_assignment l WHERE ${from}`);
  const now = moment(options.now);
  const ended = rule.ends ? sql`, ended_at = ${now}, end_reason = ${options.reason ?? kind}` : nothing;
  const groups = await tx.$queryRaw<MovedSeats['groups']>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.task_id, l.removal_task_id FROM seat_assignment l WHERE ${from} ORDER BY l.id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE seat_assignment l SET state = ${rule.to}, changed_at = ${now} ${ended} ${also(rule.set)} ${also(options.set)}
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
function posted(rule: Rule, organizationId: bigint): Sql {
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
