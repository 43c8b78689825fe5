import { describe, expect, it } from 'vitest';
import { plainApps, school, schoolDistrict, schoolUnits } from '../../src/simulator/index.ts';
import { bench } from './support.ts';

const uId = schoolUnits.own;

async function overHttp(settings: Parameters<typeof bench>[0] = {}) {
  const tools = await bench(settings);
  const verb = async (name: string, payload?: unknown) => {
    const body = payload === undefined ? undefined : JSON.stringify(payload);
    const response = await fetch(`${tools.url}/_admin/${name}`, { method: body === undefined ? 'GET' : 'POST', body });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> & { length?: number } };
  };
  return { ...tools, verb };
}

describe('F8 admin over HTTP', () => {
  it('F8 every verb of the object has a route', async () => {
    const { verb, admin } = await overHttp();
    const { status, body } = await verb('nonsense');
    expect(status).toBe(404);
    const expected = Object.entries(admin).flatMap(([name, verb]) =>
      typeof verb === 'function' ? [name] : Object.keys(verb).map((inner) => `${name}.${inner}`),
    );
    expect([...(body.verbs as string[])].sort()).toEqual(expected.sort());
  });

  it('F8 what it shows', async () => {
    const { verb } = await overHttp();
    expect((await verb('tokens')).body).toHaveLength(7);
    expect((await verb('devices')).body).toHaveLength(600);
    expect((await verb(`users?uId=${uId}`)).body).toHaveLength(3);
    expect((await verb('catalog')).body).toHaveLength(42);
    expect((await verb('options')).body).toMatchObject({ pageSize: 1000, limits: { maxAssets: 25 } });
    expect((await verb('tokenFile?name=own')).body.text).toMatch(/^[\w+/=]+$/);
    expect((await verb(`truth?uId=${uId}`)).body).toMatchObject({ uId, mdmInfo: null });
  });

  it('F8 what it changes', async () => {
    const { verb, asset, ask } = await overHttp();
    const key = { uId, adamId: school.twentyFive };
    expect((await verb('purchase', { ...key, count: 5 })).body).toMatchObject({ total: 30, available: 30 });
    await verb('assign', { ...key, serialNumber: 'S1' });
    await verb('assign', { ...key, serialNumber: 'S2' });
    await verb('unassign', { ...key, serialNumber: 'S1' });
    await verb('setAsset', { ...key, deviceAssignable: false, retired: 2 });
    expect(await asset(key.adamId)).toMatchObject({
      assignedCount: 1,
      totalCount: 30,
      deviceAssignable: false,
      retiredCount: 2,
    });
    await verb('purchase', { ...key, count: -30 });
    expect(await asset(key.adamId)).toMatchObject({ assignedCount: 1, totalCount: 0, availableCount: 0 });
    await verb('removeAsset', key);
    expect((await ask(`/assets?adamId=${key.adamId}`)).body.assets).toEqual([]);
    expect((await ask('/assignments?serialNumber=S2')).body.assignments).toEqual([]);
    await verb('addAsset', { ...key, total: 3 });
    expect(await asset(key.adamId)).toMatchObject({ assignedCount: 0, totalCount: 3 });
    await verb('setMdmInfo', { uId, mdmInfo: { id: 'x', name: 'X', metadata: '' } });
    expect((await ask('/assets')).body.mdmInfo).toMatchObject({ id: 'x' });
    await verb('setMdmInfo', { uId, mdmInfo: null });
    expect((await ask('/assets')).body.mdmInfo).toBeUndefined();
    await verb('setUser', { uId, clientUserId: 'new', status: 'Registered', email: 'n@riverbend.example' });
    expect((await ask('/users?clientUserId=new')).body.users).toMatchObject([{ status: 'Registered' }]);
    expect((await verb('issueToken', { name: 'own', as: 'fresh' })).body).toMatchObject({ uId, state: 'valid' });
    expect((await verb('revokeToken', { name: 'fresh' })).body.state).toBe('revoked');
  });

  it('F8 faults, options, clock, journal and scenarios', async () => {
    const { verb, ask, admin } = await overHttp();
    const order = { match: { operation: 'getUsers' }, fault: { kind: 'error', errorNumber: 9603 } };
    const { id } = (await verb('faults/add', order)).body;
    expect((await ask('/users')).status).toBe(500);
    expect((await verb('faults.list')).body).toHaveLength(1);
    await verb('faults.clear', { id });
    expect((await ask('/users')).status).toBe(200);
    expect(
      (await verb('setOptions', { pageSize: 3, limits: { maxAssets: 2 }, retryAfterOn429: null })).body,
    ).toMatchObject({
      pageSize: 3,
      limits: { maxAssets: 2, maxUsers: 100 },
    });
    await verb('advance', { milliseconds: 60_000 });
    await ask('/users');
    expect(admin.journal().at(-1)?.at).toBe('2026-11-24T08:01:00.000Z');
    expect((await verb('journal?operation=getUsers&limit=2')).body).toHaveLength(2);
    await verb('clearJournal');
    expect((await verb('journal')).body).toHaveLength(0);
    expect((await verb('loadScenario', { scenario: 'large', licenses: 50, devices: 20 })).body.name).toBe(
      'school-district-50-20',
    );
    const scenario = { ...schoolDistrict(), name: 'mine', organizationalUnits: [], tokens: [], devices: [] };
    expect((await verb('loadScenario', { scenario })).body.name).toBe('mine');
    expect(admin.tokens()).toEqual([]);
    await verb('reset');
    expect(admin.devices()).toEqual([]);
  });

  it.each([
    ['purchase', { uId, adamId: school.book }],
    ['purchase', { uId: '1', adamId: school.book, count: 1 }],
    ['assign', { uId, adamId: school.book }],
    ['assign', { uId, adamId: school.usedUp, serialNumber: 'S1' }],
    ['setOptions', { pageSize: 'many' }],
    ['setOptions', { pagesize: 3 }],
    ['setOptions', { eventOrder: 'backwards' }],
    ['faults.add', { fault: { kind: 'meteor' } }],
    ['loadScenario', { scenario: 'moon' }],
    ['issueToken', {}],
    ['issueToken', { name: 'own', expDate: 'soon' }],
    ['setMetadata', { adamId: '1' }],
  ])('F8 a wrong payload of %s is a 400 that says why: %j', async (name, payload) => {
    const { verb } = await overHttp();
    expect(await verb(name, payload)).toMatchObject({ status: 400, body: { error: expect.stringMatching(/./) } });
  });
});

