/** Hands commands out to whoever carries them to an MDM server that Russet does not call. @module */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Rows } from '../../db/rows.ts';
import { json, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import { parseInput } from '../parse.ts';
import type { OnEnded } from './ended.ts';
import { pickReady, writeDown } from './pick.ts';
import { revealRequest } from './reveal.ts';
import { endCommands } from './settle.ts';

const inputSchema = z.object({
  first: z.number().int().min(1).max(1_000),
  seconds: z.number().int().min(10).max(86_400),
});

/** Input of {@link leaseCommands}. */
export type LeaseInput = z.input<typeof inputSchema>;

/** A command that is handed out. */
export interface LeasedCommand {
  id: bigint;
  commandUuid: string;
  /** As the MDM server knows the device. */
  enrollmentId: string;
  type: 'DEVICE' | 'USER';
  deviceId: bigint | null;
  request: DeviceRequest;
  leasedUntil: Date;
  /** How often it was handed out, this time included. */
  sends: number;
}

/**
 * Leases at most `first` commands for `seconds`. One that is not reported until then is handed out again with the same
 * CommandUUID. Two callers never hold the same one. `onEnded` is told of those that were over. Throws INVALID_INPUT, and NOT_FOUND without such a connection.
 */
export async function leaseCommands(
  context: Context,
  rawInput: LeaseInput,
  onEnded: OnEnded,
): Promise<LeasedCommand[]> {
  requireRight(context, 'commands:write');
  const input = parseInput(inputSchema, rawInput);
  return reveal(context, await lease(context, input), onEnded);
}

/** Milliseconds for which a command waits whose address can't be had. */
const laterAfter = 60_000;

/** Puts in what does not stand in the rows. What can't be handed on now waits a minute and not a lease; what is over is ended. */
async function reveal(context: Context, leased: readonly LeasedCommand[], onEnded: OnEnded): Promise<LeasedCommand[]> {
  const revealed = await Promise.all(
    leased.map(async (command) => ({ command, request: await revealRequest(context, command.request) })),
  );
  const closed = revealed.flatMap(({ command, request }) => (request === 'CLOSED' ? [command] : []));
  const later = revealed.flatMap(({ command, request }) => (request === 'LATER' ? [command] : []));
  if (closed.length + later.length > 0)
    await transaction(context, async (tx) => {
      await lockGraphqlConnection(context, tx);
      await putOff(context, tx, later);
      const at = context.clock.now();
      const verdicts = closed.map(({ id }) => ({ commandId: id, state: 'CANCELLED' as const, at }));
      const ended = await endCommands(context, tx, verdicts);
      if (ended.length > 0) await onEnded(tx, ended);
    });
  return revealed.flatMap(({ command, request }) => (typeof request === 'string' ? [] : [{ ...command, request }]));
}

/** Nobody was handed them, so it counts as no lease; one whose lease another holds by now is left to that one. */
async function putOff(context: Context, tx: Tx, later: readonly LeasedCommand[]): Promise<void> {
  if (later.length === 0) return;
  const until = moment(new Date(context.clock.now().getTime() + laterAfter));
  await tx.$executeRaw(sql`
    UPDATE device_command c SET leased_until = ${until}, sends = c.sends - 1
    FROM jsonb_to_recordset(${json(later.map(({ id, sends }) => ({ id, sends })))}) AS v(id bigint, sends int)
    WHERE c.organization_id = ${context.actor.organizationId} AND c.id = v.id AND c.ended_at IS NULL AND c.state = 'QUEUED'
      AND c.sends = v.sends`);
}

async function lease(context: Context, input: z.output<typeof inputSchema>): Promise<LeasedCommand[]> {
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    const connectionId = await lockGraphqlConnection(context, tx);
    const claim = { organizationId: context.actor.organizationId, connectionId };
    const leasedUntil = new Date(now.getTime() + input.seconds * 1000);
    const again = await releaseOverdue(context, tx, connectionId, input.first, leasedUntil);
    const ready = await pickReady(context, tx, claim, Math.max(input.first - again.length, 0));
    const batches = ready.map((command) => ({ uuid: randomUUID(), request: command.request, commands: [command] }));
    if (batches.length > 0)
      await writeDown(context, tx, claim.organizationId, batches, { state: 'QUEUED', dueAt: null, leasedUntil });
    const leased = [...again, ...batches.map((batch) => batch.commands[0]!.id)];
    if (leased.length > 0)
      await recordAudit(context, tx, { action: 'device-command.lease', data: { commands: leased.length } });
    return readLeased(context, tx, leased);
  });
}

