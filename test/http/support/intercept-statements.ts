import type { Pool } from 'pg';

/** Answers the statements of `pool` that contain `text` with `answer`; the rest goes on to the database. Returns the way back. */
export function interceptStatements(pool: Pool, text: string, answer: () => Promise<unknown>): () => void {
  const query = pool.query.bind(pool);
  const replaced = (statement: { text?: string } | string, ...rest: unknown[]) =>
    String(typeof statement === 'string' ? statement : statement.text).includes(text)
      ? answer()
      : (query as (...all: unknown[]) => unknown)(statement, ...rest);
  pool.query = replaced as typeof pool.query;
  return () => Reflect.deleteProperty(pool, 'query');
}
