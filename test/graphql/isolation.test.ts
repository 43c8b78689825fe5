import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { globalId, type NodeName, nodeRights } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import {
  addApp,
  addDevice,
  addGroup,
  addLicense,
  addNotice,
  addPlan,
  addPool,
  addSeat,
  addTask,
  addToken,
} from './rows.ts';

let api: TestApi;
let mine: string;
let theirs: string;
const ids = {} as Record<NodeName, string>;

beforeAll(async () => {
  api = await startApi();
  const { prisma } = api.services;
  const organizationId = await api.organization('Theirs');
  theirs = await api.key(organizationId);
  mine = await api.key(await api.organization('Mine'));
  const token = await addToken(prisma, organizationId);
  const app = await addApp(prisma, organizationId, { adamId: '42', name: 'Secret' });
  const pool = await addPool(prisma, { organizationId, tokenId: token.id, appId: app.id });
  const device = await addDevice(prisma, organizationId, 'SECRET');
  const license = await addLicense(prisma, pool, device);
  const group = await addGroup(prisma, organizationId);
  const task = await addTask(prisma, organizationId);
  const apiKey = await prisma.apiKey.findFirstOrThrow({ where: { organizationId } });
  const audit = await prisma.auditEntry.findFirstOrThrow({ where: { organizationId } });
  const user = await prisma.vppUser.create({
    data: { organizationId, tokenId: token.id, clientUserId: 'u', createdAt: new Date(), updatedAt: new Date() },
  });
  const seat = await addSeat(prisma, token, user);
  const notice = await addNotice(prisma, token);
  const rows = {
    Organization: { id: organizationId },
    Token: token,
    App: app,
    LicensePool: pool,
    Device: device,
    DeviceGroup: group,
    License: license,
    SeatAssignment: seat,
    SeatSubscription: { id: seat.subscriptionId },
    Task: task,
    ApiKey: apiKey,
    AuditEntry: audit,
    VppUser: user,
    TokenNotice: notice,
    Plan: await addPlan(prisma, organizationId),
  };
  for (const [name, row] of Object.entries(rows)) ids[name as NodeName] = globalId(name as NodeName, row.id);
});
afterAll(() => api.close());

test.each(Object.keys(nodeRights) as NodeName[])(
  'S3 the %s of another organization is null through node and nodes',
  async (name) => {
    const query = 'query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }';
    expect((await api.ask(theirs, query, { id: ids[name] })).data).toEqual({
      node: { id: ids[name] },
      nodes: [{ id: ids[name] }],
    });
    const answer = await api.ask(mine, query, { id: ids[name] });
    expect(answer).toMatchObject({ data: { node: null, nodes: [null] } });
    expect(answer.errors).toBeUndefined();
  },
);

test('S3 every field that takes an id finds nothing of another organization', async () => {
  const answer = await api.ask(
    mine,
    `query($token: ID!, $task: ID!, $app: ID!, $device: ID!, $group: ID!) {
      token(id: $token) { id } task(id: $task) { id } app(id: $app) { id } device(by: { id: $device }) { id }
      byAdamId: app(adamId: "42") { id } bySerial: device(by: { serialNumber: "SECRET" }) { id }
      apps(first: 10, tokenId: $token) { totalCount } licenses(first: 10, appId: $app) { totalCount }
      seatSubscriptions(first: 10, tokenId: $token) { totalCount } seatAssignments(first: 10, tokenId: $token) { totalCount }
      tasks(first: 10, tokenId: $token) { totalCount } devices(first: 10) { totalCount }
      deviceGroups(first: 10) { totalCount } deviceGroup(id: $group) { id }
      apiKeys(first: 10) { totalCount } auditEntries(first: 10) { totalCount } tokens(first: 10) { totalCount }
    }`,
    { token: ids.Token, task: ids.Task, app: ids.App, device: ids.Device, group: ids.DeviceGroup },
  );
  expect(answer.errors).toBeUndefined();
  expect(answer.data).toEqual({
    token: null,
    task: null,
    app: null,
    device: null,
    byAdamId: null,
    bySerial: null,
    apps: { totalCount: 0 },
    licenses: { totalCount: 0 },
    seatSubscriptions: { totalCount: 0 },
    seatAssignments: { totalCount: 0 },
    tasks: { totalCount: 0 },
    devices: { totalCount: 0 },
    deviceGroups: { totalCount: 0 },
    deviceGroup: null,
    apiKeys: { totalCount: 1 },
    auditEntries: { totalCount: 2 },
    tokens: { totalCount: 0 },
  });
});

test('S3 a cursor of another organization leads nowhere', async () => {
  const { data } = await api.ask(theirs, '{ devices(first: 1) { pageInfo { endCursor } } }');
  const answer = await api.ask(
    mine,
    'query($after: String) { devices(first: 1, after: $after) { edges { node { serialNumber } } } }',
    {
      after: data.devices.pageInfo.endCursor,
    },
  );
  expect(answer.data ?? { devices: { edges: [] } }).toEqual({ devices: { edges: [] } });
});

test('S3 no resolver reads a model past the bound client', () => {
  const sources = readdirSync('src/graphql').map(
    (name) => [name, readFileSync(`src/graphql/${name}`, 'utf8')] as const,
  );
  expect(sources.filter(([, text]) => /\bprisma\.[a-z]\w*\.|\bpool\b\.query/.test(text)).map(([name]) => name)).toEqual(
    [],
  );
});

test('S3 ids out of range or of no number lead to null', async () => {
  for (const text of ['Task:99999999999999999999', 'Task:9223372036854775807', 'Task:x', 'Task:-1', 'Organization:0']) {
    const answer = await api.ask(mine, 'query($id: ID!) { node(id: $id) { id } }', {
      id: Buffer.from(text).toString('base64'),
    });
    expect([text, answer.errors, answer.data]).toEqual([text, undefined, { node: null }]);
  }
});
