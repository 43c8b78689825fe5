/** Whether the MDM server can be used, as far as its last answers tell. @module */
import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import type { MdmFailure } from '../mdm-ports.ts';
import { type ConnectionClaim, underConnectionClaim } from './claim.ts';
import { wakeDevices } from './wake.ts';

/** Waits after failed calls in a row. Milliseconds. */
const waits = { base: 5_000, factor: 2, cap: 600_000 };
/** A person has to mend it. Milliseconds. */
const mendWaits = { base: 60_000, factor: 2, cap: 3_600_000 };

/** Nothing is sent before the server is tried again. */
export async function isBlocked(context: Context, claim: ConnectionClaim): Promise<boolean> {
  const [row] = await context.prisma.$queryRaw<{ blocked: boolean }[]>(sql`
    SELECT coalesce(blocked_until > ${moment(context.clock.now())}, false) AS blocked FROM mdm_connection
    WHERE organization_id = ${claim.organizationId} AND id = ${claim.connectionId}`);
  return row?.blocked ?? true;
}

/** It answered: failures before are no longer in a row. */
export async function noteAnswered(context: Context, tx: Tx, claim: ConnectionClaim): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE mdm_connection SET answered_at = ${moment(context.clock.now())}, attempts = 0, problem = NULL, blocked_until = NULL
    WHERE organization_id = ${claim.organizationId} AND id = ${claim.connectionId}`);
}

/** It can't be used: people see why, and it is tried again later. */
export async function noteFailure(context: Context, claim: ConnectionClaim, failure: MdmFailure): Promise<void> {
  const now = context.clock.now();
  await underConnectionClaim(context, claim, async (tx) => {
    const [row] = await tx.$queryRaw<{ attempts: number }[]>(sql`
      SELECT attempts FROM mdm_connection WHERE organization_id = ${claim.organizationId} AND id = ${claim.connectionId}`);
    const attempts = row!.attempts + 1;
    const wait = backoff(attempts, failure.kind === 'UNAUTHORIZED' || failure.kind === 'REJECTED' ? mendWaits : waits);
    const until = new Date(now.getTime() + wait);
    const problem = { code: failure.problem, message: failure.message, at: now.toISOString() };
    await tx.$executeRaw(sql`
      UPDATE mdm_connection SET attempts = ${attempts}, blocked_until = ${moment(until)}, problem = ${json(problem)}
      WHERE organization_id = ${claim.organizationId} AND id = ${claim.connectionId}`);
    await wakeDevices(tx, claim.organizationId, until);
    context.logger.warn(
      { connectionId: String(claim.connectionId), attempts, ...problem },
      'the MDM server could not be used',
    );
  });
}
