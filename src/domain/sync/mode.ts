/** Whether a sync reads the whole library or what changed since the last one. @module */
import { moment, sql } from '../../db/transaction.ts';
import type { SyncMode } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';

/** The way of this sync: as it was asked for or decided before, else what is enough. */
export async function chooseMode(context: Context, claim: TaskClaim, token: TokenKey): Promise<SyncMode> {
  const oldest = new Date(context.clock.now().getTime() - context.settings.fullSyncEvery);
  const [row] = await context.prisma.$queryRaw<{ mode: SyncMode | null; enough: boolean }[]>(sql`
    SELECT t.sync_mode::text AS mode, s.sweep_task_id IS NULL AND s.completeness = 'COMPLETE' AND s.full_synced_at > ${moment(oldest)}
      AND s.assets_version IS NOT NULL AND s.assignments_version IS NOT NULL AS enough
    FROM token_sync s JOIN task t ON t.organization_id = s.organization_id AND t.id = ${claim.taskId}
    WHERE s.organization_id = ${token.organizationId} AND s.token_id = ${token.tokenId}`);
  if (row?.mode) return row.mode;
  const mode = row?.enough ? 'CHANGES' : 'FULL';
  await setMode(context, claim, mode);
  return mode;
}

/** Keeps the way of this sync, for people and for whoever goes on with it. */
export function setMode(context: Context, claim: TaskClaim, mode: SyncMode): Promise<unknown> {
  return underTaskClaim(context, claim, (tx) =>
    tx.$executeRaw(sql`
      UPDATE task SET sync_mode = ${mode}::"SyncMode" WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`),
  );
}
