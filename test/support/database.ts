/** Databases for tests: each a copy of one that has seen all migrations. @module */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';

/** What the global setup hands to the test files. */
export interface DatabaseServer {
  adminUrl: string;
  /** Name of the migrated database that is copied. */
  template: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: DatabaseServer;
  }
}

/** A database that belongs to one test file. */
export interface TestDatabase {
  url: string;
  /** Removes it; open connections are ended. */
  drop(): Promise<void>;
}

/** A database with all migrations and graphile-worker's tables, and no rows of ours. */
export function createTestDatabase(): Promise<TestDatabase> {
  return copyDatabase(inject('databaseServer').template);
}

/** A database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return copyDatabase('template0');
}

async function copyDatabase(template: string): Promise<TestDatabase> {
  const { adminUrl } = inject('databaseServer');
  const name = newName('test');
  await administer(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  return { url: addressOf(adminUrl, name), drop: () => dropDatabase(adminUrl, name) };
}

/** A name that no other run has. */
export function newName(purpose: string): string {
  return `russet_${purpose}_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

/** `adminUrl` with database `name` instead of its own. */
export function addressOf(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Removes database `name`; open connections are ended. */
export function dropDatabase(adminUrl: string, name: string): Promise<void> {
  return administer(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

/** Runs one statement that can't be part of a transaction. */
export async function administer(adminUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
