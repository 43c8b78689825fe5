/**
 * What the database knows of the tables' sizes. The first sync of a library fills empty tables within seconds, and until
 * the server looks by itself it plans for empty ones: each key check then reads the whole table.
 * @module
 */
import { Prisma } from '../../generated/prisma/client.ts';
import type { Services } from '../context.ts';

type Table = 'app' | 'license_pool' | 'license' | 'device';

/** Rows after which the server looks for the first time; then again when there are so many times more. */
const first = 3_000;
const growth = 6;

/** Lets the server look at tables. It samples, so its time does not grow with them. */
export async function analyze(services: Pick<Services, 'prisma'>, tables: readonly Table[]): Promise<void> {
  await services.prisma.$executeRaw(Prisma.raw(`ANALYZE ${tables.join(', ')}`));
}

/** Follows the growth of the tables of licenses. */
export function createStatistics(services: Pick<Services, 'prisma'>) {
  let rows = 0;
  let next = first;
  return {
    /** To be told of each block that was merged. */
    after: async (merged: number): Promise<void> => {
      rows += merged;
      if (rows < next) return;
      next = rows * growth;
      await analyze(services, ['license', 'device']);
    },
  };
}
