/** Whether the MDM server can be used now. @module */
import { z } from 'zod';
import { json, moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
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
  const { organizationId, id } = connection;
  const at = context.clock.now();
  try {
    const { version } = await prove(context, access, seconds);
    await transaction(context, async (tx) => {
      await tx.$executeRaw(sql`
        UPDATE mdm_connection SET answered_at = ${moment(at)}, attempts = 0, problem = NULL, blocked_until = NULL
        WHERE organization_id = ${organizationId} AND id = ${id} AND removed_at IS NULL`);
      await wakeDevices(tx, organizationId);
    });
    return { called: true, version };
  } catch (error) {
    if (!(error instanceof MdmUnavailableError)) throw error;
    const problem = { code: error.problem, message: error.detail, at: at.toISOString() };
    await context.prisma.$executeRaw(sql`
      UPDATE mdm_connection SET problem = ${json(problem)} WHERE organization_id = ${organizationId} AND id = ${id}`);
    throw error;
  }
}
