/** Asks devices at once, because somebody wants to know. @module */
import { z } from 'zod';
import { ids, json, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { type NewCommand, planCommands } from '../command/plan.ts';
import type { Context } from '../context.ts';
import { DeviceNotEnrolledError, UnknownDeviceError } from '../errors.ts';
import { resolveDevices } from '../license/world.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { lockConnection } from '../operation/lock-connection.ts';
import { parseInput } from '../parse.ts';

/** Most devices that are asked at once; all of them are asked once a day anyhow. */
const most = 1_000;

const inputSchema = z.object({
  deviceIds: z
    .array(z.bigint())
    .min(1, 'name at least one device')
    .max(most)
    .transform((list) => [...new Set(list)]),
});

/** What {@link refreshDevices} did. */
export interface RefreshedDevices {
  /** Questions that were written down. */
  planned: number;
  /** Questions that were open already: they are due now, or their answer is waited for. */
  joined: number;
}

/** Everything that is asked of a device. */
const questions: readonly NewCommand['request'][] = [
  { kind: 'DEVICE_INFORMATION' },
  { kind: 'LIST_INSTALLED_APPS', bundleIds: null },
  { kind: 'LIST_MANAGED_APPS', bundleIds: null },
];

/**
 * Asks devices now what they are and which apps they have, all of them or none. When they are asked next by themselves is set by
 * the answer, as ever. Throws UNKNOWN_DEVICE, DEVICE_NOT_ENROLLED, MDM_NOT_CONNECTED.
 */
export async function refreshDevices(
  context: Context,
  rawInput: z.input<typeof inputSchema>,
): Promise<RefreshedDevices> {
  requireRight(context, 'devices:write');
  const { deviceIds } = parseInput(inputSchema, rawInput);
  return transaction(context, async (tx) => {
    // Nothing enrolls or leaves from here to the commit, and nobody else touches commands of the organization.
    await lockConnection(tx, context.actor.organizationId);
    await requireConnection(context, tx);
    const enrollmentIds = await enrollmentsOf(context, tx, deviceIds);
    const now = context.clock.now();
    const deadlineAt = new Date(now.getTime() + context.settings.questionDeadline);
    const asked = await askedOf(context, tx, enrollmentIds);
    const commands = enrollmentIds.flatMap((enrollmentId) =>
      questions
        .filter(({ kind }) => !asked.has(`${enrollmentId}:${kind}`))
        .map((request) => ({ enrollmentId, request, dueAt: now, deadlineAt })),
    );
    const outcomes = (await planCommands(context, tx, commands)).map(({ outcome }) => outcome);
    await recordAudit(context, tx, { action: 'device.refresh', data: { devices: deviceIds.length } });
    return {
      planned: outcomes.filter((outcome) => outcome === 'PLANNED').length,
      joined: asked.size + outcomes.filter((outcome) => outcome === 'JOINED').length,
    };
  });
}

/** The enrollments of all of the devices, by their ids. The channel of a device's user tells nothing of the device. */
async function enrollmentsOf(context: Context, tx: Tx, deviceIds: readonly bigint[]): Promise<bigint[]> {
  const { devices, unknown } = await resolveDevices(context, tx, { deviceIds: [...deviceIds] });
  if (unknown.length > 0) throw new UnknownDeviceError(unknown, ['deviceIds']);
  const enrolled = await tx.$queryRaw<{ id: bigint; deviceId: bigint }[]>(sql`
    SELECT id, device_id AS "deviceId" FROM enrollment
    WHERE organization_id = ${context.actor.organizationId} AND device_id = ANY (${ids(deviceIds)})
      AND state = 'ENROLLED' AND type = 'DEVICE' ORDER BY id`);
  const reachable = new Set(enrolled.map(({ deviceId }) => deviceId));
  const absent = devices.find(({ id }) => !reachable.has(id));
  if (absent) throw new DeviceNotEnrolledError(absent.serialNumber, ['deviceIds']);
  return enrolled.map(({ id }) => id);
}

/** Questions that have left and wait for their answer, as `enrollment:kind`. A device that is off is not asked again and again. */
async function askedOf(context: Context, tx: Tx, enrollmentIds: readonly bigint[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ enrollmentId: bigint; kind: string }[]>(sql`
    SELECT DISTINCT c.enrollment_id AS "enrollmentId", c.kind::text AS kind FROM device_command c
    JOIN jsonb_array_elements(${json(questions)}) q(request) ON c.request = q.request
    WHERE c.organization_id = ${context.actor.organizationId} AND c.enrollment_id = ANY (${ids(enrollmentIds)})
      AND c.ended_at IS NULL AND c.state IN ('SENT', 'QUEUED')`);
  return new Set(rows.map(({ enrollmentId, kind }) => `${enrollmentId}:${kind}`));
}
