import { afterAll, beforeAll, expect, test } from 'vitest';
import { school } from '../../src/simulator/index.ts';
import { eventually } from '../support/eventually.ts';
import type { Child } from '../support/process-child.ts';
import { createApiClient } from '../support/process-client.ts';
import { appId, eligible, endOfTask, listDevices, serials, startSync, uploadToken } from '../support/process-steps.ts';
import { type ApiProcess, type Processes, startProcesses } from '../support/processes.ts';

let processes: Processes;
let api: ApiProcess;
let worker: Child;

beforeAll(async () => {
  processes = await startProcesses({ simulator: ['--max-requests-per-second', '1000'] });
  api = await processes.api({ LOG_LEVEL: 'debug' });
  worker = await processes.worker({ LOG_LEVEL: 'debug' });
}, 60_000);
afterAll(() => processes.close());

interface Line {
  name: string;
  msg: string;
  correlationId?: string;
  [field: string]: unknown;
}

/** The lines of a process that carry the id. */
function linesOf(child: Child, correlationId: string): Line[] {
  const lines = child
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line).filter((line) => line.correlationId === correlationId);
}

/** The client, with a header on everything that it sends. */
function withHeader(name: string, value: string) {
  const client = createApiClient(api.url, api.key);
  client.send = async (query, variables) => {
    const response = await fetch(api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, [name]: value },
      body: JSON.stringify({ query, variables }),
    });
    expect(response.headers.get('x-correlation-id')).toBe(value);
    return { status: response.status, text: await response.text() };
  };
  client.ask = async <Data>(query: string, variables?: Record<string, unknown>) =>
    (JSON.parse((await client.send(query, variables)).text) as { data: Data }).data;
  return client;
}

test('G14 the id of a request stands in the lines of the API, of the worker, and of each call to Apple', async () => {
  const upload = withHeader('x-correlation-id', 'upload-0001');
  const tokenId = await uploadToken(upload, (await processes.simulator.token('own')).text);
  // The line of a request is written when its answer is out.
  const isLogged = (id: string) => linesOf(api.child, id).some((line) => line.msg === 'request');
  expect(await eventually(() => isLogged('upload-0001'))).toBe(true);
  expect(linesOf(api.child, 'upload-0001').map((line) => line.operation)).toContain('Client Config');
  // A proxy's own header will do.
  const syncTask = await startSync(withHeader('x-request-id', 'sync-0002'), tokenId);
  expect(await endOfTask(api, syncTask)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await eventually(() => isLogged('sync-0002'))).toBe(true);
  expect(linesOf(api.child, 'sync-0002')).toMatchObject([{ name: 'api', msg: 'request', status: 200, method: 'POST' }]);
  const operations = linesOf(worker, 'sync-0002').map((line) => line.operation);
  expect(operations).toEqual(expect.arrayContaining(['Get Assets', 'Get Assignments', 'Content Metadata Lookup']));

  const devices = eligible(await processes.simulator.devices()).slice(0, 6);
  await listDevices(api, devices);
  const app = await appId(api, school.exactly300);
  const mutation = `mutation ($input: AssociateLicensesInput!) {
    associateLicenses(input: $input) { ... on AssociateLicensesPayload { task { id } } } }`;
  const halves = [devices.slice(0, 3), devices.slice(3)];
  const tasks = await Promise.all(
    halves.map(async (half, index) => {
      const client = withHeader('x-correlation-id', `associate-${index}`);
      const input = { appIds: [app], target: { serialNumbers: serials(half) } };
      const answer = await client.ask<{ associateLicenses: { task: { id: string } } }>(mutation, { input });
      return answer.associateLicenses.task.id;
    }),
  );
  for (const [index, id] of tasks.entries()) {
    expect(await endOfTask(api, id)).toMatchObject({ state: 'SUCCEEDED', completed: 3 });
    // One writer serves both tasks in turns, and each call carries the id of its own.
    const calls = linesOf(worker, `associate-${index}`).filter((line) => line.msg === 'call to Apple');
    expect(calls.map((line) => line.operation)).toEqual(expect.arrayContaining(['Associate Assets', 'Event Status']));
    expect(calls.filter((line) => line.operation === 'Associate Assets')).toHaveLength(1);
    expect(new Set(calls.map((line) => line.job))).toEqual(new Set(['write-licenses']));
    const { rows } = await processes.db.query('SELECT correlation_id AS id FROM audit_entry WHERE action = $1', [
      'license.associate',
    ]);
    expect(rows).toContainEqual({ id: `associate-${index}` });
  }
}, 60_000);

test('G14 no field stands twice in a line', async () => {
  expect(await eventually(() => worker.output().includes('call to Apple'))).toBe(true);
  for (const child of [api.child, worker]) {
    for (const line of child
      .output()
      .split('\n')
      .filter((text) => text.startsWith('{')))
      expect(line.split('"correlationId":').length, line).toBeLessThanOrEqual(2);
  }
});
