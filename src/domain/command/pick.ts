/** Which commands can be given to their devices now. @module */
import { ids, json, moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import type { ConnectionClaim } from './claim.ts';
import { appKinds } from './plan.ts';

/** A command that can go. */
export interface Ready {
  id: bigint;
  /** As the MDM server knows the device. */
  enrollmentId: string;
  type: 'DEVICE' | 'USER';
  request: DeviceRequest;
  /** How often it was given before. */
  sends: number;
}

interface Candidate extends Ready {
  free: boolean;
}

/**
 * The commands that are due, oldest first, each under its lock. What can't go because its device is not enrolled, or has
 * enough app commands under way, is parked: whatever changes that wakes it. What another transaction holds is passed over.
 */
export async function pickReady(
  context: Context,
  tx: Tx,
  { organizationId, connectionId }: Pick<ConnectionClaim, 'organizationId' | 'connectionId'>,
  limit: number,
  only: Sql = nothing,
): Promise<Ready[]> {
  const claim = { organizationId, connectionId };
  for (;;) {
    const rows = await lockDue(context, tx, claim, limit, only);
    const parked = rows.filter((row) => !row.free);
    await park(
      tx,
      organizationId,
      parked.map((row) => row.id),
    );
    // Behind what can't go there may be some that can.
    if (rows.length === 0 || parked.length < rows.length) return rows.filter((row) => row.free);
  }
}

/** The oldest that are due, under their locks, and whether each can go. */
function lockDue(
  context: Context,
  tx: Tx,
  { organizationId, connectionId }: Pick<ConnectionClaim, 'organizationId' | 'connectionId'>,
  limit: number,
  only: Sql,
): Promise<Candidate[]> {
  const now = moment(context.clock.now());
  return tx.$queryRaw<Candidate[]>(sql`
    WITH due AS MATERIALIZED (
      SELECT c.id, c.enrollment_id, c.request, c.sends, c.at_once, c.due_at, c.kind IN ${appKinds} AS is_app FROM device_command c
      WHERE c.organization_id = ${organizationId} AND c.connection_id = ${connectionId} AND c.ended_at IS NULL AND c.state = 'PLANNED'
        AND c.due_at <= ${now} AND c.deadline_at > ${now} AND (c.not_after IS NULL OR c.not_after > ${now}) ${only}
      ORDER BY c.due_at, c.id LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT d.id, e.enrollment_id AS "enrollmentId", e.type::text AS type, d.request, d.sends,
      e.state = 'ENROLLED' AND (d.at_once IS NULL OR (
          -- Device by device: joined as a whole, and planned for a few rows, a thousand of them took a minute.
          SELECT count(*) FROM device_command o WHERE o.organization_id = ${organizationId} AND o.enrollment_id = d.enrollment_id
            AND o.ended_at IS NULL AND o.kind IN ${appKinds} AND o.state IN ('SENT', 'QUEUED'))
        + row_number() OVER (PARTITION BY d.enrollment_id, d.is_app ORDER BY d.due_at, d.id) <= d.at_once) AS free
    FROM due d JOIN enrollment e ON e.organization_id = ${organizationId} AND e.id = d.enrollment_id ORDER BY d.due_at, d.id`);
}

async function park(tx: Tx, organizationId: bigint, commandIds: readonly bigint[]): Promise<void> {
  if (commandIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE device_command SET due_at = NULL WHERE organization_id = ${organizationId} AND id = ANY (${ids(commandIds)})`);
}

/** Commands that leave together: the same request to many devices, under one CommandUUID. */
export interface Batch {
  uuid: string;
  request: DeviceRequest;
  commands: Ready[];
}

/** Gives picked commands their CommandUUIDs and the state that they have from now on. */
export async function writeDown(
  context: Context,
  tx: Tx,
  organizationId: bigint,
  batches: readonly Batch[],
  more: { state: 'SENT' | 'QUEUED'; dueAt: Date | null; leasedUntil: Date | null },
): Promise<void> {
  const now = moment(context.clock.now());
  const rows = batches.flatMap(({ uuid, commands }) => commands.map(({ id }) => ({ id, uuid })));
  await tx.$executeRaw(sql`
    UPDATE device_command c SET state = ${more.state}::"DeviceCommandState", uuid = v.uuid, sends = c.sends + 1, sent_at = ${now},
      due_at = ${moment(more.dueAt)}, leased_until = ${moment(more.leasedUntil)}, generation = e.generation
    FROM jsonb_to_recordset(${json(rows)}) AS v(id bigint, uuid uuid), enrollment e
    WHERE c.organization_id = ${organizationId} AND c.id = v.id AND e.organization_id = c.organization_id AND e.id = c.enrollment_id`);
}
