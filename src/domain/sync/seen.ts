/** What a sweep has seen, in a table without a log: quick to fill, and empty after a crash of PostgreSQL. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context, Services } from '../context.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import type { SweepState } from './sweep-state.ts';

/** Rows deleted in one transaction. */
const block = 50_000;

/** Notes licenses as seen. */
export async function noteSeen(tx: Tx, token: TokenKey, taskId: bigint, licenseIds: readonly bigint[]): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO sync_seen (organization_id, token_id, task_id, license_id)
    SELECT ${token.organizationId}, ${token.tokenId}, ${taskId}, id FROM unnest(${ids(licenseIds)}) AS id`);
}

/** Whether everything that was noted as seen is still there. */
export async function seenIsWhole(context: Context, token: TokenKey, sweep: SweepState): Promise<boolean> {
  const [row] = await context.prisma.$queryRaw<{ count: bigint }[]>(sql`
    SELECT count(*) AS count FROM sync_seen WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  return row!.count === sweep.seen;
}

/** Makes room for a sweep that begins: nothing of an earlier one may count in it. */
export async function clearSeen(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  while ((await underTaskClaim(context, claim, (tx) => deleteBlock(tx, token, sql`true`))) === block);
}

/** Forgets what was seen in a task that is over; in any task of the token without `taskId`. */
export async function forgetSeen(services: Services, token: TokenKey, taskId?: bigint): Promise<void> {
  const which = taskId === undefined ? sql`true` : sql`task_id = ${taskId}`;
  while ((await deleteBlock(services.prisma, token, which)) === block);
}

function deleteBlock(tx: Tx, token: TokenKey, which: Sql): Promise<number> {
  return tx.$executeRaw(sql`
    DELETE FROM sync_seen WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM sync_seen
      WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND ${which} LIMIT ${block}))`);
}
