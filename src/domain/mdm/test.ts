/** Whether the MDM server can be used now. @module */
import { z } from 'zod';
import { json, moment, type Sql, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { MdmNotConnectedError, MdmUnavailableError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { openAccess } from './access.ts';
import { presentConnection } from './find.ts';
import { prove } from './prove.ts';

const schema = z.object({ seconds: z.int().min(1).max(10).optional() });

/** What a test found. `called` is false for a server that asks Russet: there is nothing to call. */
export interface MdmTest {
  called: boolean;
  version: string | null;
}

/**
 * Asks the server; queues nothing. One that answers is used again at once, whatever it did before. Throws
 * MDM_NOT_CONNECTED, MDM_UNAVAILABLE.
 */
export async function testMdm(context: Context, rawInput: z.input<typeof schema> = {}): Promise<MdmTest> {
  requireRight(context, 'mdm:write');
  const { seconds } = parseInput(schema, rawInput);
  const connection = await presentConnection(context);
  if (!connection) throw new MdmNotConnectedError();
  const access = await openAccess(context, connection);
  if (!access) return { called: false, version: null };
  const at = context.clock.now();
  try {
    const { version } = await prove(context, access, seconds);
    const usable = sql`answered_at = ${moment(at)}, attempts = 0, problem = NULL, blocked_until = NULL`;
    await note(context, connection.id, usable, { answered: true }, (tx) => wakeDevices(tx, connection.organizationId));
    return { called: true, version };
  } catch (error) {
    if (!(error instanceof MdmUnavailableError)) throw error;
    const problem = { code: error.problem, message: error.detail, at: at.toISOString() };
    await note(context, connection.id, sql`problem = ${json(problem)}`, { answered: false, problem: error.problem });
    throw error;
  }
}

/** Somebody had a stored key sent to a server: that stands in the audit log, whatever came of it. */
function note(
  context: Context,
  id: bigint,
  change: Sql,
  data: Record<string, unknown>,
  then?: (tx: Tx) => Promise<void>,
): Promise<void> {
  return transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE mdm_connection SET ${change}
      WHERE organization_id = ${context.actor.organizationId} AND id = ${id} AND removed_at IS NULL`);
    await then?.(tx);
    await recordAudit(context, tx, { action: 'mdm.test', subject: `mdm:${id}`, data });
  });
}
