/**
 * Claims. A worker that takes work over raises its claim number; each of its writes checks that number first, under the
 * row's lock. One that was frozen and wakes late finds another number and writes nothing.
 * @module
 */
import { sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';

/** Somebody else has taken the work over: stop, write nothing, it goes on there. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
  constructor(what: string) {
    super(`${what} was taken over by another worker`);
  }
}

/** The right to work on one task. */
export interface TaskClaim {
  organizationId: bigint;
  taskId: bigint;
  claim: bigint;
}

/** Takes the task over, unless it is over. Null when there is nothing left to do in it. */
export async function claimTask(services: Services, task: Omit<TaskClaim, 'claim'>): Promise<TaskClaim | null> {
  const rows = await services.prisma.$queryRaw<{ claim: bigint }[]>(sql`
    UPDATE task SET claim = claim + 1
    WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} AND state IN ('QUEUED', 'RUNNING', 'WAITING')
    RETURNING claim`);
  return rows[0] ? { ...task, claim: rows[0].claim } : null;
}

/** One transaction of a claimed task. Throws {@link ClaimLostError} when the claim is no longer ours. */
export function underTaskClaim<T>(services: Services, held: TaskClaim, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(services, async (tx) => {
    const rows = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM task WHERE organization_id = ${held.organizationId} AND id = ${held.taskId} AND claim = ${held.claim}
        AND state IN ('QUEUED', 'RUNNING', 'WAITING') FOR UPDATE`);
    if (rows.length === 0) throw new ClaimLostError(`task ${held.taskId}`);
    return work(tx);
  });
}

/** The right to write to Apple through one token. */
export interface GateClaim {
  organizationId: bigint;
  tokenId: bigint;
  claim: bigint;
}

/** Takes the token's writes over. */
export async function claimGate(services: Services, token: Omit<GateClaim, 'claim'>): Promise<GateClaim | null> {
  const rows = await services.prisma.$queryRaw<{ claim: bigint }[]>(sql`
    UPDATE token_gate SET claim = claim + 1 WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
    RETURNING claim`);
  return rows[0] ? { ...token, claim: rows[0].claim } : null;
}

/** Apple took a write or told its outcome: failed tries before it are no longer in a row. Under the gate's lock. */
export async function noteProgress(tx: Tx, { organizationId, tokenId }: Omit<GateClaim, 'claim'>): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_gate SET attempts = 0 WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND attempts <> 0`);
}

/** One transaction of the token's writer. Throws {@link ClaimLostError} when the claim is no longer ours. */
export function underGateClaim<T>(services: Services, held: GateClaim, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(services, async (tx) => {
    const rows = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM token_gate WHERE organization_id = ${held.organizationId} AND token_id = ${held.tokenId}
        AND claim = ${held.claim} FOR NO KEY UPDATE`);
    if (rows.length === 0) throw new ClaimLostError(`the writer of token ${held.tokenId}`);
    return work(tx);
  });
}
