import { getNamedType, isAbstractType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppCounts } from '../../src/domain/app/counts.ts';
import { ForbiddenError } from '../../src/domain/errors.ts';
import { globalId, nodeRights } from '../../src/graphql/ids.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { noNews, startApi, type TestApi } from '../http/support/api.ts';
import { openSocket } from '../http/support/socket.ts';
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

const schema = buildSchema();

let api: TestApi;
let organizationId: bigint;
let opened = 0;
const ids: Record<string, string> = {};

/** A stream that ends at once and counts how often it was opened. */
const counts = (): AsyncIterable<AppCounts> => {
  opened += 1;
  return noNews();
};

beforeAll(async () => {
  api = await startApi({
    streams: {
      licenseCounts: counts,
      tasks: counts as never,
      taskProgress: counts as never,
      tokenNotices: counts as never,
    },
  });
  organizationId = await api.organization();
  const { prisma } = api.services;
  const token = await addToken(prisma, organizationId);
  const app = await addApp(prisma, organizationId);
  const pool = await addPool(prisma, { organizationId, tokenId: token.id, appId: app.id });
  const device = await addDevice(prisma, organizationId, 'C02SECRET1');
  const license = await addLicense(prisma, pool, device);
  const group = await addGroup(prisma, organizationId);
  const task = await addTask(prisma, organizationId);
  const apiKey = await prisma.apiKey.create({
    data: { organizationId, name: 'k', hash: 'h', role: 'EMPLOYEE', scopes: [], createdAt: new Date() },
  });
  const audit = await prisma.auditEntry.create({
    data: { organizationId, at: new Date(), actor: 'key:1', action: 'token.upload' },
  });
  const user = await prisma.vppUser.create({
    data: { organizationId, tokenId: token.id, clientUserId: 'u', createdAt: new Date(), updatedAt: new Date() },
  });
  const seat = await addSeat(prisma, token, user);
  const notice = await addNotice(prisma, token);
  const plan = await addPlan(prisma, organizationId);
  Object.assign(ids, {
    Organization: globalId('Organization', organizationId),
    Token: globalId('Token', token.id),
    App: globalId('App', app.id),
    LicensePool: globalId('LicensePool', pool.id),
    Device: globalId('Device', device.id),
    DeviceGroup: globalId('DeviceGroup', group.id),
    License: globalId('License', license.id),
    SeatAssignment: globalId('SeatAssignment', seat.id),
    SeatSubscription: globalId('SeatSubscription', seat.subscriptionId),
    Task: globalId('Task', task.id),
    ApiKey: globalId('ApiKey', apiKey.id),
    AuditEntry: globalId('AuditEntry', audit.id),
    VppUser: globalId('VppUser', user.id),
    TokenNotice: globalId('TokenNotice', notice.id),
    Plan: globalId('Plan', plan.id),
  });
});
afterAll(() => api.close());

const roots = [
  'viewer { role }',
  'organization { name }',
  'tokens(first: 1) { totalCount }',
  'tokenNotices(first: 1) { totalCount }',
  'apps(first: 1) { totalCount }',
  'licenses(first: 1) { totalCount }',
  'devices(first: 1) { totalCount }',
  'deviceGroups(first: 1) { totalCount }',
  'tasks(first: 1) { totalCount }',
  'auditEntries(first: 1) { totalCount }',
  'apiKeys(first: 1) { totalCount }',
];
const nodeFields: Record<string, string> = {
  Organization: 'name',
  Token: 'label',
  App: 'adamId',
  LicensePool: 'total',
  Device: 'serialNumber',
  DeviceGroup: 'name',
  License: 'state',
  Task: 'kind',
  ApiKey: 'name',
  AuditEntry: 'action',
  VppUser: 'clientUserId',
  TokenNotice: 'message',
  Plan: 'actor',
};
const subscriptions = () => [
  `licenseCounts { used }`,
  `tasks { id }`,
  `taskProgress(taskId: "${ids.Task}") { cursor }`,
  `tokenNotices { cursor }`,
];

describe.each(['ADMINISTRATOR', 'APPSTORE_MANAGER'] as const)('S1 S2 %s may do everything', (role) => {
  let key: string;
  beforeAll(async () => {
    key = await api.key(organizationId, role);
  });

  test.each(roots)('S1 S2 reads %s', async (root) => {
    expect((await api.ask(key, `{ ${root} }`)).errors).toBeUndefined();
  });

  test('S1 S2 reads every kind of node', async () => {
    for (const [type, field] of Object.entries(nodeFields)) {
      const answer = await api.ask(key, `query($id: ID!) { node(id: $id) { id ... on ${type} { ${field} } } }`, {
        id: ids[type],
      });
      expect([type, answer.errors, answer.data?.node?.id]).toEqual([type, undefined, ids[type]]);
    }
  });

  test('S1 S2 writes', async () => {
    const answer = await api.ask(
      key,
      'mutation { updateOrganization(input: { timeZone: "Europe/Berlin" }) { __typename } }',
    );
    expect(answer.data.updateOrganization.__typename).toBe('UpdateOrganizationPayload');
  });

  test('S1 S2 subscribes', async () => {
    const socket = await openSocket(api, key);
    for (const field of subscriptions()) expect(await socket.collect(`subscription { ${field} }`)).toEqual([]);
    await socket.close();
  });
});

