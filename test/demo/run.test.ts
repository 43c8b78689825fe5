import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/demo/report.ts';
import { type Processes, startProcesses } from '../support/processes.ts';
import { fencedBlocks } from './fenced-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const demo = join(root, 'dist/demo/main.js');

let processes: Processes;
/** A working directory with a `.data/sandbox.json`, as npm start leaves it. */
let folder: string;
let url: string;

beforeAll(async () => {
  processes = await startProcesses();
  const [api] = await Promise.all([processes.api(), processes.worker()]);
  folder = mkdtempSync(join(tmpdir(), 'russet-demo-'));
  url = api.url;
  const data = join(folder, '.data');
  mkdirSync(data);
  const tokenFile = join(data, 'own.vpptoken');
  writeFileSync(tokenFile, (await processes.simulator.token('own')).text);
  const simulatorUrl = processes.simulator.appleUrl.replace('/mdm/v2', '');
  const sandbox = { graphqlUrl: url, apiKey: processes.key, tokenFile, simulatorUrl };
  writeFileSync(join(data, 'sandbox.json'), JSON.stringify(sandbox));
});

afterAll(async () => {
  await processes?.close();
  if (folder) rmSync(folder, { recursive: true });
});

/** How to run a program. */
interface RunOptions {
  cwd?: string;
  input?: string;
  /** Sends `signal` when the output matches. */
  until?: RegExp;
  signal?: NodeJS.Signals;
}

/** Runs a program in the working directory, to its end. */
async function run(program: string, parameters: string[], options: RunOptions = {}) {
  const { cwd = folder, input, until, signal = 'SIGKILL' } = options;
  const child = spawn(program, parameters, {
    cwd,
    env: { PATH: process.env.PATH, RUSSET_DATA: join(folder, '.data') },
    // Without an input there is no stdin at all: bash takes a socket for a login from elsewhere.
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout!.on('data', (text) => {
    output += text;
    if (until?.test(output) && !child.killed) child.kill(signal);
  });
  child.stderr!.on('data', (text) => {
    errors += text;
  });
  child.stdin?.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output, errors };
}

const runDemo = (...parameters: string[]) => run(process.execPath, [demo, ...parameters]);

describe('npm run demo', () => {
  it('F1 S65 does the main job, and tells programs what it saw', async () => {
    const { code, output, errors } = await runDemo('--json');
    const report = JSON.parse(output) as Report;
    expect({ code, errors, error: report.error }).toEqual({ code: 0, errors: '', error: undefined });
    expect(report.token).toMatchObject({ renewed: false, state: 'ACTIVE' });
    expect(report.devices).toEqual({ created: 600, updated: 0, unchanged: 0 });
    expect(report.sync).toMatchObject({ state: 'SUCCEEDED', gapless: true });
    expect(report.apps).toHaveLength(42);
    expect(report.chosen).toMatchObject({ adamId: '9000000001', devices: 250 });
    const full = { total: 300, available: 300, used: 0, pending: 0 };
    const given = { total: 300, available: 50, used: 250, pending: 0 };
    expect(report.associate).toMatchObject({ before: full, after: given });
    expect(report.revoke).toMatchObject({ before: given, after: full });
    for (const { task, counts } of [report.associate!, report.revoke!]) {
      expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 250, failed: 0, gapless: true });
      expect(task.seqs).toEqual(task.seqs.map((_, index) => task.seqs[0]! + index));
      for (const { total, available, used } of counts) expect(available! + used).toBe(total);
    }
  });

  it('S17 does it again, and tidies up what an interrupted run left', async () => {
    const example = join(root, 'examples/associate.mjs');
    const left = (await processes.simulator.devices()).filter(
      ({ family, osVersion }) => family === 'IPAD' && Number.parseInt(osVersion, 10) >= 15,
    );
    const serials = left.slice(0, 60).map(({ serialNumber }) => serialNumber);
    expect(await run(process.execPath, [example, '9000000001', ...serials])).toMatchObject({ code: 0, errors: '' });
    const { code, output } = await runDemo();
    expect(output).toContain('60 licenses of this app that Russet gave out before are taken back first.');
    expect(output).toContain('✓ 250 licenses given out, confirmed by Apple');
    expect(output).toContain('after:  total 300 · available 300 · used 0');
    expect(output).toMatch(/events, none missing/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a file must not get any.
    expect(output).not.toMatch(/\u001b|\r/);
    expect(code).toBe(0);
  });

  it('ends in order when it is interrupted', async () => {
    const { code, output } = await run(process.execPath, [demo], { until: /Sync the library/, signal: 'SIGINT' });
    expect(output).toMatch(
      /✗ Stopped\.\n {2}What was begun goes on without this client; the next run tidies up\.\n\n$/,
    );
    expect(code).toBe(130);
  });

  it('says in plain words what was refused', async () => {
    const revoked = join(folder, 'revoked.vpptoken');
    writeFileSync(revoked, (await processes.simulator.token('revoked')).text);
    const { code, output } = await runDemo('--token-file', revoked);
    expect(code).toBe(1);
    expect(output).toMatch(/✗ The content token was refused and nothing was stored/);
    expect(output).toContain('code: INVALID_TOKEN_FILE');
  });

  it('says how to sign in when the key is not good', async () => {
    const { code, output } = await runDemo('--key', 'rk_wrong', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ ok: false, error: { code: 'UNAUTHENTICATED' } });
  });
});

describe('the commands of README.md', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const here = (text: string) => text.replaceAll('http://127.0.0.1:4000/graphql', url);

  it('work one after another in a shell', async () => {
    const blocks = fencedBlocks(readme, 'bash').filter((block) => !/^npm /.test(block));
    expect(blocks).toHaveLength(4);
    const { code, output, errors } = await run('bash', ['-eu', '-c', here(blocks.join('\n'))]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain('{"data":{"apps":{"totalCount":42');
    expect(output).toContain('"state":"SUCCEEDED"');
    expect(output).toContain('event: complete');
  });

  it('follow the counts by WebSocket', async () => {
    const [snippet = ''] = fencedBlocks(readme, 'js');
    const input = here(snippet.replace('ws://127.0.0.1:4000/graphql', url.replace('http', 'ws'))).replace(
      "'.data/sandbox.json'",
      JSON.stringify(join(folder, '.data/sandbox.json')),
    );
    const { output, errors } = await run(process.execPath, ['--input-type=module', '-'], {
      ...{ input, cwd: root, until: /Lantern Notes/ },
    });
    expect(errors).toBe('');
    expect(output).toMatch(/app: \{ name: 'Lantern Notes' \},\s+total: 300/);
  });
});

describe('examples/watch-task.mjs', () => {
  it('follows the newest task to its end', async () => {
    const { code, output, errors } = await run(process.execPath, [join(root, 'examples/watch-task.mjs')]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toMatch(/^\d+ {2}SUCCEEDED/m);
  });

  it('says what was refused', async () => {
    const { code, errors } = await run(process.execPath, [join(root, 'examples/watch-task.mjs'), 'VGFzazo5OTk=']);
    expect(code).toBe(1);
    expect(errors).toContain('NOT_FOUND');
  });
});
