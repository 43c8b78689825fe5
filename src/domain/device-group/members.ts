import { z } from 'zod';
import { ids, moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, UnknownDeviceError } from '../errors.ts';
import { maxIds } from '../license/limits.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { keepDevices, resolveDevices } from '../license/world.ts';
import { parseInput } from '../parse.ts';
import { lockGroup } from './find.ts';

const inputSchema = z.object({
  groupId: z.bigint(),
  target: z
    .object({
      deviceIds: z.array(z.bigint()).max(maxIds).nullish(),
      serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish(),
    })
    .refine(
      (target) => (target.deviceIds != null) !== (target.serialNumbers != null),
      'name devices either by deviceIds or by serialNumbers',
    ),
  change: z
    .enum(['REPLACE', 'ADD', 'REMOVE'])
    .nullish()
    .transform((value) => value ?? 'REPLACE'),
});

/** What became of a static group's list. */
export interface ChangedMembers {
  groupId: bigint;
  added: number;
  removed: number;
}

/**
 * Sets who is in a static group, or puts devices into it or out of it; ones that are there, or not there, already change
 * nothing. Throws NOT_FOUND, UNKNOWN_DEVICE, INVALID_INPUT.
 */
export async function setDeviceGroupMembers(
  context: Context,
  rawInput: z.input<typeof inputSchema>,
): Promise<ChangedMembers> {
  requireRight(context, 'devices:write');
  const { groupId, target, change } = parseInput(inputSchema, rawInput);
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const group = await lockGroup(context, tx, groupId);
    if (group.kind === 'RULE')
      throw new InvalidInputError([{ path: ['groupId'], message: 'names a rule group; its rule says who is in it' }]);
    const found = await resolveDevices(context, tx, target, { listed: true });
    // The foreign key would lock them in the order in which they are written, and whoever removes devices waits the other way.
    const { devices, unknown } = await keepDevices(context, tx, found);
    if (unknown.length > 0) throw new UnknownDeviceError(unknown);
    const named = ids(devices.map((device) => device.id));
    const mine = sql`organization_id = ${organizationId} AND group_id = ${groupId}`;
    const removed =
      change === 'ADD'
        ? 0
        : await tx.$executeRaw(sql`
          DELETE FROM device_group_member WHERE ${mine} AND ${change === 'REMOVE' ? sql`device_id = ANY (${named})` : sql`device_id <> ALL (${named})`}`);
    const added =
      change === 'REMOVE'
        ? 0
        : await tx.$executeRaw(sql`
          INSERT INTO device_group_member (organization_id, group_id, device_id)
          SELECT ${organizationId}, ${groupId}, id FROM unnest(${named}) AS id ON CONFLICT DO NOTHING`);
    await tx.$executeRaw(sql`
      UPDATE device_group SET updated_at = ${moment(context.clock.now())} WHERE organization_id = ${organizationId} AND id = ${groupId}`);
    await wakeQueues(tx, organizationId, sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'device-group.members',
      subject: `device-group:${groupId}`,
      data: { change, added, removed },
    });
    return { groupId, added, removed };
  });
}