describe('F8 journal', () => {
  it('F8 sums up requests and never holds a secret', async () => {
    const { ask, admin } = await bench({ testNotification: 'skipped' });
    await ask('/assets/associate', {
      json: { assets: [{ adamId: school.twentyFive }], serialNumbers: ['S1', 'S2'], clientUserIds: [] },
    });
    await ask('/client/config', { json: { notificationUrl: 'https://m.example', notificationAuthToken: 'hush-hush' } });
    await ask('/assets?adamId=5', { token: 'expired' });
    const entries = admin.journal();
    expect(entries).toMatchObject([
      {
        n: 1,
        at: '2026-11-24T08:00:00.000Z',
        operation: 'associateAssets',
        method: 'POST',
        path: '/mdm/v2/assets/associate',
        status: 200,
        uId,
        eventId: expect.any(String),
        body: { assets: 1, serialNumbers: 2, clientUserIds: 0, adamIds: [school.twentyFive], serials: ['S1', 'S2'] },
      },
      { n: 2, operation: 'setClientConfig', body: { fields: ['notificationUrl', 'notificationAuthToken'] } },
      { n: 3, operation: 'getAssets', query: { adamId: '5' }, status: 401, errorNumber: 9621 },
    ]);
    const text = JSON.stringify(entries);
    expect(text).not.toContain('hush-hush');
    expect(text).not.toContain(admin.tokenFile('own').slice(0, 30));
    expect(admin.journal({ since: 2 })).toHaveLength(1);
  });
});

describe('F8 school district', () => {
  it('F8 has the libraries, apps, books and devices it promises', async () => {
    const { admin } = await bench();
    const own = admin.truth({ uId });
    const asset = (adamId: string) => own.assets.find((row) => row.adamId === adamId);
    expect(admin.tokens().map((token) => [token.name, token.state])).toEqual([
      ['own', 'valid'],
      ['district', 'valid'],
      ['expired', 'expired'],
      ['revoked', 'revoked'],
      ['read-only', 'readOnly'],
      ['foreign', 'valid'],
      ['business', 'valid'],
    ]);
    expect(own.assets.filter((row) => row.productType === 'App')).toHaveLength(40);
    expect(asset(school.oneSeat)).toMatchObject({ total: 1, available: 1 });
    expect(asset(school.exactly300)).toMatchObject({ total: 300, available: 300 });
    expect(asset(school.usedUp)).toMatchObject({ total: 30, available: 0 });
    expect(asset(school.partlyRetired)).toMatchObject({ total: 90, retired: 10 });
    expect(asset(school.book)).toMatchObject({ assigned: 1, revocable: false, deviceAssignable: false });
    expect(asset(plainApps[0]!)).toMatchObject({ unlimited: true, assigned: 12 });
    const district = admin.truth({ uId: schoolUnits.district });
    expect(district.assets.find((row) => row.adamId === school.fallThrough)).toMatchObject({
      total: 5000,
      assigned: 4,
    });
    expect(admin.truth({ uId: schoolUnits.foreign }).mdmInfo).toMatchObject({ name: 'Another MDM' });
  });

  it('F8 has 420 iPads, 120 iPhones and 60 Apple TVs with serial numbers of their own', async () => {
    const { admin } = await bench();
    const devices = admin.devices();
    const count = (family: string) => devices.filter((device) => device.family === family).length;
    expect([count('IPAD'), count('IPHONE'), count('APPLE_TV'), count('MAC')]).toEqual([420, 120, 60, 0]);
    expect(new Set(devices.map((device) => device.serialNumber)).size).toBe(600);
    expect(devices.some((device) => device.osVersion.startsWith('8.'))).toBe(true);
  });

  it('F8 uses invented ids from 9000000001 up, and names the source of every other', async () => {
    const { admin } = await bench();
    for (const item of admin.catalog()) {
      if (item.source === undefined) expect(Number(item.adamId)).toBeGreaterThanOrEqual(9000000001);
      if (item.source === undefined)
        for (const { bundleId } of item.variants) expect(bundleId).toMatch(/^example\.invented\./);
    }
    expect(admin.catalog().filter((item) => item.source !== undefined)).toHaveLength(1);
  });
});
