/**
 * A sync that costs what has changed: the list of assets when its version moved, assignments since the last version, and
 * whole lists of those assets only of which Apple counts another number than Russet, because no delta shows a removal,
 * or that changed while a list was read.
 * @module
 */
import { moment, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import { publishProgress } from '../task/events.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { countLag, doubtAssets } from './doubt.ts';
import { driftingAssets } from './drifting.ts';
import { touchPools } from './merge-assets.ts';
import { bringIn } from './merge-assignments.ts';
import { notePages } from './progress.ts';
import { readPages } from './read-pages.ts';
import { sweepAsset } from './sweep-asset.ts';
import type { Versions } from './sweep-state.ts';
import { bringAssets, readAssets, syncAsset } from './sync-assets.ts';

/** Up to this many assets are always compared one by one. */
const fewAssets = 20;
/** Rows on a page of Apple, as far as it matters for the choice. */
const pageRows = 1_000n;

/** What was read, or `TOO_MUCH` when the whole library costs less. */
export type Changes = { versions: Versions & { readSince: Date }; assetsRead: boolean } | 'TOO_MUCH';

interface Reading {
  context: Context;
  claim: TaskClaim;
  token: TokenKey;
  /** Pages read so far. */
  pages: number;
}

/** Brings in what changed since the last sync. `enter` tells the phase. */
export async function syncChanges(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  enter: (phase: string) => Promise<void>,
): Promise<Changes> {
  const reading: Reading = { context, claim, token, pages: 0 };
  const readSince = context.clock.now();
  const known = await readKnown(reading);
  await enter('ASSETS');
  const first = await readAssets(context, token, { pageIndex: 0 });
  let assets = { version: first.versionId, pages: 1 };
  let assetsRead = first.versionId !== known.assets || !known.settled;
  if (assetsRead) assets = await bringAssets(context, claim, token, first);
  await count(reading, assets.pages);
  await enter('ASSIGNMENTS');
  const assignments = await bringDelta(reading, known.assignments!);
  if (assignments !== known.assignments && !assetsRead) {
    assets = await bringAssets(context, claim, token);
    assetsRead = true;
    await count(reading, assets.pages);
  }
  if (!assetsRead) await underTaskClaim(context, claim, (tx) => touchPools(tx, token, first.readAt));
  await enter('REMOVALS');
  if (!(await compare(reading))) return 'TOO_MUCH';
  return { versions: { assets: assets.version, assignments, readSince }, assetsRead };
}

async function readKnown({ context, token }: Reading): Promise<Versions & { settled: boolean }> {
  const settled = moment(new Date(context.clock.now().getTime() - countLag));
  const [row] = await context.prisma.$queryRaw<(Versions & { settled: boolean })[]>(sql`
    SELECT assets_version AS assets, assignments_version AS assignments, coalesce(assets_moved_at <= ${settled}, true) AS settled
    FROM token_sync WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  return row!;
}

/** Brings in what was given since `version`, and gives the version after it. */
async function bringDelta(reading: Reading, version: string): Promise<string | null> {
  const { context, claim, token } = reading;
  const startedAt = context.clock.now();
  const read = (pageIndex: number) =>
    callApple(context, token, 'SYNC', (credential) =>
      context.apple.readAssignments(credential, { pageIndex, sinceVersionId: version }),
    );
  const versions: (string | null)[] = [];
  const told = new Set<string>();
  for await (const page of readPages(read, 0)) {
    versions.push(page.versionId);
    for (const { adamId } of page.rows) told.add(adamId);
    const merge = () =>
      underTaskClaim(context, claim, (tx) =>
        bringIn(tx, { ...token, taskId: claim.taskId, startedAt, opening: false }, page.rows, context.clock.now()),
      );
    const { unknownAssets } = await merge();
    for (const adamId of unknownAssets) await syncAsset(context, claim, token, adamId);
    if (unknownAssets.length > 0) await merge();
    await count(reading, 1);
  }
  const moved = versions.length > 1 && (versions.includes(null) || new Set(versions).size > 1);
  await underTaskClaim(context, claim, (tx) => doubtAssets(tx, token, [...told], moved));
  return versions[0] ?? null;
}

/** Compares the assets whose counts differ. False when reading the whole library costs less. */
async function compare(reading: Reading): Promise<boolean> {
  const { context, claim, token } = reading;
  const assets = await driftingAssets(context.prisma, token);
  if (assets.length > fewAssets) {
    const [held] = await context.prisma.$queryRaw<{ pages: bigint }[]>(sql`
      SELECT (coalesce(sum(held), 0) / ${pageRows})::bigint AS pages FROM license_pool
      WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
    const pages = assets.reduce((sum, { assigned }) => sum + assigned / pageRows + 1n, 0n);
    if (pages > held!.pages) return false;
  }
  for (const { adamId } of assets) {
    const write: Parameters<typeof sweepAsset>[0]['write'] = (work) => underTaskClaim(context, claim, work);
    await count(reading, await sweepAsset({ context, token, taskId: claim.taskId, write }, adamId));
  }
  return true;
}

async function count(reading: Reading, pages: number): Promise<void> {
  const { context, claim } = reading;
  reading.pages += pages;
  const { pages: done } = reading;
  await underTaskClaim(context, claim, (tx) => notePages(tx, claim, { done, total: done }));
  await publishProgress(context, claim);
}
