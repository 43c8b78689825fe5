/** One sync of one token: assets, assignments, removals, metadata. Killed anywhere, it goes on where it was. @module */
import { sql } from '../../db/transaction.ts';
import { refreshMetadata } from '../app/refresh-metadata.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import type { AssignmentRow, Page } from '../ports.ts';
import { endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, type TaskClaim, claimTask, underTaskClaim } from '../task/claim.ts';
import { publishProgress } from '../task/events.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { keepSyncFailure } from './failure.ts';
import { mergeAssets, retirePools } from './merge-assets.ts';
import { type Sweep, mergeAssignments } from './merge-assignments.ts';
import { readPages } from './read-pages.ts';
import { judgeMissing, seenIsWhole } from './removals.ts';
import { startSync } from './start.ts';
import { advanceSweep, beginSweep, endSweep, readSweep } from './sweep-state.ts';

/** Works on the sync until it is over, or has to wait for Apple. */
export async function runSync(services: Services, task: { organizationId: bigint; taskId: bigint }, correlationId: string): Promise<void> {
  const context = systemContext(services, task.organizationId, 'sync', correlationId);
  const claim = await claimTask(services, task);
  if (!claim) return;
  services.failpoint('claimed');
  const link = await services.prisma.taskToken.findFirstOrThrow({ where: task });
  const token: TokenKey = { organizationId: task.organizationId, tokenId: link.tokenId };
  try {
    if (!(await readSweep(services.prisma, token, task.taskId))) await syncAssets(context, claim, token);
    await sweepAssignments(context, claim, token);
    await finish(context, claim, token);
  } catch (error) {
    if (!(error instanceof ClaimLostError)) await keepSyncFailure(context, claim, token, error);
  }
}

async function enterPhase(context: Context, claim: TaskClaim, phase: string): Promise<void> {
  await underTaskClaim(context, claim, (tx) => setRunning(tx, claim, phase, context.clock.now()));
}

/** Pages done and to do; told as progress. Absolute, so that a page counted twice by a crash counts once. */
async function showPages(context: Context, claim: TaskClaim, completed: number, requested: number): Promise<void> {
  await underTaskClaim(context, claim, (tx) => tx.$executeRaw(sql`
    UPDATE task SET completed = ${completed}, requested = greatest(${requested}, ${completed}), attempts = 0, dirty = true
    WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`));
  await publishProgress(context, claim);
}

/** Apps and totals first: they show at once. The sweep of the assignments begins with the end of this. */
async function syncAssets(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  await enterPhase(context, claim, 'ASSETS');
  const startedAt = context.clock.now();
  let version: string | null = null;
  let moved = false;
  const pages = readPages((pageIndex) => callApple(context, token, 'SYNC', (credential) => context.apple.readAssets(credential, { pageIndex })), 0);
  for await (const page of pages) {
    moved ||= version !== null && page.versionId !== version;
    version ??= page.versionId;
    await underTaskClaim(context, claim, (tx) => mergeAssets(tx, token, page.rows, context.clock.now()));
    await showPages(context, claim, page.pageIndex + 1, page.totalPages);
  }
  await underTaskClaim(context, claim, async (tx) => {
    // Assets that move between pages while somebody buys could be missed; then nothing is judged as gone.
    if (!moved) await retirePools(tx, token, startedAt, context.clock.now());
    await tx.$executeRaw(sql`UPDATE token_sync SET assets_version = ${version} WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
    await beginSweep(tx, token, claim.taskId, context.clock.now());
  });
}

async function sweepAssignments(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  await enterPhase(context, claim, 'ASSIGNMENTS');
  const sweep = (await readSweep(context.prisma, token, claim.taskId))!;
  const read = (pageIndex: number) => callApple(context, token, 'SYNC', (credential) => context.apple.readAssignments(credential, { pageIndex }));
  for await (const page of readPages(read, sweep.nextPage)) {
    await mergePage(context, claim, token, { ...token, taskId: claim.taskId, startedAt: sweep.startedAt, opening: sweep.opening }, page);
    context.failpoint('sync-block');
    await showPages(context, claim, page.pageIndex + 1, page.totalPages);
  }
}

/** Assets that were bought between the two lists: the page is merged once their numbers are known. */
class UnknownAssetsError extends Error {
  readonly adamIds: string[];
  constructor(adamIds: string[]) {
    super(`${adamIds.length} assets are not in the list yet`);
    this.adamIds = adamIds;
  }
}

async function mergePage(context: Context, claim: TaskClaim, token: TokenKey, sweep: Sweep, page: Page<AssignmentRow>): Promise<void> {
  try {
    await merge(context, claim, token, sweep, page, 'STOP');
  } catch (error) {
    if (!(error instanceof UnknownAssetsError)) throw error;
    for (const adamId of error.adamIds) await readAsset(context, claim, token, adamId);
    await merge(context, claim, token, sweep, page, 'PASS_OVER');
  }
}

/** Merges the page and moves the cursor in one transaction; with unknown assets nothing of it happens, or they are passed over. */
function merge(context: Context, claim: TaskClaim, token: TokenKey, sweep: Sweep, page: Page<AssignmentRow>, onUnknown: 'STOP' | 'PASS_OVER'): Promise<void> {
  return underTaskClaim(context, claim, async (tx) => {
    const block = await mergeAssignments(tx, sweep, page.rows, context.clock.now());
    if (block.unknownAssets.length > 0 && onUnknown === 'STOP') throw new UnknownAssetsError(block.unknownAssets);
    await advanceSweep(tx, token, { next: page.pageIndex + 1, seen: block.seen, versionId: page.versionId });
  });
}

async function readAsset(context: Context, claim: TaskClaim, token: TokenKey, adamId: string): Promise<void> {
  const page = await callApple(context, token, 'SYNC', (credential) => context.apple.readAssets(credential, { adamId }));
  await underTaskClaim(context, claim, (tx) => mergeAssets(tx, token, page.rows, context.clock.now()));
}

async function finish(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  await enterPhase(context, claim, 'REMOVALS');
  const sweep = (await readSweep(context.prisma, token, claim.taskId))!;
  const whole = await seenIsWhole(context, token, sweep);
  if (whole) await judgeMissing(context, claim, token, sweep);
  await enterPhase(context, claim, 'METADATA');
  await refreshMetadata(context, token);
  await underTaskClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const { rerun } = await endSweep(tx, token, whole, now);
    await endTask(tx, claim, { state: 'SUCCEEDED' }, now);
    if (rerun || !whole) await startSync(context, tx, token.tokenId);
  });
  context.failpoint('done');
  context.logger.info({ tokenId: String(token.tokenId), taskId: String(claim.taskId), whole }, 'library synced');
}
