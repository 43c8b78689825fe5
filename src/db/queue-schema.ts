/** The tables of graphile-worker, which bring migrations of their own. @module */
import { createRequire } from 'node:module';
import { Logger, runMigrations } from 'graphile-worker';
import type { ClientBase } from 'pg';

/** Schema that graphile-worker keeps its tables in. */
export const queueSchema = 'graphile_worker';

/** Brings graphile-worker's tables up to date. */
export async function migrateQueue(connectionString: string): Promise<void> {
  await runMigrations({ connectionString, schema: queueSchema, logger: new Logger(() => () => {}), maxPoolSize: 1 });
}

/** Whether graphile-worker's tables are missing or older than the installed version wants them. */
export async function isQueuePending(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query(`SELECT to_regclass('${queueSchema}.migrations') IS NOT NULL AS present`);
  if (!rows[0].present) return true;
  const { rows: newest } = await client.query(`SELECT max(id) AS id FROM ${queueSchema}.migrations`);
  return (newest[0].id ?? 0) < wantedRevision();
}

function wantedRevision(): number {
  const sql = createRequire(import.meta.url)('graphile-worker/dist/generated/sql.js') as {
    migrations: Record<string, string>;
  };
  return Math.max(...Object.keys(sql.migrations).map((file) => Number.parseInt(file, 10)));
}
