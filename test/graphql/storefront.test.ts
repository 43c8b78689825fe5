/** The organization's app store as a holder sees it, with a key for nothing else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { globalId } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addApp, addDevice, addGroup, addLicense, addPool, addTask, addToken } from './rows.ts';

let api: TestApi;
let organizationId: bigint;
let key: string;
let tokenId: bigint;
let device: { id: bigint; serialNumber: string };
let names = 0;
const at = new Date('2026-03-01T11:00:00Z');

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  organizationId = await api.organization(`School ${++names}`);
  key = await api.key(organizationId, 'APPSTORE_MANAGER', ['storefront:use']);
  tokenId = (await addToken(api.services.prisma, organizationId)).id;
  device = await addDevice(api.services.prisma, organizationId, 'SHOP0001');
});

type Status = 'RELEASE' | 'REVIEW' | 'DEVELOPMENT';
interface Wanted {
  status?: Status;
  total?: bigint;
  platforms?: string[];
  deviceAssignable?: boolean;
  minimumOs?: string;
  revocable?: boolean;
}

async function offer(name: string, wanted: Wanted = {}) {
  const { prisma } = api.services;
  const app = await addApp(prisma, organizationId, { name, status: wanted.status ?? 'RELEASE' });
  const pool = await addPool(
    prisma,
    { organizationId, tokenId, appId: app.id },
    { total: wanted.total ?? 5n, deviceAssignable: wanted.deviceAssignable ?? true },
  );
  await prisma.licensePool.updateMany({
    where: { id: pool.id },
    data: { supportedPlatforms: wanted.platforms ?? ['iOS'], revocable: wanted.revocable ?? true },
  });
  if (wanted.minimumOs)
    await prisma.appMetadata.create({
      data: {
        organizationId,
        appId: app.id,
        storefront: 'DE',
        platform: 'ios',
        minimumOsVersion: wanted.minimumOs,
        deviceFamilies: [],
        fetchedAt: at,
      },
    });
  return { ...app, pool };
}

async function addUser(clientUserId: string) {
  return api.services.prisma.vppUser.create({
    data: { organizationId, tokenId, clientUserId, status: 'ASSOCIATED', createdAt: at, updatedAt: at },
  });
}

const fields = 'name status holderHasLicense licenseState available installed requestable refusal { code message }';
const shelf = async (holder: Record<string, string>, more = '', variables = {}) => {
  const answer = await api.ask(
    key,
    `query ($for: StoreHolderInput!) { storefront(for: $for, first: 50 ${more}) { totalCount edges { cursor node { ${fields} } } } }`,
    { for: holder, ...variables },
  );
  expect(answer.errors).toBeUndefined();
  expect(answer.data.storefront.totalCount).toBeGreaterThanOrEqual(answer.data.storefront.edges.length);
  return answer.data.storefront.edges.map((edge: { node: unknown }) => edge.node);
};
const ofDevice = () => ({ deviceId: globalId('Device', device.id) });
const nameOf = (apps: { name: string }[]) => apps.map(({ name }) => name);
const request = async (appId: bigint, holder: Record<string, string>, idempotencyKey?: string) => {
  const answer = await api.ask(
    key,
    `mutation ($input: RequestAppInput!) { requestApp(input: $input) { __typename
      ... on RequestAppPayload { outcome installs app { ${fields} } } ... on UserError { code message }
      ... on AppNotRequestableError { reason } ... on AppNotReleasedError { status } } }`,
    { input: { appId: globalId('App', appId), for: holder, idempotencyKey } },
  );
  expect(answer.errors).toBeUndefined();
  return answer.data.requestApp;
};

describe('S36 S47 the store of a holder', () => {
  test('S36 an app that a token holds is there without another call, once though two tokens hold it', async () => {
    const app = await offer('Birds');
    const other = await addToken(api.services.prisma, organizationId, { label: 'Other', position: 2 });
    await addPool(api.services.prisma, { organizationId, tokenId: other.id, appId: app.id });
    expect(await shelf(ofDevice())).toEqual([
      {
        name: 'Birds',
        status: 'RELEASE',
        holderHasLicense: false,
        licenseState: null,
        available: true,
        installed: null,
        requestable: true,
        refusal: null,
      },
    ]);
  });

  test('S39 S36 it shows what is for the holder: by status, platform and system; what is held is always there', async () => {
    await offer('Released');
    await offer('In review', { status: 'REVIEW' });
    await offer('In development', { status: 'DEVELOPMENT' });
    await offer('For Macs', { platforms: ['macOS'] });
    await offer('Too new', { minimumOs: '19.2' });
    await offer('Just right', { minimumOs: '18' });
    const held = await offer('Withdrawn', { status: 'DEVELOPMENT' });
    await addLicense(api.services.prisma, held.pool, device);
    expect(nameOf(await shelf(ofDevice()))).toEqual(['Just right', 'Released', 'Withdrawn']);
    const group = await addGroup(api.services.prisma, organizationId);
    await api.services.prisma.deviceGroupMember.create({
      data: { organizationId, groupId: group.id, deviceId: device.id },
    });
    await api.services.prisma.deviceGroup.updateMany({ where: { id: group.id }, data: { appStatuses: ['REVIEW'] } });
    expect(nameOf(await shelf(ofDevice()))).toEqual(['In review', 'Just right', 'Released', 'Withdrawn']);
    const user = await addUser('u-1');
    expect(nameOf(await shelf({ vppUserId: globalId('VppUser', user.id) }))).toEqual([
      'For Macs',
      'Just right',
      'Released',
      'Too new',
    ]);
  });

  test('S47 it says what the holder has, and why the rest can’t be requested, without a count', async () => {
    const held = await offer('Held', { total: 1n });
    await addLicense(api.services.prisma, held.pool, device);
    await api.services.prisma.licensePool.updateMany({ where: { id: held.pool.id }, data: { held: 1n } });
    await offer('People only', { deviceAssignable: false });
    await offer('Sold out', { total: 0n });
    const apps = await shelf(ofDevice());
    expect(apps).toMatchObject([
      {
        name: 'Held',
        holderHasLicense: true,
        licenseState: 'CONFIRMED',
        available: false,
        refusal: { code: 'ALREADY_LICENSED' },
      },
      { name: 'People only', requestable: false, available: false, refusal: { code: 'NOT_DEVICE_ASSIGNABLE' } },
      { name: 'Sold out', requestable: false, available: false, refusal: { code: 'NO_LICENSES_AVAILABLE' } },
    ]);
    expect(JSON.stringify(apps)).not.toMatch(/Main|\d{3}/);
  });

  test('S47 it says what the device has, once it has told', async () => {
    const app = await offer('There');
    await offer('Not there');
    const connection = await api.services.prisma.mdmConnection.create({
      data: { organizationId, kind: 'GRAPHQL', name: 'x', createdAt: at, updatedAt: at },
    });
    await api.services.prisma.enrollment.create({
      data: {
        organizationId,
        connectionId: connection.id,
        enrollmentId: 'E',
        state: 'ENROLLED',
        deviceId: device.id,
        listedAt: at,
      },
    });
    await api.services.prisma.installedApp.create({
      data: { organizationId, deviceId: device.id, bundleId: 'b', appId: app.id, changedAt: at },
    });
    expect(await shelf(ofDevice())).toMatchObject([{ installed: false }, { installed: true }]);
  });

  test('S36 it can be searched, ordered and paged', async () => {
    for (const name of ['Beta', 'alpha', 'Gamma']) await offer(name);
    expect(nameOf(await shelf(ofDevice(), ', search: "ALPH"'))).toEqual(['alpha']);
    expect(nameOf(await shelf(ofDevice(), ', orderBy: { field: NAME, direction: DESC }'))).toEqual([
      'Gamma',
      'Beta',
      'alpha',
    ]);
    expect(nameOf(await shelf(ofDevice(), ', orderBy: { field: FIRST_SEEN }'))).toEqual(['Beta', 'alpha', 'Gamma']);
    const page = (args: string) =>
      api.ask(
        key,
        `query ($for: StoreHolderInput!) { storefront(for: $for, ${args}) { pageInfo { endCursor hasNextPage } edges { node { name } } } }`,
        { for: ofDevice() },
      );
    const first = (await page('first: 2')).data.storefront;
    expect(first).toMatchObject({
      pageInfo: { hasNextPage: true },
      edges: [{ node: { name: 'alpha' } }, { node: { name: 'Beta' } }],
    });
    const next = (await page(`first: 2, after: "${first.pageInfo.endCursor}"`)).data.storefront;
    expect(next).toMatchObject({ pageInfo: { hasNextPage: false }, edges: [{ node: { name: 'Gamma' } }] });
  });
});

describe('S47 requestApp', () => {
  test('S47 gives the license on the holder’s behalf, audited with the holder; a second request answers with what is', async () => {
    const app = await offer('Birds');
    expect(await request(app.id, ofDevice())).toMatchObject({
      outcome: 'REQUESTED',
      installs: false,
      app: { holderHasLicense: true, licenseState: 'REQUESTED', requestable: false },
    });
    expect(await request(app.id, ofDevice())).toMatchObject({
      outcome: 'ALREADY_LICENSED',
      app: { holderHasLicense: true },
    });
    expect(await api.services.prisma.license.count({ where: { organizationId } })).toBe(1);
    const entries = await api.services.prisma.auditEntry.findMany({
      where: { organizationId, action: { in: ['storefront.request', 'license.associate'] } },
    });
    expect(entries).toMatchObject([{ action: 'storefront.request', subject: `device:${device.id}` }]);
  });

  test('S47 F12 one key, five times at once: one license, one answer; two requests at once without a key too', async () => {
    const app = await offer('Birds');
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => request(app.id, ofDevice(), 'k')));
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(5).fill('REQUESTED'));
    const other = await offer('Bees');
    const twice = await Promise.all([1, 2].map(() => request(other.id, ofDevice())));
    expect(twice.map(({ outcome }) => outcome).sort()).toEqual(['ALREADY_LICENSED', 'REQUESTED']);
    expect(await request(other.id, ofDevice(), 'k')).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await api.services.prisma.license.count({ where: { organizationId } })).toBe(2);
  });

  test('S47 F12 a key answers again what it answered first, whatever became of it since', async () => {
    const { prisma } = api.services;
    const app = await offer('Birds');
    const wait = {
      organizationId,
      appId: app.id,
      deviceId: device.id,
      priority: 0,
      createdAt: at,
      message: 'None is free.',
    };
    const task = await addTask(prisma, organizationId);
    await prisma.licenseWait.create({
      data: { ...wait, taskId: task.id, reason: 'NO_LICENSES_AVAILABLE', expiresAt: new Date('2036-01-01') },
    });
    expect(await request(app.id, ofDevice(), 'k')).toMatchObject({ outcome: 'ALREADY_WAITING' });
    await prisma.licenseWait.deleteMany({ where: { organizationId } });
    expect(await request(app.id, ofDevice(), 'k')).toMatchObject({ outcome: 'ALREADY_WAITING' });
    expect(await request(app.id, ofDevice())).toMatchObject({ outcome: 'REQUESTED' });
    expect(await request(app.id, ofDevice(), 'k')).toMatchObject({ outcome: 'ALREADY_WAITING' });
  });

  test('S47 S39 what the store refuses is refused, with the reason that it showed', async () => {
    const dry = await offer('Sold out', { total: 0n });
    expect(await request(dry.id, ofDevice())).toMatchObject({
      code: 'APP_NOT_REQUESTABLE',
      reason: 'NO_LICENSES_AVAILABLE',
    });
    const hidden = await offer('In review', { status: 'REVIEW' });
    expect(await request(hidden.id, ofDevice())).toMatchObject({ code: 'APP_NOT_RELEASED', status: 'REVIEW' });
    await api.services.prisma.token.updateMany({ where: { id: tokenId }, data: { condition: 'REVOKED' } });
    const app = await offer('Birds');
    expect(await request(app.id, ofDevice())).toMatchObject({ code: 'APP_NOT_REQUESTABLE', reason: 'NOT_OFFERED' });
    expect(await request(app.id, { deviceId: globalId('Device', 999_999n) })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await api.services.prisma.license.count({ where: { organizationId } })).toBe(0);
  });

  test('S47 a person gets a license from their own token; what Apple never takes back is left to people', async () => {
    const user = await addUser('u-1');
    const holder = { vppUserId: globalId('VppUser', user.id) };
    const app = await offer('Birds');
    const book = await offer('A book', { revocable: false });
    expect(await request(app.id, holder)).toMatchObject({
      outcome: 'REQUESTED',
      app: { holderHasLicense: true, installed: null },
    });
    expect(await request(book.id, holder)).toMatchObject({ reason: 'CONFIRMATION_REQUIRED' });
    expect(await request(app.id, holder)).toMatchObject({ outcome: 'ALREADY_LICENSED' });
  });
});

describe('S3 a key with storefront:use alone', () => {
  test.each([
    'apps(first: 1) { totalCount }',
    'devices(first: 1) { totalCount }',
    'tasks(first: 1) { edges { node { id } } }',
    'tokens(first: 1) { edges { node { id } } }',
  ])('S3 can’t read %s', async (field) => {
    const answer = await api.ask(key, `{ ${field} }`);
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('S3 can’t give licenses in another way, nor reach what it gave as a node; and other keys can’t look into stores', async () => {
    const app = await offer('Birds');
    const answer = await api.ask(
      key,
      `mutation { associateLicenses(input: { appIds: ["${globalId('App', app.id)}"], target: { deviceIds: ["${globalId('Device', device.id)}"] } }) { __typename } }`,
    );
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    const node = await api.ask(key, `{ node(id: "${globalId('Device', device.id)}") { id } }`);
    expect(node.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    const reader = await api.key(organizationId, 'APPSTORE_MANAGER', ['apps:read', 'devices:read', 'licenses:read']);
    const store = await api.ask(
      reader,
      'query ($for: StoreHolderInput!) { storefront(for: $for, first: 1) { totalCount } }',
      { for: ofDevice() },
    );
    expect(store.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('S3 sees no device of another organization', async () => {
    const own = device;
    const stranger = await addDevice(api.services.prisma, await api.organization('Other'), 'SHOP0002');
    const answer = await api.ask(
      key,
      'query ($for: StoreHolderInput!) { storefront(for: $for, first: 1) { totalCount } }',
      {
        for: { deviceId: globalId('Device', stranger.id) },
      },
    );
    expect(answer.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    expect(own.id).not.toBe(stranger.id);
  });
});
