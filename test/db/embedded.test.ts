import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareBinaries } from '../../src/db/embedded/binaries.ts';
import { openTemporaryHome } from '../../src/db/embedded/home.ts';
import { readPostmasterFile } from '../../src/db/embedded/postmaster-file.ts';
import { identifyProcess } from '../../src/db/embedded/process-identity.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded/start.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { eventually } from '../support/eventually.ts';

const holder = new URL('../support/programs/hold-postgres.mjs', import.meta.url).pathname;

let dataDirectory: string;
const started: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'russet-data-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const postgres of started.splice(0)) {
    await postgres.stop();
    rmSync(postgres.home, { recursive: true, force: true });
  }
  rmSync(dataDirectory, { recursive: true });
});

async function start(options: { durable: boolean; port?: number }): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDirectory, logger: silentLogger, ...options });
  started.push(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

interface Held {
  child: ChildProcess;
  home: string;
  adminUrl: string;
  postmaster: number;
}

/** A PostgreSQL that belongs to another process. */
async function hold(durability: 'durable' | 'temporary'): Promise<Held> {
  const child = fork(holder, [dataDirectory, durability]);
  children.push(child);
  const [{ home, adminUrl }] = (await once(child, 'message')) as [{ home: string; adminUrl: string }];
  return { child, home, adminUrl, postmaster: readPostmasterFile(join(home, 'data'))!.pid };
}

function kill(child: ChildProcess): Promise<unknown> {
  child.kill('SIGKILL');
  return once(child, 'exit');
}

function processes(): { pid: number; parent: number; group: number; command: string }[] {
  const lines = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,args='], { encoding: 'utf8' }).stdout.split('\n');
  return lines.map((line) => {
    const [pid, parent, group, ...command] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), group: Number(group), command: command.join(' ') };
  });
}

describe('a temporary server', () => {
  test('takes connections with its password, in UTF-8 and UTC, from this machine only', async () => {
    const postgres = await start({ durable: false });
    expect(
      await query(
        postgres.adminUrl,
        `SELECT current_setting('server_encoding') AS encoding,
      current_setting('TimeZone') AS zone, current_setting('listen_addresses') AS listen,
      current_setting('unix_socket_directories') AS sockets, upper('ä') AS upper`,
      ),
    ).toEqual([{ encoding: 'UTF8', zone: 'UTC', listen: '127.0.0.1', sockets: '', upper: 'Ä' }]);
    const wrong = new URL(postgres.adminUrl);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  test('is gone with its folder when it is stopped, twice is once', async () => {
    const postgres = await start({ durable: false });
    const { pid } = readPostmasterFile(join(postgres.home, 'data'))!;
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.exited;
    expect(identifyProcess(pid)).toBeUndefined();
    expect(existsSync(postgres.home)).toBe(false);
  });

  test('takes another port when the wanted one is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const postgres = await start({ durable: false, port });
    squatter.close();
    expect(postgres.port).not.toBe(port);
    expect(postgres.port).toBeLessThan(32_768);
    expect(await query(postgres.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a lasting server', () => {
  test('keeps data and password, and writes down where it is', async () => {
    const first = await start({ durable: true });
    await query(first.adminUrl, 'CREATE TABLE kept (id int)');
    await first.stop();
    const second = await start({ durable: true });
    expect(
      await query(second.adminUrl, `SELECT to_regclass('kept') AS kept, current_setting('fsync') AS fsync`),
    ).toEqual([{ kept: 'kept', fsync: 'on' }]);
    expect(second.home).toBe(first.home);
    expect(readFileSync(join(dataDirectory, 'postgres.location'), 'utf8').trim()).toBe(first.home);
    expect(statSync(join(first.home, 'password')).mode & 0o777).toBe(0o600);
  });

  test('starts over what a killed initdb left behind', async () => {
    const first = await start({ durable: true });
    await first.stop();
    rmSync(join(first.home, 'data'), { recursive: true });
    mkdirSync(join(first.home, 'data.unfinished'));
    writeFileSync(join(first.home, 'data.unfinished', 'PG_VERSION'), '18\n');
    const second = await start({ durable: true });
    expect(await query(second.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('is not misled by the file of a server whose number another process has got', async () => {
    const first = await start({ durable: true });
    await first.stop();
    const { uid, gid } = statSync(first.home);
    const other = spawn('sleep', ['60'], { uid, gid });
    children.push(other);
    writeFileSync(join(first.home, 'data', 'postmaster.pid'), `${other.pid}\n${join(first.home, 'data')}\n`);
    const second = await start({ durable: true });
    expect(await query(second.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(identifyProcess(other.pid!)).toBeDefined();
  });

  test('refuses data of another major version', async () => {
    const first = await start({ durable: true });
    await first.stop();
    writeFileSync(join(first.home, 'data', 'PG_VERSION'), '12\n');
    await expect(start({ durable: true })).rejects.toMatchObject({ code: 'DATA_OF_ANOTHER_VERSION' });
  });

  test('refuses data that another process is using', async () => {
    const held = await hold('durable');
    await expect(start({ durable: true })).rejects.toMatchObject({
      code: 'DATA_IN_USE',
      message: expect.stringContaining(`process ${held.child.pid}`),
    });
    await kill(held.child);
    expect(await eventually(() => !identifyProcess(held.postmaster))).toBe(true);
    rmSync(held.home, { recursive: true });
  });
});

describe('when the process that started it is killed', () => {
  test('the server ends within seconds and takes its temporary folder along', async () => {
    const held = await hold('temporary');
    expect(identifyProcess(held.postmaster)).toBeDefined();
    const busy = query(held.adminUrl, 'SELECT pg_sleep(60)').catch((error: Error) => error.message);
    const asleep = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'";
    expect(await eventually(async () => (await query(held.adminUrl, asleep)).length > 0)).toBe(true);
    await kill(held.child);
    const killed = performance.now();
    expect(await eventually(() => !identifyProcess(held.postmaster))).toBe(true);
    expect(performance.now() - killed).toBeLessThan(3_000);
    expect(await eventually(() => !existsSync(held.home))).toBe(true);
    expect(await busy).toMatch(/terminat|ECONNRESET/);
  });

  test('a server that outlived even its guard is stopped by the next start', async () => {
    const held = await hold('durable');
    const guards = processes().filter(
      ({ parent, command }) => parent === held.child.pid && command.includes('cat >/dev/null'),
    );
    expect(guards).toHaveLength(1);
    process.kill(guards[0]!.pid, 'SIGKILL');
    await kill(held.child);
    expect(identifyProcess(held.postmaster)).toBeDefined();
    const postgres = await start({ durable: true });
    expect(identifyProcess(held.postmaster)).toBeUndefined();
    expect(await query(postgres.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('Ctrl-C in its terminal does not reach the server before it', async () => {
    const held = await hold('temporary');
    const groups = new Map(processes().map(({ pid, group }) => [pid, group]));
    expect(groups.get(held.postmaster)).toBeDefined();
    expect(groups.get(held.postmaster)).not.toBe(groups.get(held.child.pid!));
  });
});

test('a platform without binaries gets one line that names the way out', () => {
  const arch = Object.getOwnPropertyDescriptor(process, 'arch')!;
  const home = openTemporaryHome();
  try {
    Object.defineProperty(process, 'arch', { ...arch, value: 'mips' });
    expect(() => prepareBinaries(home)).toThrow(/no embedded PostgreSQL for .*-mips .* Set DATABASE_URL/);
  } finally {
    Object.defineProperty(process, 'arch', arch);
    rmSync(home.path, { recursive: true });
  }
});