describe('S3 any other role is refused', () => {
  let key: string;
  beforeAll(async () => {
    key = await api.key(organizationId, 'EMPLOYEE');
  });
  const forbidden = { extensions: { code: 'FORBIDDEN' } };

  test.each(roots)('S3 on reading %s', async (root) => {
    const answer = await api.ask(key, `{ ${root} }`);
    expect(answer.errors?.[0]).toMatchObject(forbidden);
    expect(answer.data ?? null).toBeNull();
  });

  test('S3 nothing leaks through node(id:) or nodes(ids:)', async () => {
    for (const [type, field] of Object.entries(nodeFields)) {
      const one = await api.ask(key, `query($id: ID!) { node(id: $id) { __typename ... on ${type} { ${field} } } }`, {
        id: ids[type],
      });
      expect([type, one.errors?.[0]?.extensions.code, one.data?.node ?? null]).toEqual([type, 'FORBIDDEN', null]);
      const bare = await api.ask(key, 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: [ids[type]] });
      expect([type, bare.errors?.[0]?.extensions.code, bare.data?.nodes?.[0] ?? null]).toEqual([
        type,
        'FORBIDDEN',
        null,
      ]);
    }
  });

  test('S3 on writing, and nothing is changed', async () => {
    const before = await api.services.prisma.organization.findFirst({ where: { id: organizationId } });
    const answer = await api.ask(key, 'mutation { updateOrganization(input: { name: "Mine" }) { __typename } }');
    expect(answer.errors?.[0]).toMatchObject(forbidden);
    expect(await api.services.prisma.organization.findFirst({ where: { id: organizationId } })).toEqual(before);
  });

  test('S3 on subscribing, and no stream is opened', async () => {
    const socket = await openSocket(api, key);
    const before = opened;
    for (const field of subscriptions()) {
      const [answer] = await socket.collect(`subscription { ${field} }`);
      expect(answer?.errors?.[0]).toMatchObject(forbidden);
    }
    expect(opened).toBe(before);
    await socket.close();
  });
});

test('S3 a key of fewer rights gets what it may and a typed refusal for the rest', async () => {
  const key = await api.key(organizationId, 'ADMINISTRATOR', ['apps:read']);
  const answer = await api.ask(
    key,
    '{ apps(first: 1) { edges { node { adamId } } } viewer { organization { name } } }',
  );
  expect(answer.errors).toHaveLength(1);
  expect(answer.errors![0]).toMatchObject({
    path: ['viewer', 'organization'],
    extensions: { code: 'FORBIDDEN', required: 'organization:read' },
  });
});

describe('S3 no way to a type is left open', () => {
  const paths: [name: string, query: string][] = [
    ['a page of licenses', '{ licenses(first: 1) { edges { node { holder { ... on Device { serialNumber } } } } } }'],
    [
      'one license',
      'query($id: ID!) { node(id: $id) { ... on License { holder { ... on Device { serialNumber } } } } }',
    ],
  ];

  test.each(paths)(
    'S3 the device that holds a license needs the right to read devices, by way of %s',
    async (_name, query) => {
      const less = await api.key(organizationId, 'ADMINISTRATOR', ['licenses:read']);
      const refused = await api.ask(less, query, { id: ids.License });
      expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', required: 'devices:read' });
      expect(JSON.stringify(refused.data ?? null)).not.toContain('C02SECRET1');
      const both = await api.key(organizationId, 'ADMINISTRATOR', ['licenses:read', 'devices:read']);
      expect(JSON.stringify((await api.ask(both, query, { id: ids.License })).data)).toContain('C02SECRET1');
    },
  );

  test('S3 every field that leads to a guarded type asks first, or shows what was just written', () => {
    const context = { actor: { kind: 'API_KEY', role: 'EMPLOYEE', scopes: [] } };
    const open: string[] = [];
    let guarded = 0;
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type) || type.name.startsWith('__')) continue;
      for (const field of Object.values(type.getFields())) {
        const target = getNamedType(field.type);
        if (!Object.hasOwn(nodeRights, target.name) || field.extensions.written === true) continue;
        guarded += 1;
        try {
          field.resolve!({}, {}, context, {} as never);
          open.push(`${type.name}.${field.name}`);
        } catch (error) {
          if (!(error instanceof ForbiddenError)) open.push(`${type.name}.${field.name}: ${error}`);
        }
      }
    }
    expect(open).toEqual([]);
    expect(guarded).toBeGreaterThan(20);
  });

  test('S3 what leads to one of several types is known, each of them', () => {
    const several: string[] = [];
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type) || type.name.startsWith('__') || type.name === 'Mutation') continue;
      for (const field of Object.values(type.getFields()))
        if (isAbstractType(getNamedType(field.type))) several.push(`${type.name}.${field.name}`);
    }
    expect(several).toEqual(['License.holder', 'Query.node', 'Query.nodes']);
  });
});
