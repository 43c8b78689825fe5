/** Answers: a repeat of a request is answered with the same task, and every request is answered. @module */
import { noConnection } from '../operations.ts';
import { rowOf } from '../told.ts';
import type { Evidence } from './evidence.ts';

/** Repeats under one idempotency key lead to one task; nobody was left without an answer while all was there. */
export async function answersHold({ told, rows, outages }: Evidence): Promise<string[]> {
  const repeats = told.accepted.flatMap(({ key, taskId, repeats: again }) =>
    again
      .filter((answer) => answer.taskId !== taskId || !answer.replayed)
      .map(
        (answer) =>
          `Key ${key} was answered with task ${rowOf(taskId)}, and its repeat with ${answer.taskId} (replayed: ${answer.replayed})`,
      ),
  );
  const kept = await rows<{ key: string; task_ids: string[] }>(
    'SELECT key, task_ids::text[] AS task_ids FROM idempotency_key',
  );
  const byKey = new Map(kept.map((row) => [row.key, row.task_ids]));
  const forgotten = told.accepted
    .filter(({ key, taskId }) => key && !byKey.get(key)?.includes(rowOf(taskId)))
    .map(
      ({ key, taskId }) =>
        `Key ${key} was answered with task ${rowOf(taskId)}, and the database keeps ${byKey.get(key!)?.join(', ') ?? 'nothing'} for it`,
    );
  const excused = (error: string) => outages === 'database' || (outages === 'api' && error.includes(noConnection));
  const unanswered = told.errors
    .filter((error) => !excused(error))
    .map((error) => `A request was not answered: ${error}`);
  return [...repeats, ...forgotten, ...unanswered];
}
