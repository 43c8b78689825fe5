/**
 * Lists that moved while they were read. A license that was met and then taken back stands beside one that slipped over the
 * edge of a page, and the count of their asset is right: no difference shows either. So an asset that changed meanwhile is
 * doubted until its licenses were compared with a list of its own.
 * @module
 */
import { moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import { lockPools } from '../license/transition.ts';
import type { TokenKey } from '../token/gate.ts';

/** For so many milliseconds after the library moved its counts may lag. */
export const countLag = 600_000;

/** Whether a change that is seen now may have happened during a sweep of the library that moved, or of one under way. */
export function isDoubtful({ organizationId, tokenId }: TokenKey): Sql {
  return sql`EXISTS (SELECT 1 FROM token_sync s WHERE s.organization_id = ${organizationId} AND s.token_id = ${tokenId}
    AND (s.sweep_task_id IS NOT NULL OR s.doubted_until IS NOT NULL))`;
}

/** Doubts the assets of which a delta told something: always when the delta itself moved, else when a sweep before it did. */
export async function doubtAssets(tx: Tx, token: TokenKey, adamIds: readonly string[], moved: boolean): Promise<void> {
  if (adamIds.length === 0) return;
  const { organizationId, tokenId } = token;
  const doubted = sql`organization_id = ${organizationId} AND token_id = ${tokenId} AND adam_id = ANY (${texts(adamIds)}) AND NOT doubted
    AND (${moved} OR ${isDoubtful(token)})`;
  await lockPools(tx, organizationId, sql`SELECT id FROM license_pool WHERE ${doubted}`);
  await tx.$executeRaw(sql`UPDATE license_pool SET doubted = true WHERE ${doubted}`);
}

/** What a sweep that moved leaves behind. */
export function doubtAfterSweep(now: Date): Sql {
  return sql`doubted_until = CASE WHEN sweep_moved THEN ${moment(new Date(now.getTime() + countLag))} END`;
}

/** Ends it when the changes were read after the counts can have lagged. */
export function doubtAfterChanges(readSince: Date): Sql {
  return sql`doubted_until = CASE WHEN doubted_until > ${moment(readSince)} THEN doubted_until END`;
}
