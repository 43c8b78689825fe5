import { moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { TaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { doubtAfterChanges, doubtAfterSweep } from './doubt.ts';

/** Where a sweep stands; kept in the database, so that another worker goes on where one was killed. */
export interface SweepState {
  startedAt: Date;
  /** Null when the last page was merged. */
  nextPage: number | null;
  /** Pages of the list of assets; those of the assignments are counted behind them. */
  assetPages: number;
  /** Rows noted as seen so far; compared with the unlogged table at the end. */
  seen: bigint;
  /** Apple's version at the first page. */
  version: string | null;
  /** It changed under way, or Apple named none: then a missing row may just have been overlooked. */
  moved: boolean;
  /** No sweep of this token has ever been complete. */
  opening: boolean;
}

/** How a finished sweep stands in the column of its next page. */
const noPage = -1;

/** The sweep of this task, or null when it has not begun. */
export async function readSweep(tx: Tx, token: TokenKey, taskId: bigint): Promise<SweepState | null> {
  const [row] = await tx.$queryRaw<(SweepState & { nextPage: number })[]>(sql`
    SELECT s.sweep_started_at AS "startedAt", s.sweep_next_page AS "nextPage", t.position AS "assetPages", s.sweep_seen AS seen,
           s.sweep_version AS version, s.sweep_moved AS moved, s.synced_at IS NULL AS opening
    FROM token_sync s JOIN task t ON t.organization_id = s.organization_id AND t.id = s.sweep_task_id
    WHERE s.organization_id = ${token.organizationId} AND s.token_id = ${token.tokenId} AND s.sweep_task_id = ${taskId}`);
  return row ? { ...row, nextPage: row.nextPage === noPage ? null : row.nextPage } : null;
}

/** Keeps the version of the assets, and since when it is known. */
export function assetsVersion(version: string | null, now: Date): Sql {
  return sql`assets_moved_at = CASE WHEN assets_version IS DISTINCT FROM ${version}::text THEN ${moment(now)} ELSE assets_moved_at END,
    assets_version = ${version}`;
}

/** What the list of assets said. */
export interface AssetsRead {
  version: string | null;
  pages: number;
}

/** Begins a sweep, or begins it anew. The library counts as partly known from now on. */
export async function beginSweep(
  tx: Tx,
  token: TokenKey,
  claim: TaskClaim,
  assets: AssetsRead,
  now: Date,
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET ${assetsVersion(assets.version, now)}, sweep_task_id = ${claim.taskId}, sweep_started_at = ${moment(now)}, sweep_next_page = 0, sweep_seen = 0,
      sweep_version = NULL, sweep_moved = false, completeness = 'PARTIAL'
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  await tx.$executeRaw(sql`
    UPDATE task SET position = ${assets.pages} WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
}

/** A page that was just merged. */
export interface MergedPage {
  nextPageIndex: number | null;
  seen: number;
  versionId: string | null;
}

/** Moves the sweep on by one merged page, in the transaction of the merge. */
export async function advanceSweep(tx: Tx, token: TokenKey, page: MergedPage): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET sweep_next_page = ${page.nextPageIndex ?? noPage}, sweep_seen = sweep_seen + ${page.seen},
      sweep_moved = sweep_moved OR ${page.versionId}::text IS NULL OR coalesce(sweep_version <> ${page.versionId}, false),
      sweep_version = coalesce(sweep_version, ${page.versionId})
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}

/** Begins the task's sweep anew the next time it runs. */
export async function dropSweep(tx: Tx, token: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET sweep_task_id = NULL WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}

/** How a sync ended. */
export interface Ended {
  /** Somebody asked for another run meanwhile. */
  rerun: boolean;
  /** They want the whole library read. */
  rerunFull: boolean;
}

/** Ends the sweep. `whole` is false when what was seen got lost, so that nothing could be judged as missing. */
export function endSweep(tx: Tx, token: TokenKey, whole: boolean, now: Date, nextFull: Date | null): Promise<Ended> {
  const read = whole ? sql`, full_synced_at = ${moment(now)}, full_due_at = ${moment(nextFull)}` : nothing;
  return end(
    tx,
    token,
    sql`completeness = ${whole ? 'COMPLETE' : 'PARTIAL'}::"Completeness", assignments_version = sweep_version,
      ${doubtAfterSweep(now)}, synced_at = ${moment(now)} ${read}`,
  );
}

/** Ends a sync that read what changed since the last one. */
export function endChanges(
  tx: Tx,
  token: TokenKey,
  versions: Versions & { readSince: Date },
  now: Date,
): Promise<Ended> {
  return end(
    tx,
    token,
    sql`${assetsVersion(versions.assets, now)}, assignments_version = ${versions.assignments}, ${doubtAfterChanges(versions.readSince)}, synced_at = ${moment(now)}`,
  );
}

/** Where Apple's two lists stood when they were read. */
export interface Versions {
  assets: string | null;
  assignments: string | null;
}

async function end(tx: Tx, { organizationId, tokenId }: TokenKey, columns: Sql): Promise<Ended> {
  const [before] = await tx.$queryRaw<Ended[]>(sql`
    SELECT rerun, rerun_full AS "rerunFull" FROM token_sync WHERE organization_id = ${organizationId} AND token_id = ${tokenId} FOR UPDATE`);
  await tx.$executeRaw(sql`
    UPDATE token_sync SET ${columns}, sweep_task_id = NULL, rerun = false, rerun_full = false
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
  return before ?? { rerun: false, rerunFull: false };
}
