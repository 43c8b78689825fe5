import { expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { credential, driverWith, envelope } from './support.ts';

const page = { ...envelope, currentPageIndex: 0, size: 1, totalPages: 1, versionId: 'v-1' };
const asset = {
  adamId: '111',
  pricingParam: 'STDQ',
  productType: 'App',
  assignedCount: 2,
  availableCount: 8,
  retiredCount: 1,
  totalCount: 10,
  deviceAssignable: true,
  revocable: true,
  supportedPlatforms: ['iOS', 'macOS'],
};

test('S6 a library is described in our words', async () => {
  const mdmInfo = { id: 'a1', name: 'Our MDM', metadata: 'mdm.example' };
  const { library, asked } = await driverWith(() => ({
    json: {
      ...envelope,
      countryISO2ACode: 'fr',
      defaultPlatform: 'volumestore',
      locationName: 'Lyon',
      websiteURL: 'https://school.apple.com',
      mdmInfo,
      notificationAuthToken: 's3',
    },
  }));
  expect(await library.describe(credential)).toEqual({
    uId: '900000000000000001',
    expiresAt: new Date('2027-11-08T22:33:22Z'),
    holder: mdmInfo,
    country: 'FR',
    accountType: 'EDUCATION',
    locationName: 'Lyon',
    websiteUrl: 'https://school.apple.com',
  });
  expect(asked[0]).toMatchObject({ method: 'GET', path: '/mdm/v2/client/config' });
});

test('absent, null, unknown and unreadable fields of a library are no error', async () => {
  const odd = {
    uId: '9',
    mdmInfo: null,
    tokenExpirationDate: 'soon',
    countryISO2ACode: 7,
    locationName: null,
    added: {},
  };
  const { library } = await driverWith(() => ({ json: odd }));
  expect(await library.describe(credential)).toEqual({
    uId: '9',
    expiresAt: null,
    holder: null,
    country: null,
    accountType: 'BUSINESS',
    locationName: null,
    websiteUrl: null,
  });
});

test('a number as uId is refused where it lost digits', async () => {
  const { library } = await driverWith(() => ({ text: '{"uId":900000000000000001}' }));
  await expect(library.describe(credential)).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

test('a claim sends mdmInfo alone and reads back who holds the library', async () => {
  const holder = { id: 'a1', name: 'Russet', metadata: 'host' };
  const { library, asked } = await driverWith(({ method }) =>
    method === 'POST' ? { json: { mdmInfo: holder } } : { json: { ...envelope, mdmInfo: { ...holder, id: 'other' } } },
  );
  const described = await library.claim(credential, holder);
  expect(described.holder?.id).toBe('other');
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ mdmInfo: holder });
});

test('S31 S40 a page of assets, and the query that asks for it', async () => {
  const { library, asked } = await driverWith(() => ({
    json: { ...page, assets: [asset], currentPageIndex: 2, nextPageIndex: '3', totalPages: '9' },
  }));
  const read = await library.readAssets(credential, {
    pageIndex: 2,
    adamId: '111',
    sinceVersionId: 'v',
    serialNumber: 'S',
  });
  expect(read).toMatchObject({ pageIndex: 2, nextPageIndex: 3, totalPages: 9, versionId: 'v-1', uId: envelope.uId });
  expect(read.rows).toEqual([
    {
      adamId: '111',
      pricingParam: 'STDQ',
      productType: 'APP',
      total: 10,
      assigned: 2,
      available: 8,
      retired: 1,
      unlimited: false,
      deviceAssignable: true,
      revocable: true,
      supportedPlatforms: ['iOS', 'macOS'],
    },
  ]);
  expect(asked[0]?.query).toEqual({ pageIndex: '2', adamId: '111' });
});

test('S74 unlimited: by the number or by the list', async () => {
  const { totalCount: _, availableCount: __, ...bare } = asset;
  const { library } = await driverWith(() => ({
    json: { ...page, assets: [{ ...asset, totalCount: 2147483647 }], unlimitedAssets: [{ ...bare, adamId: '222' }] },
  }));
  const { rows } = await library.readAssets(credential, {});
  expect(rows.map(({ adamId, unlimited, available, assigned }) => [adamId, unlimited, available, assigned])).toEqual([
    ['111', true, null, 2],
    ['222', true, null, 2],
  ]);
});

test.each([
  ['only a total', { totalCount: 10 }, { total: 10, assigned: 10, available: 10 }],
  ['no total', { assignedCount: 3, availableCount: 4 }, { total: 7, assigned: 3, available: 4 }],
  ['no available', { totalCount: 10, assignedCount: 3 }, { total: 10, assigned: 3, available: 7 }],
  [
    'a negative one',
    { totalCount: 10, assignedCount: 3, availableCount: -2 },
    { total: 10, assigned: 3, available: 7 },
  ],
  ['more assigned than there are', { totalCount: 1, assignedCount: 3 }, { total: 1, assigned: 3, available: 0 }],
  [
    'numbers as text',
    { totalCount: '5', assignedCount: '2', availableCount: '3' },
    { total: 5, assigned: 2, available: 3 },
  ],
])('S40 S41 counts with %s', async (_, counts, expected) => {
  const { library } = await driverWith(() => ({ json: { ...page, assets: [{ adamId: 111, ...counts }] } }));
  const { rows } = await library.readAssets(credential, {});
  expect(rows[0]).toMatchObject({ adamId: '111', pricingParam: 'STDQ', productType: 'APP', retired: 0, ...expected });
});

test('S30 S45 what Apple does not say is possible is not possible', async () => {
  const { library } = await driverWith(() => ({ json: { ...page, assets: [{ adamId: '1', productType: 'Book' }] } }));
  const { rows } = await library.readAssets(credential, {});
  expect(rows[0]).toMatchObject({
    productType: 'BOOK',
    deviceAssignable: false,
    revocable: false,
    supportedPlatforms: [],
  });
});

test.each([
  ['no array', {}],
  ['null', { assets: null }],
  ['zero pages', { assets: [], totalPages: 0, currentPageIndex: null }],
])('an empty library: %s', async (_, json) => {
  const { library } = await driverWith(() => ({ json: { ...envelope, size: 0, ...json } }));
  expect(await library.readAssets(credential, {})).toMatchObject({ rows: [], nextPageIndex: null, totalPages: 1 });
});

test('rows that were announced and did not come are not taken for an empty page', async () => {
  const { library } = await driverWith(() => ({ json: { ...page, size: 3 } }));
  await expect(library.readAssignments(credential, {})).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

test.each([
  ['another page', { currentPageIndex: 4 }],
  ['a page that would be skipped', { nextPageIndex: 2 }],
  ['a page that was read', { nextPageIndex: 0 }],
])('S66 a sweep does not go on with %s', async (_, json) => {
  const { library } = await driverWith(() => ({ json: { ...page, assets: [asset], ...json } }));
  await expect(library.readAssets(credential, {})).rejects.toMatchObject({ kind: 'SWEEP_LOST' });
});

test('a broken nextPageIndex is not taken for the end', async () => {
  const { library } = await driverWith(() => ({ json: { ...page, assets: [asset], nextPageIndex: 'next' } }));
  await expect(library.readAssets(credential, {})).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

test('S66 9650 and 9721 lose the sweep', async () => {
  for (const errorNumber of [9650, 9721]) {
    const { library } = await driverWith(() => ({ status: 400, json: { errorNumber, errorMessage: '' } }));
    await expect(library.readAssignments(credential, {})).rejects.toMatchObject({ kind: 'SWEEP_LOST' });
  }
});

test('S43 assignments have one holder each, and versions go out with the query', async () => {
  const assignments = [
    { adamId: '111', pricingParam: 'STDQ', serialNumber: 'S1' },
    { adamId: 222, clientUserId: 'u-1', serialNumber: null },
    { adamId: '333', pricingParam: 'PLUS', serialNumber: 'S2', clientUserId: 'u-2' },
    { adamId: '444' },
  ];
  const { library, asked } = await driverWith(() => ({ json: { ...page, assignments, size: 4 } }));
  const { rows } = await library.readAssignments(credential, { sinceVersionId: 'v 1&', serialNumber: 'S1' });
  expect(rows).toEqual([
    { adamId: '111', pricingParam: 'STDQ', serialNumber: 'S1', clientUserId: null },
    { adamId: '222', pricingParam: 'STDQ', serialNumber: null, clientUserId: 'u-1' },
    { adamId: '333', pricingParam: 'PLUS', serialNumber: 'S2', clientUserId: null },
  ]);
  expect(asked[0]?.query).toEqual({ sinceVersionId: 'v 1&', serialNumber: 'S1' });
});

test('a row without an app spoils the page: leaving it out could end a license', async () => {
  const { library } = await driverWith(() => ({ json: { ...page, assignments: [{ serialNumber: 'S1' }] } }));
  await expect(library.readAssignments(credential, {})).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

test('S45 our revoke is a disassociate of named apps', async () => {
  const { library, asked } = await driverWith(() => ({ json: { ...envelope, eventId: 'e-1' } }));
  const write = { assets: [{ adamId: '111', pricingParam: 'STDQ' }], serialNumbers: ['S1'], clientUserIds: [] };
  expect(await library.disassociate(credential, write)).toMatchObject({
    eventId: 'e-1',
    uId: envelope.uId,
    holder: null,
  });
  expect(asked[0]).toMatchObject({ path: '/mdm/v2/assets/disassociate' });
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ assets: write.assets, serialNumbers: ['S1'] });
});

test('a write to users names users only, and assignments of a user are asked for by name', async () => {
  const { library, asked } = await driverWith(() => ({ json: { ...page, size: 0, eventId: 'e-1' } }));
  const assets = [{ adamId: '111', pricingParam: 'PLUS' }];
  await library.associate(credential, { assets, serialNumbers: [], clientUserIds: ['u-1'] });
  await library.readAssignments(credential, { clientUserId: 'u-1' });
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ assets, clientUserIds: ['u-1'] });
  expect(asked[1]?.query).toEqual({ clientUserId: 'u-1' });
});

test('S69 the status of an event with what failed', async () => {
  const failures = [
    { errorNumber: 9709, errorMessage: 'too few', errorInfo: { assets: [{ adamId: '111' }], serialNumbers: ['S4'] } },
    { errorNumber: 9603 },
  ];
  const { library, asked } = await driverWith(() => ({
    json: { ...envelope, eventStatus: 'FAILED', eventType: 'ASSOCIATE', numRequested: 4, numCompleted: 2, failures },
  }));
  const none = { assets: [], serialNumbers: [], clientUserIds: [] };
  expect(await library.writeStatus(credential, 'e 1')).toMatchObject({
    status: 'FAILED',
    requested: 4,
    completed: 2,
    failures: [
      {
        ...none,
        appleErrorNumber: 9709,
        message: 'too few',
        assets: [{ adamId: '111', pricingParam: 'STDQ' }],
        serialNumbers: ['S4'],
      },
      { ...none, appleErrorNumber: 9603, message: 'internal error at Apple' },
    ],
  });
  expect(asked[0]).toMatchObject({ path: '/mdm/v2/status', query: { eventId: 'e 1' } });
});

test('S69 an event that Apple forgot, and a state that nobody knows', async () => {
  const gone = await driverWith(() => ({ status: 400, json: { errorNumber: 9708, errorMessage: '' } }));
  await expect(gone.library.writeStatus(credential, 'e')).rejects.toMatchObject({ kind: 'EVENT_UNKNOWN' });
  const odd = await driverWith(() => ({ json: { ...envelope, eventStatus: 'RESTING' } }));
  await expect(odd.library.writeStatus(credential, 'e')).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

test('S10 a token is sent over plain http to this machine only', () => {
  const create = (baseUrl: string, allowHttp?: boolean) => () =>
    createAppleLibrary({ baseUrl, clock: systemClock, ...(allowHttp !== undefined && { allowHttp }) });
  expect(create('http://apple.example/mdm/v2')).toThrow(RangeError);
  expect(create('http://localhost.example')).toThrow(RangeError);
  expect(create('ftp://127.0.0.1')).toThrow(RangeError);
  expect(create('nonsense')).toThrow(RangeError);
  expect(create('http://apple.example', true)).not.toThrow();
  expect(create('http://[::1]:4001/mdm/v2')).not.toThrow();
  expect(create('https://vpp.itunes.apple.com/mdm/v2')).not.toThrow();
});
