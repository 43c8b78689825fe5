/** Lists inside a page: of many tokens, groups, people, apps and devices, read together. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { globalId } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import {
  addApp,
  addDevice,
  addEnrollment,
  addGroup,
  addLicense,
  addNotice,
  addPool,
  addSeat,
  addTask,
  addToken,
} from './rows.ts';
import { statementsOf } from './statements.ts';

let api: TestApi;
let key: string;
const owners = 4;
const each = 3;
const at = new Date('2026-03-01T11:00:00.000Z');

beforeAll(async () => {
  api = await startApi();
  const organizationId = await api.organization();
  key = await api.key(organizationId);
  const { prisma, pool: database } = api.services;
  for (let n = 0; n < owners; n++) {
    const token = await addToken(prisma, organizationId, { label: `T${n}`, position: n + 1 });
    const user = await prisma.vppUser.create({
      data: { organizationId, tokenId: token.id, clientUserId: `U${n}`, createdAt: at, updatedAt: at },
    });
    const group = await addGroup(prisma, organizationId, `G${n}`);
    const device = await addDevice(prisma, organizationId, `D${n}`);
    await addEnrollment(prisma, device, { bundleIds: ['c', 'a', 'b'].map((name) => `${name}${n}`), commands: each });
    for (let m = 0; m < each; m++) {
      const app = await addApp(prisma, organizationId, { name: `A${n}-${m}` });
      const pool = await addPool(prisma, { organizationId, tokenId: token.id, appId: app.id });
      await addLicense(prisma, pool, device);
      const pair = { organizationId, deviceId: device.id, appId: app.id, taskId: 1n };
      const since = { createdAt: at, changedAt: at };
      await prisma.appOperation.create({ data: { ...pair, ...since, kind: 'INSTALL', state: 'READY' } });
      await addNotice(prisma, token, BigInt(n * each + m + 1));
      await addSeat(prisma, token, user);
      const appId = m === 1 ? null : app.id;
      await prisma.tokenReserve.create({ data: { organizationId, tokenId: token.id, appId, seats: BigInt(n + 1) } });
      await prisma.groupQuota.create({ data: { organizationId, groupId: group.id, appId, seats: BigInt(n + 1) } });
      const [status, idHash] = m === 0 ? (['ASSOCIATED', 'hash'] as const) : (['RETIRED', null] as const);
      const seen = { firstSeenAt: at, changedAt: at };
      await prisma.vppUserRecord.create({ data: { organizationId, userId: user.id, status, idHash, ...seen } });
    }
  }
  await database.query(
    `INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, actor)
     SELECT organization_id, started_at, pool_id, id, 'FOUND', 1, 0, 'system:sync' FROM license`,
  );
}, 60_000);
afterAll(() => api.close());

/** The list, where it is, and what of an item is looked at. */
const lists: [list: string, field: string, item: string, totals?: false][] = [
  ['tokens', 'notices', 'id token { label }'],
  ['tokens', 'reserves', 'app { name } seats'],
  ['tokens', 'seatSubscriptions', 'id token { label }'],
  ['deviceGroups', 'quotas', 'app { name } seats used'],
  ['deviceGroups', 'devices', 'id'],
  ['vppUsers', 'history', 'status idHash'],
  ['vppUsers', 'devices', 'id'],
  ['vppUsers', 'seats', 'id vppUser { clientUserId }'],
  ['devices', 'timeline', 'licenseId app { name }', false],
  ['apps', 'timeline', 'licenseId app { name }', false],
  ['devices', 'commands', 'commandUuid kind state app { name } errors { domain number message }'],
  ['devices', 'operations', 'id kind state attempts cause { code } app { name } history { state }'],
  ['apps', 'operations', 'id state device { serialNumber } license { state }'],
  ['devices', 'installedApps', 'bundleId version source managed readAt app { name }'],
];

interface Page {
  totalCount?: number;
  edges: { cursor: string; node: object }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean };
}

test.each(lists)('F13 %s { %s } on a page of many takes as many statements as on a page of one', async (...asked) => {
  const [list, field, item, totals] = asked;
  const of = async (first: number, inside: string) => {
    const total = totals === false ? '' : 'totalCount';
    const page = `${field}(${inside}) { ${total} edges { cursor node { ${item} } } pageInfo { hasNextPage hasPreviousPage } }`;
    const { result, statements } = await statementsOf(() =>
      api.ask(key, `{ it: ${list}(first: ${first}) { edges { node { id ${page} } } } }`),
    );
    expect(result.errors).toBeUndefined();
    const pages = result.data.it.edges.map(({ node }: { node: Record<string, Page> }) => node[field]!) as Page[];
    return { pages, statements };
  };
  const one = await of(1, 'first: 10');
  const many = await of(owners, 'first: 10');
  // The first request signs the key in.
  expect(many.statements.length, many.statements.join('\n')).toBeLessThanOrEqual(one.statements.length);
  expect(many.pages[0]).toEqual(one.pages[0]);
  if (field === 'devices') return;
  const length = list === 'apps' ? 1 : each;
  for (const { totalCount, edges } of many.pages)
    expect([totalCount ?? length, edges.length]).toEqual([length, length]);
  // Nothing of one owner stands in the list of another.
  const texts = many.pages.flatMap(({ edges }) => edges.map(({ node }) => JSON.stringify(node)));
  if (/^id|^licenseId|^commandUuid|^bundleId/.test(item)) expect(new Set(texts).size).toBe(owners * length);
  if (length === 1) return;
  const [all] = many.pages;
  const [, second, third] = all!.edges;
  const behind = await of(1, `first: 1, after: "${all!.edges[0]!.cursor}"`);
  expect(behind.pages[0]).toMatchObject({ edges: [second], pageInfo: { hasNextPage: true, hasPreviousPage: true } });
  const before = await of(1, `last: 1, before: "${third!.cursor}"`);
  expect(before.pages[0]).toMatchObject({ edges: [second], pageInfo: { hasNextPage: true, hasPreviousPage: true } });
});

