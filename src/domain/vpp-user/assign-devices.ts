import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { lockDeviceList } from '../device/lock-list.ts';
import { InvalidInputError, UnknownDeviceError } from '../errors.ts';
import { maxIds } from '../license/limits.ts';
import { resolveDevices } from '../license/world.ts';
import { parseInput } from '../parse.ts';
import { lockVppUsers, refuseInactive } from './find.ts';

const target = z
  .object({
    deviceIds: z.array(z.bigint()).max(maxIds).nullish(),
    serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish(),
  })
  .refine(
    (of) => (of.deviceIds != null) !== (of.serialNumbers != null),
    'name devices either by deviceIds or by serialNumbers',
  );
const assignment = z.object({ vppUserId: z.bigint(), target });
const release = z.object({ target });

/** What an assignment did. */
export interface AssignedDevices {
  /** Null when devices were taken from whoever had them. */
  vppUserId: bigint | null;
  /** Devices whose person is another one now. */
  changed: number;
  unchanged: number;
}

/**
 * Says that devices are a person's, whatever account they tell of. One that was somebody else's moves.
 * Throws UNKNOWN_DEVICE, NOT_FOUND, USER_NOT_ACTIVE.
 */
export async function assignDevices(context: Context, rawInput: z.input<typeof assignment>): Promise<AssignedDevices> {
  requireRight(context, 'devices:write');
  const { vppUserId, target: named } = parseInput(assignment, rawInput);
  return transaction(context, async (tx) => {
    const deviceIds = await lockDevices(context, tx, named);
    const [user] = await lockVppUsers(context, tx, [vppUserId], 'TO_KEEP', ['vppUserId']);
    const refusal = refuseInactive(user!, ['vppUserId'], { requested: true });
    if (refusal) throw refusal;
    return give(context, tx, deviceIds, vppUserId);
  });
}

/** Takes that back: from then on the account that a device tells of says whose it is. Throws UNKNOWN_DEVICE. */
export async function unassignDevices(context: Context, rawInput: z.input<typeof release>): Promise<AssignedDevices> {
  requireRight(context, 'devices:write');
  const { target: named } = parseInput(release, rawInput);
  return transaction(context, async (tx) => give(context, tx, await lockDevices(context, tx, named), null));
}

async function lockDevices(context: Context, tx: Tx, named: z.output<typeof target>): Promise<bigint[]> {
  await lockDeviceList(context, tx);
  const { devices, unknown } = await resolveDevices(context, tx, named);
  if (unknown.length > 0) throw new UnknownDeviceError(unknown);
  if (devices.length === 0) throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
  const deviceIds = devices.map((device) => device.id);
  await tx.$queryRaw(sql`
    SELECT 1 FROM device WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(deviceIds)})
    ORDER BY serial_number FOR NO KEY UPDATE`);
  return deviceIds;
}

async function give(
  context: Context,
  tx: Tx,
  deviceIds: readonly bigint[],
  vppUserId: bigint | null,
): Promise<AssignedDevices> {
  const changed = await tx.$executeRaw(sql`
    UPDATE device SET vpp_user_id = ${vppUserId}::bigint, updated_at = ${moment(context.clock.now())}
    WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(deviceIds)})
      AND vpp_user_id IS DISTINCT FROM ${vppUserId}::bigint`);
  await recordAudit(context, tx, {
    action: vppUserId === null ? 'device.unassign' : 'device.assign',
    ...(vppUserId === null ? {} : { subject: `vpp-user:${vppUserId}` }),
    data: { devices: changed },
  });
  return { vppUserId, changed, unchanged: deviceIds.length - changed };
}
