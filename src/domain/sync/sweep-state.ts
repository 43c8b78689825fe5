import { type Tx, moment, sql } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/** Where a sweep stands; kept in the database, so that another worker goes on where one was killed. */
export interface SweepState {
  startedAt: Date;
  nextPage: number;
  /** Rows noted as seen so far; compared with the unlogged table at the end. */
  seen: bigint;
  /** Apple's version at the first page, and whether it changed under way. */
  version: string | null;
  moved: boolean;
  /** No sweep of this token has ever been complete. */
  opening: boolean;
}

/** The sweep of this task, or null when it has not begun. */
export async function readSweep(tx: Tx, token: TokenKey, taskId: bigint): Promise<SweepState | null> {
  const [row] = await tx.$queryRaw<(Omit<SweepState, 'startedAt'> & { startedAt: Date | null })[]>(sql`
    SELECT sweep_started_at AS "startedAt", sweep_next_page AS "nextPage", sweep_seen AS seen, sweep_version AS version, sweep_moved AS moved,
           synced_at IS NULL AS opening
    FROM token_sync WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND sweep_task_id = ${taskId}`);
  return row?.startedAt ? { ...row, startedAt: row.startedAt } : null;
}

/** Begins a sweep, or begins it anew. The library counts as partly known from now on. */
export async function beginSweep(tx: Tx, token: TokenKey, taskId: bigint, now: Date): Promise<void> {
  await tx.$executeRaw(sql`DELETE FROM sync_seen WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  await tx.$executeRaw(sql`
    UPDATE token_sync SET sweep_task_id = ${taskId}, sweep_started_at = ${moment(now)}, sweep_next_page = 0, sweep_seen = 0, sweep_version = NULL,
      sweep_moved = false, completeness = 'PARTIAL'
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}

/** Moves the sweep on by one merged page, in the transaction of the merge. */
export async function advanceSweep(tx: Tx, token: TokenKey, page: { next: number; seen: number; versionId: string | null }): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET sweep_next_page = ${page.next}, sweep_seen = sweep_seen + ${page.seen},
      sweep_moved = sweep_moved OR (sweep_version IS NOT NULL AND sweep_version IS DISTINCT FROM ${page.versionId}),
      sweep_version = coalesce(sweep_version, ${page.versionId})
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}

/** Ends the sweep. `whole` is false when what was seen got lost, so that nothing could be judged as missing. */
export async function endSweep(tx: Tx, token: TokenKey, whole: boolean, now: Date): Promise<{ rerun: boolean }> {
  const [row] = await tx.$queryRaw<{ rerun: boolean }[]>(sql`
    WITH before AS (SELECT rerun FROM token_sync WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} FOR UPDATE)
    UPDATE token_sync SET completeness = ${whole ? 'COMPLETE' : 'PARTIAL'}::"Completeness", assignments_version = sweep_version,
      synced_at = ${moment(now)}, sweep_task_id = NULL, rerun = false
    FROM before WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} RETURNING before.rerun`);
  await tx.$executeRaw(sql`DELETE FROM sync_seen WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  return { rerun: row?.rerun ?? false };
}
