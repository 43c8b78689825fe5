/** Lets go of an MDM server. What it has queued already runs nevertheless, and nobody hears of it. @module */
import { z } from 'zod';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { endOpen } from '../command/settle.ts';
import type { Context } from '../context.ts';
import { lockDeviceList } from '../device/lock-list.ts';
import { openToList } from '../enrollment/let-go.ts';
import { MdmNotConnectedError } from '../errors.ts';
import { advanceOperations } from '../operation/advance.ts';
import { parseInput } from '../parse.ts';
import { lockConnection, presentConnection } from './find.ts';

const schema = z.object({ preview: z.boolean().default(false) });

/** What was open. */
export interface RemovedMdm {
  /** False for a preview. */
  removed: boolean;
  /** Commands that were not sent, and are not. */
  cancelled: number;
  /** Commands that the server has: they may still run, and their answers are not heard. */
  lost: number;
  /** Devices that can't be reached any more. */
  devices: number;
}

/**
 * Removes the connection with its secrets; devices, licenses and app lists stay. A preview only says what is open. Throws
 * MDM_NOT_CONNECTED.
 */
export async function removeMdm(context: Context, rawInput: z.input<typeof schema> = {}): Promise<RemovedMdm> {
  requireRight(context, 'mdm:write');
  if (parseInput(schema, rawInput).preview) return previewOf(context);
  return transaction(context, async (tx) => {
    await lockDeviceList(context, tx);
    const { organizationId, id } = await lockConnection(context, tx);
    const now = context.clock.now();
    // Whoever is sending notices at its next write that its claim is gone.
    await tx.mdmConnection.update({
      where: { organizationId_id: { organizationId, id } },
      data: { removedAt: now, updatedAt: now, claim: { increment: 1 }, apiKeyJwe: null, hmacKeyJwe: null, keyId: null },
    });
    const left = await leaveDevices(tx, organizationId, id, now);
    await openToList(
      tx,
      organizationId,
      left.flatMap((one) => one.deviceId ?? []),
    );
    const devices = left.length;
    const open = sql`c.connection_id = ${id}`;
    const ended = await endOpen(context, tx, open, ({ sent }) => (sent ? 'LOST' : 'CANCELLED'));
    await advanceOperations(context, tx, ended);
    const lost = ended.filter((command) => command.state === 'LOST').length;
    const counts = { cancelled: ended.length - lost, lost, devices };
    await recordAudit(context, tx, { action: 'mdm.remove', subject: `mdm:${id}`, data: counts });
    return { removed: true, ...counts };
  });
}

async function previewOf(context: Context): Promise<RemovedMdm> {
  const connection = await presentConnection(context);
  if (!connection) throw new MdmNotConnectedError();
  const [counts] = await context.prisma.$queryRaw<Omit<RemovedMdm, 'removed'>[]>(sql`
    SELECT count(*) FILTER (WHERE state = 'PLANNED')::int AS cancelled, count(*) FILTER (WHERE state <> 'PLANNED')::int AS lost,
      (SELECT count(*)::int FROM enrollment WHERE organization_id = ${connection.organizationId} AND connection_id = ${connection.id} AND state <> 'GONE') AS devices
    FROM device_command WHERE organization_id = ${connection.organizationId} AND connection_id = ${connection.id} AND ended_at IS NULL`);
  return { removed: false, ...counts! };
}

function leaveDevices(
  tx: Tx,
  organizationId: bigint,
  connectionId: bigint,
  now: Date,
): Promise<{ deviceId: bigint | null }[]> {
  return tx.$queryRaw(sql`
    UPDATE enrollment e SET state = 'GONE', gone_at = ${moment(now)}, information_due_at = NULL, list_due_at = NULL FROM (
      SELECT id FROM enrollment WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND state <> 'GONE'
      ORDER BY id FOR NO KEY UPDATE
    ) o WHERE e.organization_id = ${organizationId} AND e.id = o.id RETURNING e.device_id AS "deviceId"`);
}
