/** A sandbox and its simulated devices: connected once, found again on another port, and nobody's choice overruled. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/lib/logger.ts';
import { connectDevices } from '../../src/main/supervisor/connect-devices.ts';

/** What Russet has, where the simulator listens, and what was asked of both. */
let mdm: { baseUrl: string | null; webhook: { path: string } | null } | null;
let simulatorAt: string;
let asked: string[];
let folder: string;

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
  response.end(
    JSON.stringify(request.url === '/graphql' ? { data: russet(body) } : simulator(request.url ?? '', body)),
  );
});

function russet({ query, variables }: { query: string; variables?: { input: { baseUrl: string } } }): object {
  const name = /connectMdm|updateMdm/.exec(query)?.[0];
  if (!name) return { mdm };
  asked.push(`${name} ${variables?.input.baseUrl}`);
  mdm = { baseUrl: variables!.input.baseUrl, webhook: { path: '/mdm/x' } };
  return { [name]: { __typename: 'Payload' } };
}

function simulator(url: string, body: object): object {
  const verb = url.replace('/_admin/', '');
  if (verb === 'mdm.access') return { baseUrl: simulatorAt, apiKey: 'key' };
  asked.push(`${verb} ${JSON.stringify(body).includes('/mdm/x') ? 'webhook' : ''}`.trim());
  return {};
}

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'russet-test-'));
  mdm = null;
  simulatorAt = 'http://127.0.0.1:1001/mdm';
  return () => rmSync(folder, { recursive: true });
});

async function start(): Promise<string[]> {
  asked = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const addresses = { graphqlUrl: `${url}/graphql`, simulatorUrl: url, apiKey: 'rk', dataDirectory: folder };
  await connectDevices({ ...addresses, logger: silentLogger });
  return asked;
}

test('§5.1 a sandbox is connected once; on another port the devices are found again', async () => {
  expect(await start()).toEqual([`connectMdm ${simulatorAt}`, 'setOptions webhook', 'fleet.act']);
  expect(await start()).toEqual(['setOptions webhook']);
  simulatorAt = 'http://127.0.0.1:2002/mdm';
  expect(await start()).toEqual([`updateMdm ${simulatorAt}`, 'setOptions webhook']);
  expect(mdm?.baseUrl).toBe(simulatorAt);
  expect(await start()).toEqual(['setOptions webhook']);
});

test('§5.1 whoever removed the connection, or made another one, is not overruled', async () => {
  await start();
  mdm = { baseUrl: 'https://mdm.example.org', webhook: { path: '/mdm/x' } };
  simulatorAt = 'http://127.0.0.1:3003/mdm';
  expect(await start()).toEqual([]);
  mdm = null;
  expect(await start()).toEqual([]);
});
