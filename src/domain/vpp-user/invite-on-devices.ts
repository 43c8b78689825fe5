import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { planCommands } from '../command/plan.ts';
import type { Context } from '../context.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import { lockVppUsers, standing } from './find.ts';

const inputSchema = z.object({
  vppUserIds: z
    .array(z.bigint())
    .min(1, 'name at least one user')
    .max(1_000)
    .transform((list) => [...new Set(list)]),
});

/** Milliseconds after which an invitation that a device did not show is given up. */
const patience = 7 * 86_400_000;

/** Somebody whose invitation is shown nowhere. */
export interface UninvitedUser {
  vppUserId: bigint;
  reason: 'NO_OPEN_INVITATION' | 'NO_DEVICE' | 'NOT_ENROLLED';
  /** Where the person stands. */
  status: string;
}

/** What {@link inviteOnDevices} did. */
export interface InvitedOnDevices {
  /** Which invitation each device is asked to show. */
  shown: { vppUserId: bigint; deviceId: bigint }[];
  skipped: UninvitedUser[];
}

interface Place {
  vppUserId: bigint;
  deviceId: bigint;
  enrollmentId: bigint | null;
}

/**
 * Lets the devices that are assigned to people show them their open invitations (InviteToProgram). The command's row names the
 * person, never the address. Who accepted is told by Apple, not by the device: until then a person stays REGISTERED.
 * Throws NOT_FOUND, MDM_NOT_CONNECTED.
 */
export async function inviteOnDevices(
  context: Context,
  rawInput: z.input<typeof inputSchema>,
): Promise<InvitedOnDevices> {
  requireRight(context, 'users:write');
  requireRight(context, 'devices:write');
  const { vppUserIds } = parseInput(inputSchema, rawInput);
  await requireConnection(context);
  return transaction(context, async (tx) => {
    const users = await lockVppUsers(context, tx, vppUserIds, 'TO_CHANGE', ['vppUserIds']);
    const places = await readPlaces(context, tx, vppUserIds);
    const open = new Set(await readOpen(context, tx, vppUserIds));
    const reachable = places.filter(({ vppUserId, enrollmentId }) => open.has(vppUserId) && enrollmentId !== null);
    await plan(context, tx, reachable);
    await noteInvited(context, tx, [...new Set(reachable.map((place) => place.vppUserId))]);
    await recordAudit(context, tx, { action: 'vpp-user.invite', data: { devices: reachable.length } });
    const shown = reachable.map(({ vppUserId, deviceId }) => ({ vppUserId, deviceId }));
    const invited = new Set(shown.map((one) => one.vppUserId));
    const skipped = users.flatMap((user): UninvitedUser[] => {
      if (invited.has(user.id)) return [];
      const known = places.some((place) => place.vppUserId === user.id);
      const reason = !open.has(user.id) ? 'NO_OPEN_INVITATION' : known ? 'NOT_ENROLLED' : 'NO_DEVICE';
      return [{ vppUserId: user.id, reason, status: standing(user) }];
    });
    return { shown, skipped };
  });
}

/** The devices that are assigned to them: who has to be invited has no account yet by which a device could be theirs. */
function readPlaces(context: Context, tx: Tx, vppUserIds: readonly bigint[]): Promise<Place[]> {
  return tx.$queryRaw<Place[]>(sql`
    SELECT d.vpp_user_id AS "vppUserId", d.id AS "deviceId", e.id AS "enrollmentId" FROM device d
    LEFT JOIN enrollment e ON e.organization_id = d.organization_id AND e.device_id = d.id AND e.state <> 'GONE' AND e.type = 'DEVICE'
    WHERE d.organization_id = ${context.actor.organizationId} AND d.vpp_user_id = ANY (${ids(vppUserIds)}) AND d.removed_at IS NULL
    ORDER BY d.vpp_user_id, d.id`);
}

async function readOpen(context: Context, tx: Tx, vppUserIds: readonly bigint[]): Promise<bigint[]> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM vpp_user WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(vppUserIds)})
      AND status = 'REGISTERED' AND NOT retiring AND invite_jwe IS NOT NULL`);
  return rows.map((row) => row.id);
}

async function plan(context: Context, tx: Tx, places: readonly Place[]): Promise<void> {
  const now = context.clock.now();
  await planCommands(
    context,
    tx,
    places.map(({ vppUserId, enrollmentId }) => ({
      enrollmentId: enrollmentId!,
      request: { kind: 'INVITE_TO_PROGRAM', vppUserId: String(vppUserId) },
      dueAt: now,
      deadlineAt: new Date(now.getTime() + patience),
    })),
  );
}

async function noteInvited(context: Context, tx: Tx, vppUserIds: readonly bigint[]): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE vpp_user SET invited_at = ${moment(context.clock.now())}, invitations = invitations + 1
    WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(vppUserIds)})`);
}
