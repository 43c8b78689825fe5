/**
 * The bell of those who wait for seats. Whoever changes what can be given out leaves a line for each app of which somebody
 * waits; lines are only added, so that nobody waits for a lock because of them.
 * @module
 */
import { enqueue } from '../../db/enqueue.ts';
import { moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/** A line that is due at once, whatever the clock says. */
const atOnce = sql`'epoch'::timestamptz`;

/** Lines for the apps of the waiting rows `w` that `which` names, as a statement or a part of one. */
export function queueLines(organizationId: bigint, which: Sql): Sql {
  return sql`INSERT INTO license_wake (organization_id, app_id, due_at)
    SELECT DISTINCT w.organization_id, w.app_id, ${atOnce} FROM license_wait w
    WHERE w.organization_id = ${organizationId} AND (${which})`;
}

/** Something may have come up for those who wait: seats, room in a quota, a token, or the end of their waiting. */
export async function wakeQueues(tx: Tx, organizationId: bigint, which: Sql): Promise<void> {
  await tx.$executeRaw(queueLines(organizationId, which));
}

/** Asks workers to look after the lines that are due. */
export async function ringQueues(tx: Tx, organizationId: bigint, now: Date): Promise<void> {
  const due = await tx.$queryRaw<{ appId: bigint }[]>(sql`
    SELECT DISTINCT app_id AS "appId" FROM license_wake WHERE organization_id = ${organizationId} AND due_at <= ${moment(now)}
    ORDER BY 1 LIMIT 1000`);
  for (const { appId } of due) {
    await enqueue(tx, {
      name: 'serve-waiting',
      payload: { organizationId: String(organizationId), appId: String(appId) },
      key: `wait:${organizationId}:${appId}`,
    });
  }
}

/** The token can be used again: whoever waits for an app that it holds is looked at. */
export function wakeQueuesOfToken(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  const held = sql`SELECT p.app_id FROM license_pool p WHERE p.organization_id = ${organizationId} AND p.token_id = ${tokenId}`;
  return wakeQueues(tx, organizationId, sql`w.app_id IN (${held})`);
}
