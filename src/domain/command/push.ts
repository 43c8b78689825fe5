/** Wakes devices again that have not answered. A push may be lost, and Apple asks not to repeat them without need. @module */
import { ids, moment, sql } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import { chunk } from '../../lib/chunk.ts';
import type { Context } from '../context.ts';
import { type MdmAccess, maxBatch } from '../mdm-ports.ts';
import { noteAnswered } from './block.ts';
import { type ConnectionClaim, underConnectionClaim } from './claim.ts';

/** Most commands that are looked at together. */
const block = 1_000;

/** Longest wait between two pushes, in milliseconds. */
const longest = 86_400_000;

/** Wakes the devices of what is due, each once for all of its commands. True when there may be more. */
export async function pushAgain(context: Context, claim: ConnectionClaim, access: MdmAccess): Promise<boolean> {
  if (!claim.push) return false;
  const due = await take(context, claim);
  const names = [...new Set(due.map((row) => row.enrollmentId))];
  for (const some of chunk(names, maxBatch)) {
    const outcome = await context.mdm.push(access, some);
    const failed = [...outcome.values()].filter((problem) => problem !== null);
    if (failed.length > 0)
      context.logger.warn({ devices: failed.length, problem: failed[0] }, 'devices could not be woken');
    await underConnectionClaim(context, claim, (tx) => noteAnswered(context, tx, claim));
  }
  return due.length === block;
}

/** Counted before it is done: whatever becomes of the call, a device is woken only so many times. */
function take(context: Context, claim: ConnectionClaim): Promise<{ enrollmentId: string }[]> {
  const { pushAgainAfter, mostPushes } = context.settings;
  const now = context.clock.now();
  return underConnectionClaim(context, claim, async (tx) => {
    const rows = await tx.$queryRaw<{ id: bigint; enrollmentId: string; pushes: number; enrolled: boolean }[]>(sql`
      SELECT c.id, e.enrollment_id AS "enrollmentId", c.pushes, e.state = 'ENROLLED' AS enrolled FROM device_command c
      JOIN enrollment e ON e.organization_id = c.organization_id AND e.id = c.enrollment_id
      WHERE c.organization_id = ${claim.organizationId} AND c.connection_id = ${claim.connectionId} AND c.ended_at IS NULL AND c.state = 'QUEUED'
        AND c.due_at <= ${moment(now)} ORDER BY c.id LIMIT ${block} FOR NO KEY UPDATE OF c`);
    if (rows.length === 0) return [];
    const next = rows.map(({ pushes }) => {
      if (pushes + 1 >= mostPushes) return null;
      const wait = backoff(pushes + 2, { base: pushAgainAfter, factor: 3, cap: longest });
      return new Date(now.getTime() + wait).toISOString();
    });
    await tx.$executeRaw(sql`
      UPDATE device_command c SET pushes = c.pushes + 1, due_at = v.next
      FROM unnest(${ids(rows.map((row) => row.id))}, ${next}::timestamptz[]) AS v(id, next)
      WHERE c.organization_id = ${claim.organizationId} AND c.id = v.id`);
    return rows.filter((row) => row.enrolled && row.pushes < mostPushes);
  });
}
