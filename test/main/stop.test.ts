/** How API and worker run and end on their own, without a supervisor. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let database: TestDatabase;
let env: Record<string, string>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const key = `k:${randomBytes(32).toString('base64')}`;
  env = { PATH: process.env.PATH!, HOME: root, DATABASE_URL: database.url, ENCRYPTION_KEYS: key, PORT: '0' };
}, 60_000);
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => database.drop());

interface Running {
  child: ChildProcess;
  output(): string;
  /** Sends SIGTERM; the exit code and the milliseconds that it took. */
  stop(): Promise<{ code: number | null; took: number }>;
}

/** Starts a command and waits for a line of its log. */
async function start(command: string[], line: string, more: Record<string, string> = {}): Promise<Running> {
  const [file, ...args] = command;
  const child = spawn(file!, args, { cwd: root, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text;
    });
  expect(await eventually(() => output.includes(line), 20_000), output).toBe(true);
  return {
    child,
    output: () => output,
    stop: async () => {
      const asked = performance.now();
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await exited;
      return { code, took: performance.now() - asked };
    },
  };
}

const npmRun = (script: string) => ['npm', 'run', '--silent', script];
const built = (program: string) => [process.execPath, `dist/main/${program}.js`];
const urlIn = (text: string) => new URL(/"url":"(http[^"]+)"/.exec(text)![1]!);
const ready = (base: URL) => fetch(new URL('/health/ready', base));

test('§4.1 npm run start:api and start:worker end in order when npm is told to', async () => {
  const api = await start(npmRun('start:api'), 'the API listens');
  const worker = await start(npmRun('start:worker'), 'the worker works');
  for (const program of [api, worker]) expect(await program.stop()).toMatchObject({ code: 0 });
  expect(api.output()).toContain('the API stops');
  expect(worker.output()).toContain('the worker stops');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const left = () =>
    client.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'russet%' AND datname = current_database()`,
    );
  expect(await eventually(async () => (await left()).rows.length === 0)).toBe(true);
  await client.end();
}, 60_000);

test.each([
  ['worker', 'the worker works'],
  ['api', 'the API listens'],
])(
  'G14 whoever read the output of the %s is gone: it goes on, and its stop does not hang',
  async (program, line) => {
    const { child, output, stop } = await start(built(program), line, { LOG_LEVEL: 'debug' });
    child.stdout!.destroy();
    child.stderr!.destroy();
    if (program === 'api') {
      const answers = Array.from({ length: 20 }, () => fetch(urlIn(output()), { method: 'POST' }));
      for (const answer of await Promise.all(answers)) expect(answer.status).toBe(401);
    }
    const { code, took } = await stop();
    expect(code).toBe(0);
    expect(took).toBeLessThan(5_000);
  },
  60_000,
);

test('G14 an API that is told to stop says so first: not ready for DRAIN_SECONDS, and still serving', async () => {
  const api = await start(built('api'), 'the API listens', { DRAIN_SECONDS: '2' });
  const url = urlIn(api.output());
  expect((await ready(url)).status).toBe(200);
  const stopped = api.stop();
  const isDraining = async () => (await ready(url)).status === 503;
  expect(await eventually(isDraining, 1_900)).toBe(true);
  expect((await fetch(url, { method: 'POST' })).status).toBe(401);
  expect((await fetch(new URL('/health/live', url))).status).toBe(200);
  const { code, took } = await stopped;
  expect(code).toBe(0);
  expect(took).toBeGreaterThanOrEqual(1_950);
  await expect(ready(url)).rejects.toThrow();
}, 60_000);

test('G14 an API is not ready while its listening connection is lost; a worker tells its health where it is asked to', async () => {
  const api = await start(built('api'), 'the API listens');
  const worker = await start(built('worker'), 'the worker works', { WORKER_HEALTH_PORT: '0' });
  const health = new URL(/"health":"(http[^"]+)"/.exec(worker.output())![1]!);
  expect(await (await ready(health)).json()).toEqual({ status: 'ok' });
  expect((await fetch(new URL('/health/live', health))).status).toBe(200);
  expect((await fetch(new URL('/graphql', health))).status).toBe(404);

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const url = urlIn(api.output());
  const seen: string[] = [];
  // The database lets nobody new in, so the lost connection stays lost.
  await client.query(`ALTER DATABASE ${client.escapeIdentifier(client.database!)} CONNECTION LIMIT 0`);
  try {
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'russet listen' AND datname = current_database()`,
    );
    const lost = async () => {
      const { status } = (await (await ready(url)).json()) as { status: string };
      seen.push(status);
      return status === 'live news do not arrive';
    };
    expect(await eventually(lost), seen.join()).toBe(true);
  } finally {
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(client.database!)} CONNECTION LIMIT -1`);
    await client.end();
  }
  expect(await eventually(async () => (await ready(url)).status === 200)).toBe(true);
  expect(await worker.stop()).toMatchObject({ code: 0 });
}, 60_000);
