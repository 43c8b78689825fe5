import { json, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { AppOperationState } from '../../generated/prisma/enums.ts';
import { type NewCommand, planCommands } from '../command/plan.ts';
import type { Context } from '../context.ts';
import type { Move } from './after-answer.ts';
import { noteBegun, noteWaiting } from './begin.ts';
import { causes, type OperationCause } from './cause.ts';
import { type Deed, type DueOperation, decideDue } from './decide-due.ts';
import { endIdleInstalls } from './idle.ts';
import { lockConnection } from './lock-connection.ts';
import { wasTold } from './row.ts';
import { settleOperations } from './settle.ts';
import { commandPatience, lookAgain, readyPatience } from './times.ts';
import { moveOperations } from './transition.ts';
import { wakeDriver } from './wake.ts';

/** What there was to do. */
export interface Dispatched {
  /** Commands that are planned now and wait to be sent. */
  planned: number;
  /** There may be more that is due: call again. */
  more: boolean;
}

/** Most operations of one transaction. */
const blockSize = 1_000;
/** The command's own deadline comes first and says more. */
const slack = 3_600_000;
/** A question that a device did not answer in a day is asked anew. */
const questionPatience = 86_400_000;

const after = (now: Date, wait: number): Date => new Date(now.getTime() + wait);

/**
 * Everything that is due for the organization's operations at the clock's time: plans the commands of those that are
 * READY, asks devices how it stands, gives up what took too long, and settles what has ended (tasks, seats). Transactions
 * of its own. Called in the loop of `drive-devices`, before commands are sent, and by a job of its own.
 */
export async function dispatchOperations(context: Context, organizationId: bigint): Promise<Dispatched> {
  const late = await transaction(context, (tx) => giveUp(context, tx, organizationId));
  const sent = await transaction(context, (tx) => doDue(context, tx, organizationId));
  if (sent.planned > 0) await noteBegun(context, organizationId);
  const settled = await settleOperations(context, organizationId);
  return { planned: sent.planned, more: late === blockSize || sent.looked === blockSize || settled };
}

/** Until nothing is due; then says when it comes back. */
export async function driveOperations(context: Context, organizationId: bigint): Promise<void> {
  while ((await dispatchOperations(context, organizationId)).more);
  await noteBegun(context, organizationId);
  await noteWaiting(context, organizationId);
  await endIdleInstalls(context, organizationId);
  await transaction(context, async (tx) => {
    const [row] = await tx.$queryRaw<{ next: Date | null }[]>(sql`
      SELECT min(least(due_at, deadline_at)) AS next FROM app_operation WHERE organization_id = ${organizationId} AND ended_at IS NULL`);
    if (row?.next) await wakeDriver(tx, organizationId, row.next);
  });
}

/** Silence ends an operation as well as an answer does. Locked as they are read: an answer that just came has put its end off. */
async function giveUp(context: Context, tx: Tx, organizationId: bigint): Promise<number> {
  const now = context.clock.now();
  const late = await tx.$queryRaw<
    { id: bigint; kind: string; state: AppOperationState; cause: OperationCause | null }[]
  >(sql`
    SELECT id, kind::text AS kind, state::text AS state, cause FROM app_operation
    WHERE organization_id = ${organizationId} AND ended_at IS NULL AND deadline_at <= ${moment(now)}
    ORDER BY id LIMIT ${blockSize} FOR NO KEY UPDATE SKIP LOCKED`);
  const moves = late.map(({ id, kind, state, cause }): Move => {
    if (kind === 'UPDATE' && state === 'INSTALLING') return { id, step: 'STAY' };
    return { id, step: 'TIME_OUT', cause: lateness(state, cause) };
  });
  await moveOperations(tx, organizationId, moves, now);
  return late.length;
}

function lateness(state: AppOperationState, cause: OperationCause | null): OperationCause {
  if (state === 'INSTALLING') return causes.notConfirmed;
  if (state === 'PROMPTING') return causes.nobodyAgreed;
  if (state === 'SENT') return causes.silent;
  return cause?.waits || cause === null ? causes.noTurn : cause;
}

async function doDue(context: Context, tx: Tx, organizationId: bigint): Promise<{ looked: number; planned: number }> {
  await lockConnection(tx, organizationId);
  const now = context.clock.now();
  const due = await readDue(tx, organizationId, now);
  const deeds = due.map((operation) => ({ operation, deed: decideDue(operation, now) }));
  const moves = deeds.flatMap(({ deed }) => ('move' in deed ? [deed.move] : []));
  const sending = deeds.flatMap(({ operation, deed }) => ('send' in deed ? [{ operation, deed }] : []));
  const sent = await send(context, tx, sending, now);
  const later = [...deeds.flatMap(({ operation, deed }) => waitOf(operation, deed)), ...sent.later];
  await moveOperations(tx, organizationId, [...moves, ...sent.moves], now);
  await putOff(tx, organizationId, later);
  await ask(
    context,
    tx,
    deeds.flatMap(({ operation, deed }) => ('ask' in deed ? [operation] : [])),
    now,
  );
  return { looked: due.length, planned: sent.moves.length };
}

function readDue(tx: Tx, organizationId: bigint, now: Date): Promise<DueOperation[]> {
  return tx.$queryRaw<DueOperation[]>(sql`
    SELECT o.id, o.kind::text AS kind, o.state::text AS state, o.device_id AS "deviceId", o.app_id AS "appId", a.adam_id AS "adamId",
      a.bundle_id AS "bundleId", o.take_over AS "takeOver", o.created_at AS "createdAt", o.changed_at AS "changedAt", o.not_after AS "notAfter",
      EXISTS (SELECT 1 FROM task t WHERE t.organization_id = o.organization_id AND t.id = o.task_id AND t.cancel_requested_at IS NOT NULL) AS cancelled, ${wasTold} AS told, o.recalled,
      l.state::text AS "licenseState", l.revoke_task_id IS NOT NULL AS revoking, e.id AS "enrollmentId", e.enrolled_at AS "enrolledAt",
      (SELECT max(g.gone_at) FROM enrollment g WHERE g.organization_id = o.organization_id AND g.device_id = o.device_id AND g.state = 'GONE') AS "goneAt"
    FROM app_operation o
    JOIN app a ON a.organization_id = o.organization_id AND a.id = o.app_id
    LEFT JOIN license l ON l.organization_id = o.organization_id AND l.id = o.license_id
    LEFT JOIN enrollment e ON e.organization_id = o.organization_id AND e.device_id = o.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
    WHERE o.organization_id = ${organizationId} AND o.ended_at IS NULL AND o.due_at <= ${moment(now)}
    ORDER BY o.due_at, o.id LIMIT ${blockSize} FOR NO KEY UPDATE OF o SKIP LOCKED`);
}

interface Later {
  id: bigint;
  dueAt: Date;
  cause: OperationCause | null;
}

function waitOf({ id }: DueOperation, deed: Deed): Later[] {
  if ('ask' in deed) return [{ id, dueAt: deed.dueAt, cause: null }];
  return 'wait' in deed ? [{ id, dueAt: deed.dueAt, cause: deed.wait }] : [];
}

async function send(
  context: Context,
  tx: Tx,
  sending: readonly { operation: DueOperation; deed: Extract<Deed, { send: unknown }> }[],
  now: Date,
): Promise<{ moves: Move[]; later: Later[] }> {
  const commands = sending.map(
    ({ operation, deed }): NewCommand => ({
      enrollmentId: operation.enrollmentId!,
      request: deed.send,
      operationId: operation.id,
      appId: operation.appId,
      atOnce: deed.atOnce,
      dueAt: now,
      deadlineAt: after(now, commandPatience),
      notAfter: operation.notAfter,
    }),
  );
  const planned = await planCommands(context, tx, commands);
  await noteBefore(tx, context.actor.organizationId, sending);
  const moves: Move[] = [];
  const later: Later[] = [];
  planned.forEach(({ outcome, commandId }, index) => {
    const { id } = sending[index]!.operation;
    if (outcome === 'PLANNED')
      moves.push({ id, step: 'SEND', commandId, deadlineAt: after(now, commandPatience + slack) });
    else later.push({ id, dueAt: after(now, lookAgain), cause: outcome === 'GONE' ? causes.notEnrolled : causes.busy });
  });
  return { moves, later };
}

/** Whether the app was there before the first command: a list that shows it proves nothing then. */
async function noteBefore(
  tx: Tx,
  organizationId: bigint,
  sending: readonly { operation: DueOperation }[],
): Promise<void> {
  if (sending.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE app_operation o SET version_before = (
      SELECT coalesce(i.external_version_id, '0') FROM installed_app i WHERE i.organization_id = o.organization_id AND i.device_id = o.device_id
        AND (i.app_id = o.app_id OR i.bundle_id = n.bundle_id) AND NOT i.installing LIMIT 1)
    FROM jsonb_to_recordset(${json(sending.map(({ operation }) => ({ id: operation.id, bundle_id: operation.bundleId })))}) AS n(id bigint, bundle_id text)
    WHERE o.organization_id = ${organizationId} AND o.id = n.id AND o.attempts = 0`);
}

/** Looks again at `dueAt`; what it waits for is added to what is known of it. */
async function putOff(tx: Tx, organizationId: bigint, later: readonly Later[]): Promise<void> {
  if (later.length === 0) return;
  const rows = later.map(({ id, dueAt, cause }) => ({ id, due: dueAt, cause }));
  await tx.$executeRaw(sql`
    UPDATE app_operation o SET due_at = n.due, deadline_at = coalesce(o.deadline_at, n.due + make_interval(secs => ${readyPatience / 1000}::float8)),
      cause = CASE WHEN n.cause IS NULL THEN o.cause ELSE coalesce(o.cause, '{}') || n.cause END
    FROM jsonb_to_recordset(${json(rows)}) AS n(id bigint, due timestamptz, cause jsonb)
    WHERE o.organization_id = ${organizationId} AND o.id = n.id`);
}

/** Asks each device once for all of its apps that are under way; one that has not answered yet is not asked again. */
async function ask(context: Context, tx: Tx, operations: readonly DueOperation[], now: Date): Promise<void> {
  const byDevice = new Map<bigint, Set<string | null>>();
  for (const { enrollmentId, bundleId } of operations) {
    if (enrollmentId === null) continue;
    byDevice.set(enrollmentId, (byDevice.get(enrollmentId) ?? new Set()).add(bundleId));
  }
  if (byDevice.size === 0) return;
  const asked = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT DISTINCT enrollment_id AS id FROM device_command WHERE organization_id = ${context.actor.organizationId} AND ended_at IS NULL
      AND kind = 'LIST_MANAGED_APPS' AND enrollment_id = ANY (${[...byDevice.keys()].map(String)}::text[]::bigint[])`);
  const busy = new Set(asked.map((row) => row.id));
  const commands = [...byDevice].flatMap(([enrollmentId, names]) => {
    if (busy.has(enrollmentId)) return [];
    const bundleIds = names.has(null) ? null : ([...names].sort() as string[]);
    const common = { enrollmentId, dueAt: now, deadlineAt: after(now, questionPatience) };
    return [
      { ...common, request: { kind: 'LIST_MANAGED_APPS' as const, bundleIds } },
      { ...common, request: { kind: 'LIST_INSTALLED_APPS' as const, bundleIds } },
    ];
  });
  await planCommands(context, tx, commands);
}
