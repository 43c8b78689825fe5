/** A write that spends is done once, however often its request arrives. @module */
import { createHash } from 'node:crypto';
import { ids, moment, sql, type Tx } from '../db/transaction.ts';
import type { Context } from './context.ts';
import { IdempotencyKeyReusedError } from './errors.ts';

/** What a request with a key is. */
export interface KeyedRequest {
  /** The mutation's name. */
  operation: string;
  /** Absent: the write is done each time. */
  key: string | null | undefined;
  /** The parsed input without the key. Lists count as sets. */
  input: unknown;
}

/** The tasks of a request, and whether they are those of an earlier one. */
export interface KeyedResult {
  taskIds: bigint[];
  replayed: boolean;
  /** What the first request was told where that was no task; kept for those that come again. */
  answer?: string;
}

/** What was done: tasks, or what was found instead. */
export type Done = bigint[] | { answer: string };

const day = 86_400_000;

/**
 * Runs `work` unless the key was used before: then the earlier tasks are the answer. Equal requests that arrive
 * together wait for the first. A refusal rolls the key back with everything else, so it is not kept.
 */
export async function once(
  context: Context,
  tx: Tx,
  request: KeyedRequest,
  work: () => Promise<Done>,
): Promise<KeyedResult> {
  const { actor } = context;
  if (!request.key || actor.kind !== 'API_KEY') return { ...told(await work()), replayed: false };
  const now = context.clock.now();
  const hash = inputHash(request.input);
  const where = sql`organization_id = ${actor.organizationId} AND api_key_id = ${actor.apiKeyId} AND operation = ${request.operation} AND key = ${request.key}`;
  const oldest = new Date(now.getTime() - context.settings.idempotencyDays * day);
  await tx.$executeRaw(sql`DELETE FROM idempotency_key WHERE ${where} AND created_at < ${moment(oldest)}`);
  const inserted = await tx.$executeRaw(sql`
    INSERT INTO idempotency_key (organization_id, api_key_id, operation, key, input_hash, created_at)
    VALUES (${actor.organizationId}, ${actor.apiKeyId}, ${request.operation}, ${request.key}, ${hash}, ${moment(now)})
    ON CONFLICT DO NOTHING`);
  if (inserted === 0) {
    const [row] = await tx.$queryRaw<{ input_hash: string; task_ids: bigint[]; answer: string | null }[]>(
      sql`SELECT input_hash, task_ids, answer FROM idempotency_key WHERE ${where}`,
    );
    if (row!.input_hash !== hash) throw new IdempotencyKeyReusedError();
    return { ...(row!.answer === null ? told(row!.task_ids) : told({ answer: row!.answer })), replayed: true };
  }
  const done = told(await work());
  await tx.$executeRaw(sql`
    UPDATE idempotency_key SET task_ids = ${ids(done.taskIds)}, answer = ${done.answer ?? null} WHERE ${where}`);
  return { ...done, replayed: false };
}

const told = (done: Done) => (Array.isArray(done) ? { taskIds: done } : { taskIds: [], answer: done.answer });

/** Equal for inputs that mean the same: keys in any order, lists as sets, absent and null alike. */
export function inputHash(input: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(input)) ?? 'null')
    .digest('hex');
}

function canonical(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(canonical(item))))].sort();
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined && part !== null);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]) => [key, canonical(part)]));
}
