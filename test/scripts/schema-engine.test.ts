import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareDatabaseWithSchema } from '../../scripts/lib/schema-engine.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const schema = 'prisma/schema.prisma';
let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'russet-schema-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

test('the migrations lead to the schema', async () => {
  expect(await compareDatabaseWithSchema(database.url, schema)).toEqual({ sql: '' });
});

test('a model without a migration is found', async () => {
  const path = join(folder, 'schema.prisma');
  writeFileSync(path, `${readFileSync(schema, 'utf8')}\nmodel Forgotten {\n  id Int @id\n}\n`);
  const { sql } = await compareDatabaseWithSchema(database.url, path);
  expect(sql).toContain('CREATE TABLE "Forgotten"');
});
