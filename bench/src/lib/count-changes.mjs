/** Changes the counts of apps as a sync does. @module */
import { openDatabase } from '../../../dist/db/client.js';
import { transaction } from '../../../dist/db/transaction.js';
import { mergeAssets } from '../../../dist/domain/sync/merge-assets.js';
import { silentLogger } from '../../../dist/lib/logger.js';

/**
 * @param {string} databaseUrl
 * @returns {Promise<{ apps: (count: number) => Promise<string[]>, change: (count: number) => Promise<number>, close: () => Promise<void> }>}
 */
export async function openCountChanges(databaseUrl) {
  const database = openDatabase({ url: databaseUrl, connections: 2, logger: silentLogger, name: 'bench' });
  const token = await database.prisma.token.findFirstOrThrow({ orderBy: { id: 'asc' } });
  const key = { organizationId: token.organizationId, tokenId: token.id };
  const pools = await database.prisma.licensePool.findMany({
    where: { tokenId: token.id },
    orderBy: { appId: 'asc' },
    take: 1000,
  });
  let total = 1_000_000;
  return {
    /** Global ids of the first apps. */
    apps: async (count) => pools.slice(0, count).map(({ appId }) => Buffer.from(`App:${appId}`).toString('base64')),
    /** Gives each of the first apps another total, in one transaction; tells when its commit was sent, in milliseconds. */
    change: async (count) => {
      total += 1;
      let at = 0;
      await transaction(database, async (tx) => {
        const rows = pools.slice(0, count).map((pool) => ({
          ...pool,
          total,
          assigned: Number(pool.held),
          available: total - Number(pool.held),
          retired: 0,
          productType: 'APP',
        }));
        await mergeAssets(tx, key, rows, new Date());
        at = Number(process.hrtime.bigint()) / 1e6;
      });
      return at;
    },
    close: () => database.close(),
  };
}
