/** The one way to write. @module */
import type { PrismaClient } from '../generated/prisma/client.ts';
import { withJobs } from './enqueue.ts';
import type { Tx } from './sql.ts';

export * from './sql.ts';

/**
 * Runs `work` in one database transaction; everything in it happens or nothing does. Jobs are added at its end.
 * Apple is never called inside: a transaction must not wait for somebody else's server.
 */
export function transaction<T>(context: { prisma: PrismaClient }, work: (tx: Tx) => Promise<T>): Promise<T> {
  return context.prisma.$transaction((tx) => withJobs(tx, work), { maxWait: 20_000, timeout: 120_000 });
}
