import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readArguments } from '../../src/simulator/arguments.ts';
import { builtPrograms } from '../support/process-child.ts';

const program = join(builtPrograms, 'simulator/main.js');

it('F8 the program listens elsewhere when its port is taken, says where, and saves at SIGTERM', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  const { server, port } = await occupyPort();
  const stateFile = join(folder, 'state.json');
  const child = spawn(process.execPath, [program, '--port', String(port), '--seed', '3', '--state-file', stateFile], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    server.close();
    rmSync(folder, { recursive: true });
  });
  const message = await new Promise<{ type: string; url: string }>((resolve) => {
    child.once('message', (sent) => resolve(sent as { type: string; url: string }));
  });
  expect(message).toEqual({ type: 'ready', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  expect(message.url).not.toContain(`:${port}`);
  expect((await fetch(`${message.url}/mdm/v2/service/config`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  expect(JSON.parse(readFileSync(stateFile, 'utf8'))).toMatchObject({ seed: 3 });
}, 30_000);

it('F8 the command line is read with its defaults and refused when it is wrong', () => {
  expect(readArguments([])).toMatchObject({ port: 9501, host: '127.0.0.1', seed: 1, scenario: 'school-district' });
  const args = ['--licenses', '1000', '--devices', '50', '--page-size', '3', '--max-requests-per-second', '1000'];
  expect(readArguments(args)).toMatchObject({
    licenses: 1000,
    devices: 50,
    options: { pageSize: 3, limits: { maxRequestPerSecond: 1000 } },
  });
  expect(() => readArguments(['--page-size', 'x'])).toThrow('--page-size needs a whole number');
  expect(() => readArguments(['--pagesize', '3'])).toThrow();
});

async function occupyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}