test('F13 a page of tokens, groups, devices or people with such a list takes three statements at most', async () => {
  const plain = ['tokens { notices }', 'tokens { reserves }', 'deviceGroups { quotas }', 'vppUsers { history }'];
  for (const text of [...plain, 'devices { timeline }', 'apps { timeline }']) {
    const [list, field] = text.split(/[ {}]+/);
    const { statements } = await statementsOf(() =>
      api.ask(key, `{ it: ${list}(first: 50) { edges { node { ${field}(first: 9) { edges { cursor } } } } } }`),
    );
    expect(statements.length, statements.join('\n')).toBeLessThanOrEqual(3);
  }
});

test('F13 enrollment of devices and installs of apps: one statement each for a page of any size', async () => {
  const read = (first: number) =>
    statementsOf(() =>
      api.ask(
        key,
        `{ devices(first: ${first}) { edges { node { serialNumber enrollment { state enrollmentId capabilities lastSeenAt } } } }
           apps(first: ${first}) { edges { node { name installed { devices versions { version devices } asOf } } } } }`,
      ),
    );
  const one = await read(1);
  const many = await read(owners);
  expect(many.result.errors).toBeUndefined();
  expect(many.statements.length, many.statements.join('\n')).toBeLessThanOrEqual(one.statements.length);
  // Two lists, two reads beside them, and perhaps the key.
  expect(many.statements.length).toBeLessThanOrEqual(5);
  expect(many.result.data.devices.edges[1].node).toEqual({
    serialNumber: 'D1',
    enrollment: {
      state: 'ENROLLED',
      enrollmentId: expect.stringMatching(/^U-/),
      capabilities: ['COMMANDS', 'VERSIONS'],
      lastSeenAt: at.toISOString(),
    },
  });
  expect(many.result.data.apps.edges[0].node.installed).toEqual({ devices: 0, versions: [], asOf: at.toISOString() });
});

test('S28 commands and operations in some states only, each list with its own length, and pages of it', async () => {
  const { prisma } = api.services;
  const organizationId = await api.organization();
  const reader = await api.key(organizationId);
  const task = await addTask(prisma, organizationId);
  const app = await addApp(prisma, organizationId, { name: 'Compass' });
  for (const [n, states] of [['READY', 'FAILED', 'FAILED'], ['FAILED'], ['READY']].entries()) {
    const device = await addDevice(prisma, organizationId, `F${n}`);
    await addEnrollment(prisma, device, { commands: n });
    const of = { organizationId, deviceId: device.id, appId: app.id, taskId: task.id, kind: 'INSTALL' as const };
    for (const state of states as ('READY' | 'FAILED')[])
      await prisma.appOperation.create({
        data: { ...of, createdAt: at, changedAt: at, state, endedAt: state === 'FAILED' ? at : null },
      });
  }
  const rest = '{ totalCount edges { cursor node { state } } pageInfo { hasNextPage } }';
  const read = async (page: string) => {
    const { data, errors } = await api.ask(
      reader,
      `{ task(id: "${globalId('Task', task.id)}") { operations(${page}) ${rest} }
         apps(first: 1) { edges { node { operations(${page}) ${rest} } } }
         devices(first: 3) { edges { node { failed: operations(states: [FAILED], first: 9) ${rest}
           some: commands(states: [FAILED, LOST], first: 9) ${rest} none: commands(states: [PLANNED], first: 9) ${rest} all: commands(first: 9) ${rest} } } } }`,
    );
    expect(errors).toBeUndefined();
    return { task: data.task.operations as Page, app: data.apps.edges[0].node.operations as Page, data };
  };
  const first = await read('states: [FAILED], first: 2');
  const failed = { node: { state: 'FAILED' } };
  for (const page of [first.task, first.app])
    expect(page).toMatchObject({ totalCount: 3, edges: [failed, failed], pageInfo: { hasNextPage: true } });
  const behind = await read(`states: [FAILED], first: 2, after: "${first.task.edges[1]!.cursor}"`);
  for (const page of [behind.task, behind.app])
    expect(page).toMatchObject({ totalCount: 3, edges: [failed], pageInfo: { hasNextPage: false } });
  expect((await read('states: [], first: 2')).task).toMatchObject({ totalCount: 0, edges: [] });
  expect((await read('first: 9')).app).toMatchObject({ totalCount: 5, edges: { length: 5 } });
  const lengths = first.data.devices.edges.map(({ node }: { node: Record<string, Page> }) =>
    ['failed', 'some', 'none', 'all'].map((list) => [node[list]!.totalCount, node[list]!.edges.length]),
  );
  const twice = (...counts: number[]) => counts.map((count) => [count, count]);
  expect(lengths).toEqual([twice(2, 0, 0, 0), twice(1, 1, 0, 1), twice(0, 2, 0, 2)]);
});

