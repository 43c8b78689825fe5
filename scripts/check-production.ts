/**
 * Production as an operator has it: what docs/operations.md says, done step by step on a pruned installation against a
 * PostgreSQL of its own. Needs a built checkout. Nothing is left behind, and Apple is never called.
 *
 * Usage: npm run production:check
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../src/db/embedded/create-database.ts';
import { startEmbeddedPostgres } from '../src/db/embedded/start.ts';
import { silentLogger } from '../src/lib/logger.ts';
import { createFleet } from './lib/fleet.ts';
import { readSteps, shippedPaths } from './lib/operations-page.ts';
import { installPruned } from './lib/pruned-install.ts';
import { runShell } from './lib/run-shell.ts';

const page = readFileSync('docs/operations.md', 'utf8');
const began = performance.now();
const say = (text: string) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);

const folder = mkdtempSync(join(tmpdir(), 'russet-production-'));
const postgres = await startEmbeddedPostgres({
  dataDirectory: '.data',
  durable: false,
  port: 23_432,
  maxConnections: 100,
  logger: silentLogger,
});
const installation = join(folder, 'russet');
const env = {
  PATH: process.env.PATH!,
  HOME: process.env.HOME ?? folder,
  DATABASE_URL: postgres.url('russet'),
  ENCRYPTION_KEYS_FILE: join(folder, 'encryption.key'),
  PORT: '0',
  WORKER_HEALTH_PORT: '0',
};
const fleet = createFleet(installation, env);

try {
  await createDatabase(postgres.adminUrl, 'russet');
  await installPruned(shippedPaths(page), installation, env);
  say('a pruned installation, without development packages');
  let output = '';
  for (const { section, commands } of readSteps(page)) {
    const programs = commands.filter((command) => command.startsWith('npm run start:'));
    if (programs.length > 0) await fleet.start();
    else output += await runShell(commands.join('\n'), installation, env);
    if (section.startsWith('Replace')) await fleet.restart();
    if (fleet.isRunning()) await fleet.check(keyIn(output));
    say(`${section}: ${commands[0]}`);
  }
  if (!fleet.isRunning()) throw new Error('docs/operations.md starts nothing');
  await fleet.stop();
  say('all programs ended with exit code 0');
} finally {
  fleet.kill();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** The API key that was shown last. */
function keyIn(output: string): string {
  const key = output.match(/^rk_[\w-]{43}$/gm)?.at(-1);
  if (!key) throw new Error(`no API key was shown:\n${output}`);
  return key;
}
