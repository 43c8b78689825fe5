import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DeviceHoldsLicensesError, InvalidInputError, UnknownDeviceError } from '../errors.ts';
import { maxIds } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { wakeQueues } from '../license/wake-queue.ts';
import { resolveDevices } from '../license/world.ts';
import { parseInput } from '../parse.ts';
import { lockDeviceList } from './lock-list.ts';

const inputSchema = z.object({
  target: z
    .object({
      deviceIds: z.array(z.bigint()).max(maxIds).nullish(),
      serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish(),
    })
    .refine(
      (target) => (target.deviceIds != null) !== (target.serialNumbers != null),
      'name devices either by deviceIds or by serialNumbers',
    ),
  revoke: z.boolean().nullish(),
});

/** What a removal did. */
export interface RemovedDevices {
  removed: number;
  /** The task that takes the devices' licenses back; null when they held none. */
  taskId: bigint | null;
}

/**
 * Removes devices from the list. While they hold licenses they stay, unless `revoke: true` takes those back too; ones
 * that are just being taken back keep nobody. Throws UNKNOWN_DEVICE, DEVICE_HOLDS_LICENSES, and what revoking can throw.
 */
export async function removeDevices(context: Context, rawInput: z.input<typeof inputSchema>): Promise<RemovedDevices> {
  requireRight(context, 'devices:write');
  const input = parseInput(inputSchema, rawInput);
  return transaction(context, async (tx) => {
    await lockDeviceList(context, tx);
    const { devices, unknown } = await resolveDevices(context, tx, input.target, { listed: true });
    if (unknown.length > 0) throw new UnknownDeviceError(unknown);
    if (devices.length === 0) throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
    const deviceIds = devices.map((device) => device.id);
    const removal = { deviceIds, removed: 0 };
    const taskId = await takeLicensesBack(context, tx, removal, input.revoke ?? false);
    await recordAudit(context, tx, {
      action: 'device.remove',
      data: { removed: removal.removed, revoked: taskId !== null },
      ...(taskId === null ? {} : { taskId }),
    });
    return { removed: removal.removed, taskId };
  });
}

interface Removal {
  deviceIds: readonly bigint[];
  /** How many were removed. */
  removed: number;
}

interface Held {
  id: bigint;
  serial: string;
}

/** The licenses of the devices that nobody is taking back. */
function readHeld(context: Context, tx: Tx, deviceIds: readonly bigint[]): Promise<Held[]> {
  return tx.$queryRaw<Held[]>(sql`
    SELECT id, serial_number AS serial FROM license
    WHERE organization_id = ${context.actor.organizationId} AND ended_at IS NULL AND device_id = ANY (${ids(deviceIds)})
      AND (state = 'CONFIRMED' OR (state IN ('REQUESTED', 'PENDING_AT_APPLE') AND revoke_task_id IS NULL)) ORDER BY id`);
}

function refuse(held: readonly Held[]): never {
  throw new DeviceHoldsLicensesError(BigInt(held.length), [...new Set(held.map((license) => license.serial))]);
}

/** Removes the devices, and starts the task that takes their licenses back if there are any. */
async function takeLicensesBack(context: Context, tx: Tx, removal: Removal, revoke: boolean): Promise<bigint | null> {
  const held = await readHeld(context, tx, removal.deviceIds);
  if (held.length === 0) {
    await lockDevices(context, tx, removal.deviceIds);
    await removeFree(context, tx, removal);
    return null;
  }
  if (!revoke) refuse(held);
  requireRight(context, 'licenses:write');
  const target = { licenseIds: held.map((license) => license.id) };
  const lockMore = () => lockDevices(context, tx, removal.deviceIds);
  const alongside = () => removeFree(context, tx, removal);
  return startRevoke(context, tx, { target, onError: 'ATOMIC' }, { lockMore, alongside });
}

/** From here to the commit nobody gives the devices a license. */
async function lockDevices(context: Context, tx: Tx, deviceIds: readonly bigint[]): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM device WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(deviceIds)}) ORDER BY serial_number FOR UPDATE`);
}

/** Removes the locked devices; one that was given a license a moment ago stays. */
async function removeFree(context: Context, tx: Tx, removal: Removal): Promise<void> {
  const mine = sql`organization_id = ${context.actor.organizationId} AND id = ANY (${ids(removal.deviceIds)})`;
  const held = await readHeld(context, tx, removal.deviceIds);
  if (held.length > 0) refuse(held);
  await wakeQueues(tx, context.actor.organizationId, sql`w.device_id = ANY (${ids(removal.deviceIds)})`);
  removal.removed = await tx.$executeRaw(
    sql`UPDATE device SET removed_at = ${moment(context.clock.now())} WHERE ${mine}`,
  );
}