test('S28 installs are counted by version, whoever writes the lists; what is loading is not counted', async () => {
  const { prisma } = api.services;
  const organizationId = await api.organization();
  const reader = await api.key(organizationId);
  const app = await addApp(prisma, organizationId, { name: 'Counted' });
  const installed = async () => {
    const { data } = await api.ask(
      reader,
      '{ apps(first: 1) { edges { node { installed { devices versions { version externalVersionId devices } asOf } } } } }',
    );
    return data.apps.edges[0].node.installed;
  };
  expect(await installed()).toEqual({ devices: 0, versions: [], asOf: null });
  const at = new Date('2026-03-01T11:00:00.000Z');
  const put = async (serial: string, more: object) => {
    const device = await addDevice(prisma, organizationId, serial);
    const of = { organizationId, deviceId: device.id, bundleId: 'x', appId: app.id, changedAt: at };
    await prisma.installedApp.create({ data: { ...of, ...more } });
    return device.id;
  };
  const first = await put('C1', { shortVersion: '2.1', externalVersionId: '21' });
  await put('C2', { shortVersion: '2.1', externalVersionId: '21' });
  const third = await put('C3', { shortVersion: '2.0', externalVersionId: '20' });
  await put('C4', { shortVersion: 'x'.repeat(5_000) });
  const loading = await put('C5', { shortVersion: '2.1', externalVersionId: '21', installing: true });
  const newest = { version: '2.1', externalVersionId: '21' };
  const odd = { version: 'x'.repeat(100), externalVersionId: null, devices: 1 };
  const older = { version: '2.0', externalVersionId: '20' };
  expect(await installed()).toEqual({
    devices: 4,
    versions: [{ ...newest, devices: 2 }, odd, { ...older, devices: 1 }],
    asOf: null,
  });
  await prisma.installedApp.updateMany({ where: { organizationId, deviceId: loading }, data: { installing: false } });
  await prisma.installedApp.updateMany({
    where: { organizationId, deviceId: third },
    data: { shortVersion: '2.1', externalVersionId: '21' },
  });
  await prisma.installedApp.deleteMany({ where: { organizationId, deviceId: first } });
  expect(await installed()).toEqual({ devices: 4, versions: [{ ...newest, devices: 3 }, odd], asOf: null });
});

test('S28 a device shows the last enrollment that it had, and what a goodbye takes from it', async () => {
  const { prisma } = api.services;
  const organizationId = await api.organization();
  const reader = await api.key(organizationId);
  const device = await addDevice(prisma, organizationId, 'LEFT');
  const enrollment = async () => {
    const { data } = await api.ask(
      reader,
      '{ devices(first: 1) { edges { node { enrollment { state capabilities goneAt } } } } }',
    );
    return data.devices.edges[0].node.enrollment;
  };
  expect(await enrollment()).toBeNull();
  const { id } = await addEnrollment(prisma, device);
  await prisma.device.updateMany({ where: { organizationId }, data: { supervised: true } });
  await prisma.enrollment.updateMany({ where: { organizationId, id }, data: { timeZone: 'Europe/Berlin' } });
  const all = ['COMMANDS', 'SILENT_INSTALLS', 'VERSIONS', 'LOCAL_TIME'];
  expect(await enrollment()).toEqual({ state: 'ENROLLED', capabilities: all, goneAt: null });
  await prisma.enrollment.updateMany({ where: { organizationId, id }, data: { state: 'GONE', goneAt: at } });
  expect(await enrollment()).toEqual({ state: 'GONE', capabilities: [], goneAt: at.toISOString() });
});

test('F11 reserves and quotas: the number of all apps comes first', async () => {
  const answer = await api.ask(
    key,
    `{ tokens(first: 1) { edges { node { reserves(first: 1) { edges { node { app { id } seats } } } } } }
       deviceGroups(first: 1) { edges { node { quotas(first: 1) { edges { node { app { id } seats used } } } } } } }`,
  );
  expect(answer.data.tokens.edges[0].node.reserves.edges).toEqual([{ node: { app: null, seats: 1 } }]);
  expect(answer.data.deviceGroups.edges[0].node.quotas.edges).toEqual([{ node: { app: null, seats: 1, used: 0 } }]);
});
