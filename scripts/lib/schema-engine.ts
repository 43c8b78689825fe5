/** Prisma's schema engine as WebAssembly: compares a database with the schema file, offline. @module */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
import { Pool } from 'pg';
import { CharTolerantAdapter } from './char-tolerant-adapter.ts';

/** The SQL that leads from one state to another. */
export interface Difference {
  /** Empty when the states are equal. */
  sql: string;
}

type DiffTarget = engine.DiffParams['from'];

/** What separates the database behind `connectionString` from the schema file at `schemaPath`. */
export async function compareDatabaseWithSchema(connectionString: string, schemaPath: string): Promise<Difference> {
  const schema = { content: readFileSync(schemaPath, 'utf8'), path: schemaPath };
  const pool = new Pool({ connectionString, max: 2 });
  try {
    loading ??= load();
    await loading;
    const adapter = bindMigrationAwareSqlAdapterFactory(new CharTolerantAdapter(pool));
    const session = await engine.SchemaEngine.new({ datamodels: [[schema.path, schema.content]] }, () => {}, adapter);
    const from: DiffTarget = { tag: 'schemaDatasource', files: [schema], configDir: dirname(schemaPath) };
    const to: DiffTarget = { tag: 'schemaDatamodel', files: [schema] };
    const filters = { externalTables: [], externalEnums: [] };
    const { stdout } = await session.diff({ from, to, script: true, exitCode: null, filters });
    return { sql: isEmpty(stdout ?? '') ? '' : (stdout ?? '') };
  } finally {
    await pool.end();
  }
}

/** The engine reports its own breakdowns here before it traps. */
Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) } });

/** The part of the standard that is used here; Node's types leave it to the browser's. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

/** The module's JavaScript half remembers its memory, so there can be one instance only. */
let loading: Promise<void> | undefined;

/** Node 20 can't import WebAssembly, so the module is put together by hand. */
async function load(): Promise<void> {
  const path = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(readFileSync(path), {
    './schema_engine_bg.js': engine,
  });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
}

function isEmpty(script: string): boolean {
  return script
    .split('\n')
    .map((line) => line.trim())
    .every((line) => line === '' || line.startsWith('--'));
}
