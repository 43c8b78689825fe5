/** The first phase of a sync: apps, pools and Apple's numbers, which show at once. @module */
import type { Context } from '../context.ts';
import type { AssetRow, Page } from '../ports.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import { publishProgress } from '../task/events.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { mergeAssets, retirePools } from './merge-assets.ts';
import { notePages } from './progress.ts';
import { readPages } from './read-pages.ts';
import { clearSeen } from './seen.ts';
import { analyze } from './statistics.ts';
import { type AssetsRead, beginSweep } from './sweep-state.ts';

/** Brings all assets in. The sweep of the assignments begins with the end of this. */
export async function syncAssets(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  const assets = await bringAssets(context, claim, token);
  await analyze(context, ['app', 'license_pool']);
  await clearSeen(context, claim, token);
  await underTaskClaim(context, claim, (tx) => beginSweep(tx, token, claim, assets, context.clock.now()));
}

/** Reads the whole list of assets. `first` is its first page where that was read already. */
export async function bringAssets(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  first?: AssetPage,
): Promise<AssetsRead> {
  const startedAt = first?.readAt ?? context.clock.now();
  const assets: AssetsRead = { version: null, pages: 0 };
  let moved = false;
  const read = async (pageIndex: number) =>
    first && pageIndex === 0 ? first : readAssets(context, token, { pageIndex });
  for await (const page of readPages(read, 0)) {
    moved ||= page.versionId === null || (assets.version !== null && page.versionId !== assets.version);
    assets.version ??= page.versionId;
    assets.pages = page.pageIndex + 1;
    await underTaskClaim(context, claim, async (tx) => {
      await mergeAssets(tx, token, page.rows, page.readAt);
      await notePages(tx, claim, { done: assets.pages, total: page.totalPages });
    });
    await publishProgress(context, claim);
  }
  // Assets that move between pages while somebody buys could be overlooked; then nothing is judged as gone.
  if (!moved) await underTaskClaim(context, claim, (tx) => retirePools(tx, token, startedAt, context.clock.now()));
  return assets;
}

/** Brings one asset in that the list did not have yet. */
export async function syncAsset(context: Context, claim: TaskClaim, token: TokenKey, adamId: string): Promise<void> {
  const page = await readAssets(context, token, { adamId });
  await underTaskClaim(context, claim, (tx) => mergeAssets(tx, token, page.rows, page.readAt));
}

/** A page of assets, and from when on its numbers are true. */
export type AssetPage = Page<AssetRow> & { readAt: Date };

/** Reads one page. */
export async function readAssets(
  context: Context,
  token: TokenKey,
  query: { pageIndex?: number; adamId?: string },
): Promise<AssetPage> {
  let readAt = context.clock.now();
  const page = await callApple(context, token, 'SYNC', (credential) => {
    readAt = context.clock.now();
    return context.apple.readAssets(credential, query);
  });
  return { ...page, readAt };
}
