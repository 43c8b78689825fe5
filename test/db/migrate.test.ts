import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyMigrations, pendingMigrations, refuseOldPostgres } from '../../src/db/migrate.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await createEmptyDatabase();
  directory = mkdtempSync(join(tmpdir(), 'russet-migrations-'));
  write('0001_first', 'CREATE TABLE first (id int PRIMARY KEY);');
  write('0002_second', 'CREATE TABLE second (id int REFERENCES first);\nINSERT INTO first VALUES (1);');
});

afterEach(async () => {
  rmSync(directory, { recursive: true });
  await database.drop();
});

function write(name: string, sql: string): void {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, 'migration.sql'), sql);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('applying migrations', () => {
  test('applies all in order, installs the queue, and then has nothing to do', async () => {
    expect(await pendingMigrations(database.url, directory)).toEqual(['graphile_worker', '0001_first', '0002_second']);
    expect(await applyMigrations(database.url, directory)).toEqual({ applied: ['0001_first', '0002_second'] });
    expect(await pendingMigrations(database.url, directory)).toEqual([]);
    expect(await applyMigrations(database.url, directory)).toEqual({ applied: [] });
    expect(await query('SELECT id FROM first')).toEqual([{ id: 1 }]);
    expect(await query(`SELECT to_regproc('graphile_worker.add_job') IS NOT NULL AS installed`)).toEqual([
      { installed: true },
    ]);
  });

  test('keeps the record that Prisma would keep', async () => {
    await applyMigrations(database.url, directory);
    const rows = await query(
      `SELECT migration_name, checksum, applied_steps_count, finished_at >= started_at AS in_order, rolled_back_at, logs
         FROM _prisma_migrations ORDER BY started_at LIMIT 1`,
    );
    expect(rows).toEqual([
      {
        migration_name: '0001_first',
        checksum: '3079049f367d58b2addc88019a0ddddab4f0cfeeaab9d25b675653bf6be912d9',
        applied_steps_count: 1,
        in_order: true,
        rolled_back_at: null,
        logs: null,
      },
    ]);
  });

  test('processes that come at the same time apply each migration once', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => applyMigrations(database.url, directory)));
    expect(runs.flatMap((run) => run.applied).sort()).toEqual(['0001_first', '0002_second']);
  });
});

describe('a migration that fails', () => {
  beforeEach(() => write('0003_third', 'CREATE TABLE third (id int);\nSELECT nonsense;'));

  test('leaves nothing of itself and says where it failed', async () => {
    await expect(applyMigrations(database.url, directory)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      migrations: ['0003_third'],
      message: expect.stringContaining('column "nonsense" does not exist (line 2)'),
    });
    expect(await query(`SELECT to_regclass('third') AS third, to_regclass('second') AS second`)).toEqual([
      { third: null, second: 'second' },
    ]);
    expect(
      await query(
        `SELECT logs, rolled_back_at IS NOT NULL AS rolled_back FROM _prisma_migrations WHERE finished_at IS NULL`,
      ),
    ).toEqual([{ logs: expect.stringContaining('nonsense'), rolled_back: true }]);
  });

  test('is not applied when it can not be recorded', async () => {
    write('0003_third', 'CREATE TABLE third (id int);\nALTER TABLE _prisma_migrations RENAME TO elsewhere;');
    await expect(applyMigrations(database.url, directory)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    expect(await query(`SELECT to_regclass('third') AS third`)).toEqual([{ third: null }]);
  });

  test('is tried again once it is corrected', async () => {
    await expect(applyMigrations(database.url, directory)).rejects.toThrow();
    expect(await pendingMigrations(database.url, directory)).toEqual(['0003_third']);
    write('0003_third', 'CREATE TABLE third (id int);');
    expect(await applyMigrations(database.url, directory)).toEqual({ applied: ['0003_third'] });
  });
});

describe('a database that does not fit the files', () => {
  beforeEach(() => applyMigrations(database.url, directory));

  test('an edited migration is refused', async () => {
    write('0001_first', 'CREATE TABLE first (id bigint PRIMARY KEY);');
    const refusal = { code: 'MIGRATION_EDITED', migrations: ['0001_first'] };
    await expect(applyMigrations(database.url, directory)).rejects.toMatchObject(refusal);
    await expect(pendingMigrations(database.url, directory)).rejects.toMatchObject(refusal);
  });

  test('a database of a newer version is refused', async () => {
    rmSync(join(directory, '0002_second'), { recursive: true });
    await expect(applyMigrations(database.url, directory)).rejects.toMatchObject({
      code: 'MIGRATION_UNKNOWN',
      migrations: ['0002_second'],
    });
  });

  test('what another tool left unfinished is refused', async () => {
    await query(`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '0002_second'`);
    await expect(applyMigrations(database.url, directory)).rejects.toMatchObject({ code: 'MIGRATION_UNFINISHED' });
  });

  test('older tables of the queue are reported', async () => {
    await query('DELETE FROM graphile_worker.migrations WHERE id > 10');
    expect(await pendingMigrations(database.url, directory)).toEqual(['graphile_worker']);
  });
});

test('PostgreSQL 14 is refused, 15 is not', () => {
  expect(() => refuseOldPostgres(140_012, '14.12')).toThrow(/needs PostgreSQL 15 or newer.*14\.12/);
  expect(() => refuseOldPostgres(150_000, '15.0')).not.toThrow();
});
