/** Before all test files: the programs in few files, a PostgreSQL and a migrated database to copy. After them: nothing is left. @module */
import type { TestProject } from 'vitest/node';
import { applyMigrations } from '../../src/db/migrate.ts';
import { bundleBuild } from './bundle.ts';
import { addressOf, administer, dropDatabase, newName } from './database.ts';
import { startPostgresServer } from './postgres-server.ts';

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await bundleBuild();
  const server = await startPostgresServer();
  const template = newName('template');
  const tearDown = async () => {
    await dropDatabase(server.adminUrl, template);
    await server.stop();
  };
  try {
    await administer(server.adminUrl, `CREATE DATABASE ${template} TEMPLATE template0`);
    await applyMigrations(addressOf(server.adminUrl, template), 'prisma/migrations');
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('databaseServer', { adminUrl: server.adminUrl, template });
  return tearDown;
}
