/**
 * Reads that many objects of one answer need, gathered into one statement. Nothing is remembered: the context of a
 * subscription lives for hours, and each event must see the present.
 * @module
 */
import DataLoader from 'dataloader';
import type { ScopedClient } from '../domain/access/scoped-client.ts';
import { type AppCounts, countApps, noSeats } from '../domain/app/counts.ts';
import type { Context } from '../domain/context.ts';

/** One app, counted over all tokens or over one. */
export interface CountKey {
  appId: bigint;
  tokenId: bigint | null;
}

/** Whether a device holds a license of an app. */
export interface HolderKey {
  appId: bigint;
  deviceId: bigint;
}

/** The gathered reads of one operation. */
export interface Loaders {
  counts: DataLoader<CountKey, AppCounts>;
  holdings: DataLoader<HolderKey, boolean>;
}

/** Makes the loaders of one operation. */
export function createLoaders(domain: Context, db: ScopedClient): Loaders {
  return {
    counts: new DataLoader((keys) => loadCounts(domain, keys), { cache: false, maxBatchSize: 1000 }),
    holdings: new DataLoader((keys) => loadHoldings(db, keys), { cache: false, maxBatchSize: 1000 }),
  };
}

async function loadCounts(domain: Context, keys: readonly CountKey[]): Promise<AppCounts[]> {
  const found = new Map<bigint | null, Map<bigint, AppCounts>>();
  for (const tokenId of new Set(keys.map((key) => key.tokenId))) {
    const appIds = keys.filter((key) => key.tokenId === tokenId).map((key) => key.appId);
    found.set(
      tokenId,
      await countApps(domain.prisma, { organizationId: domain.actor.organizationId, appIds, tokenId }),
    );
  }
  return keys.map((key) => found.get(key.tokenId)?.get(key.appId) ?? noSeats(key.appId, key.tokenId));
}

async function loadHoldings(db: ScopedClient, keys: readonly HolderKey[]): Promise<boolean[]> {
  const held = await db.license.findMany({
    where: {
      endedAt: null,
      appId: { in: keys.map((key) => key.appId) },
      deviceId: { in: keys.map((key) => key.deviceId) },
    },
    select: { appId: true, deviceId: true },
  });
  const pairs = new Set(held.map((license) => `${license.appId}:${license.deviceId}`));
  return keys.map((key) => pairs.has(`${key.appId}:${key.deviceId}`));
}
