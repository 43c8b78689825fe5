import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { inGroup, isListed } from './rule.ts';

/** Most devices of a group that one request may be about. */
export const maxGroup = 100_000;

/** The devices that are in the group now, in the order of their ids. Throws NOT_FOUND, INVALID_INPUT. */
export async function devicesOfGroup(context: Context, tx: Tx, groupId: bigint): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const [group] = await tx.$queryRaw<unknown[]>(
    sql`SELECT 1 FROM device_group WHERE organization_id = ${organizationId} AND id = ${groupId}`,
  );
  if (!group) throw new NotFoundError('deviceGroup', [String(groupId)], ['target', 'deviceGroupId']);
  const devices = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT d.id FROM device_group g JOIN device d ON d.organization_id = g.organization_id
    WHERE g.organization_id = ${organizationId} AND g.id = ${groupId} AND ${isListed} AND ${inGroup} ORDER BY d.id LIMIT ${maxGroup + 1}`);
  if (devices.length === 0 || devices.length > maxGroup) {
    const message =
      devices.length === 0 ? 'names a group without devices' : `names a group of more than ${maxGroup} devices`;
    throw new InvalidInputError([{ path: ['target', 'deviceGroupId'], message }]);
  }
  return devices.map((device) => device.id);
}

/** A target whose group, if it is one, is resolved to the devices that are in it now. */
export async function devicesOfTarget<Target extends { deviceGroupId?: bigint | null | undefined }>(
  context: Context,
  tx: Tx,
  { deviceGroupId, ...target }: Target,
): Promise<Omit<Target, 'deviceGroupId'> | { deviceIds: bigint[] }> {
  return deviceGroupId == null ? target : { deviceIds: await devicesOfGroup(context, tx, deviceGroupId) };
}
