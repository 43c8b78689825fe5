/** The embedded PostgreSQL as Russet ships it, durable, in a place of the bench's own. @module */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../../dist/db/embedded/start.js';
import { applyMigrations } from '../../../dist/db/migrate.js';
import { silentLogger } from '../../../dist/lib/logger.js';
import { root } from './paths.mjs';

const dataDirectory = join(root, '.data', 'bench');
const prefix = 'russet_bench_';

/**
 * @typedef {object} Postgres
 * @property {string} version
 * @property {string} home folder of its data and log
 * @property {() => Promise<string>} createDatabase a database with Russet's tables; gives its address
 * @property {(url: string) => Promise<void>} dropDatabase
 * @property {() => Promise<void>} stop stops it and removes its data
 */

/** @returns {Promise<Postgres>} */
export async function startPostgres() {
  const server = await startEmbeddedPostgres({
    dataDirectory,
    port: 15_832,
    maxConnections: 200,
    logger: silentLogger,
  });
  const admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  const { rows } = await admin.query(`SELECT current_setting('server_version') AS version`);
  // Left by a run that was killed.
  const left = await admin.query('SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)', [prefix]);
  for (const { name } of left.rows) await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  let count = 0;
  return {
    version: rows[0].version,
    home: server.home,
    createDatabase: async () => {
      const name = `${prefix}${++count}`;
      await admin.query(`CREATE DATABASE ${name}`);
      await applyMigrations(server.url(name), join(root, 'prisma', 'migrations'));
      return server.url(name);
    },
    dropDatabase: async (url) => {
      await admin.query(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
    },
    stop: async () => {
      await admin.end();
      await server.stop();
      rmSync(server.home, { recursive: true, force: true });
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

/**
 * Runs `work` with a connection of its own.
 * @template T
 * @param {string} url
 * @param {(client: pg.Client) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
