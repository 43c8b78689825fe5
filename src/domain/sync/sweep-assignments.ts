/** The second phase of a sync: who holds what, merged page by page as it arrives. @module */
import type { Context } from '../context.ts';
import type { AssignmentRow, Page } from '../ports.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import { createProgress } from '../task/progress.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { mergeAssignments } from './merge-assignments.ts';
import { notePages } from './progress.ts';
import { readPages } from './read-pages.ts';
import { createStatistics } from './statistics.ts';
import { advanceSweep, readSweep, type SweepState } from './sweep-state.ts';
import { syncAsset } from './sync-assets.ts';

/** Reads and merges all pages that are left; none when an earlier worker came to the end. */
export async function sweepAssignments(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  const sweep = (await readSweep(context.prisma, token, claim.taskId))!;
  if (sweep.nextPage === null) return;
  const read = (pageIndex: number) =>
    callApple(context, token, 'SYNC', (credential) => context.apple.readAssignments(credential, { pageIndex }));
  const statistics = createStatistics(context);
  const progress = createProgress(context, claim);
  for await (const page of readPages(read, sweep.nextPage)) {
    await mergePage({ context, claim, token, sweep }, page);
    context.failpoint('sync-block');
    await progress.publish();
    if (sweep.opening) await statistics.after(page.rows.length);
  }
  await progress.end();
}

interface Sweeping {
  context: Context;
  claim: TaskClaim;
  token: TokenKey;
  sweep: SweepState;
}

/** Assets that were bought between the two lists: the page is merged once their numbers are known. */
class UnknownAssetsError extends Error {
  readonly adamIds: string[];
  constructor(adamIds: string[]) {
    super(`${adamIds.length} assets are not in the list yet`);
    this.adamIds = adamIds;
  }
}

async function mergePage(sweeping: Sweeping, page: Page<AssignmentRow>): Promise<void> {
  try {
    await merge(sweeping, page, 'STOP');
  } catch (error) {
    if (!(error instanceof UnknownAssetsError)) throw error;
    const { context, claim, token } = sweeping;
    for (const adamId of error.adamIds) await syncAsset(context, claim, token, adamId);
    await merge(sweeping, page, 'PASS_OVER');
  }
}

/** Merges the page and moves the cursor in one transaction; with unknown assets nothing of it happens, or they are passed over. */
function merge(sweeping: Sweeping, page: Page<AssignmentRow>, onUnknown: 'STOP' | 'PASS_OVER'): Promise<void> {
  const { context, claim, token, sweep } = sweeping;
  return underTaskClaim(context, claim, async (tx) => {
    const of = { ...token, taskId: claim.taskId, startedAt: sweep.startedAt, opening: sweep.opening };
    const block = await mergeAssignments(tx, of, page.rows, context.clock.now());
    if (block.unknownAssets.length > 0 && onUnknown === 'STOP') throw new UnknownAssetsError(block.unknownAssets);
    const { nextPageIndex, versionId } = page;
    await advanceSweep(tx, token, { nextPageIndex, versionId, seen: block.seen });
    const done = sweep.assetPages + page.pageIndex + 1;
    await notePages(tx, claim, { done, total: sweep.assetPages + page.totalPages });
  });
}