/** The connection of an organization whose MDM server asks by GraphQL, under its lock: callers come one after another. */
export async function lockGraphqlConnection(context: Context, tx: Tx): Promise<bigint> {
  const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM mdm_connection WHERE organization_id = ${context.actor.organizationId} AND removed_at IS NULL AND kind = 'GRAPHQL'
    FOR NO KEY UPDATE`);
  if (!row) throw new NotFoundError('MDM connection of the kind GRAPHQL', ['none'], []);
  await tx.$executeRaw(sql`
    UPDATE mdm_connection SET heard_at = ${moment(context.clock.now())} WHERE organization_id = ${context.actor.organizationId} AND id = ${row.id}`);
  return row.id;
}

/** Leases that ran out begin anew under their CommandUUIDs. */
async function releaseOverdue(
  context: Context,
  tx: Tx,
  connectionId: bigint,
  limit: number,
  leasedUntil: Date,
): Promise<bigint[]> {
  const now = moment(context.clock.now());
  const { organizationId } = context.actor;
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    UPDATE device_command c SET leased_until = ${moment(leasedUntil)}, sends = c.sends + 1 FROM (
      SELECT c.id FROM device_command c WHERE ${overdue(organizationId, connectionId, now)} ORDER BY c.id LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED
    ) o WHERE c.organization_id = ${organizationId} AND c.id = o.id RETURNING c.id`);
  return rows.map((row) => row.id).sort((a, b) => (a < b ? -1 : 1));
}

const overdue = (organizationId: bigint, connectionId: bigint, now: ReturnType<typeof moment>) => sql`
  c.organization_id = ${organizationId} AND c.connection_id = ${connectionId} AND c.ended_at IS NULL AND c.state = 'QUEUED'
  AND c.leased_until <= ${now} AND c.deadline_at > ${now} AND NOT ${reported}`;

/** Its report is stored and not applied yet. */
const reported = sql`EXISTS (SELECT 1 FROM device_news n WHERE n.organization_id = c.organization_id AND n.connection_id = c.connection_id
  AND n.applied_at IS NULL AND lower(n.news ->> 'commandUuid') = c.uuid::text)`;

function readLeased(context: Context, tx: Tx, commandIds: readonly bigint[]): Promise<LeasedCommand[]> {
  return tx.$queryRaw<LeasedCommand[]>(sql`
    SELECT c.id, c.uuid::text AS "commandUuid", e.enrollment_id AS "enrollmentId", e.type::text AS type, e.device_id AS "deviceId",
      c.request, c.leased_until AS "leasedUntil", c.sends
    FROM device_command c JOIN enrollment e ON e.organization_id = c.organization_id AND e.id = c.enrollment_id
    WHERE c.organization_id = ${context.actor.organizationId} AND c.id = ANY (${commandIds.map(String)}::text[]::bigint[]) ORDER BY c.id`);
}

/** How many commands could be leased now; those that their device is not ready for are not counted yet. */
export async function countLeasable(reader: Rows, organizationId: bigint, at: Date): Promise<number> {
  const now = moment(at);
  const [row] = await reader.rows<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM mdm_connection m
    JOIN device_command c ON c.organization_id = m.organization_id AND c.connection_id = m.id AND c.ended_at IS NULL
    WHERE m.organization_id = ${organizationId} AND m.removed_at IS NULL AND m.kind = 'GRAPHQL'
      AND ((c.state = 'PLANNED' AND c.due_at <= ${now}) OR (c.state = 'QUEUED' AND c.leased_until <= ${now} AND NOT ${reported}))`);
  return row!.count;
}
