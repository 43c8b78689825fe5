/** `npm start` with the real programs. What the supervisor does in detail is in supervisor.test.ts. @module */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandOf, identifyProcess } from '../../src/db/embedded/process-identity.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { builtPrograms } from '../support/process-child.ts';

let data: string;
let port: number;
let children: ChildProcess[];

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'russet-start-'));
  port = await freePort();
  children = [];
});

afterEach(async () => {
  for (const child of children) {
    const below = childrenOf(child);
    if (isRunning(child)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await eventually(() => below.every((pid) => !identifyProcess(pid)));
  }
  const location = join(data, 'postgres.location');
  if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true, force: true });
  rmSync(data, { recursive: true });
});

async function start(environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(builtPrograms, 'main/all-in-one.js')], {
    env: { ...process.env, RUSSET_DATA: data, PORT: String(port), LOG_LEVEL: 'info', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  await eventually(() => output.includes('Ctrl-C stops everything') || !isRunning(child), 30_000);
  return { child, output: () => output };
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await exited;
  return code;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function childrenOf(child: ChildProcess): number[] {
  const lines = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  return lines.flatMap((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return parent === child.pid ? [pid!] : [];
  });
}

async function ask(url: string, apiKey: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ query: '{ viewer { __typename } }' }),
  });
  return response.json();
}

test('answers with the key of the first start, keeps it over a restart, and ends in order', async () => {
  const first = await start();
  const sandbox = JSON.parse(readFileSync(join(data, 'sandbox.json'), 'utf8'));
  expect(first.output()).toContain(sandbox.apiKey);
  expect(existsSync(sandbox.tokenFile)).toBe(true);
  expect(statSync(data).mode & 0o077).toBe(0);
  expect(await ask(sandbox.graphqlUrl, sandbox.apiKey)).toMatchObject({ data: { viewer: expect.anything() } });
  expect(await stop(first.child)).toBe(0);
  expect(first.output()).toContain('Stopped.');

  const second = await start();
  expect(second.output()).not.toContain(sandbox.apiKey);
  expect(await ask(sandbox.graphqlUrl, sandbox.apiKey)).toMatchObject({ data: { viewer: expect.anything() } });
  expect(await stop(second.child)).toBe(0);
}, 60_000);

test('leaves no process behind when it is killed', async () => {
  const { child } = await start();
  const below = childrenOf(child);
  expect(below.length).toBeGreaterThanOrEqual(4);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await eventually(() => below.every((pid) => !identifyProcess(pid)), 15_000);
  const left = below.filter((pid) => identifyProcess(pid)).map((pid) => ({ pid, command: commandOf(pid) }));
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  expect(left).toEqual([]);
}, 60_000);

test('lists what is wrong with its settings', async () => {
  const { child, output } = await start({ PORT: 'abc', DATABASE_URL: 'mysql://elsewhere' });
  expect(child.exitCode).toBe(1);
  expect(output()).toContain('DATABASE_URL must be an address such as postgresql:');
  expect(output()).toContain('PORT must be a number from 1 to 65535');
});
