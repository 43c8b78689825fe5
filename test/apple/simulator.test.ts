/** The driver against the simulator, over real sockets: both restate Apple's rules by themselves and have to agree. */
import { expect, onTestFinished, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { iconUrl } from '../../src/apple/metadata/icon.ts';
import { createLegacyLookup } from '../../src/apple/metadata/legacy-lookup.ts';
import type { Page, PageQuery } from '../../src/domain/ports.ts';
import { parseTokenFile } from '../../src/domain/token/token-file.ts';
import { createVirtualClock } from '../../src/lib/clock.ts';
import {
  createSimulator,
  type Fault,
  type OptionsPatch,
  plainApps,
  school,
  schoolUnits,
} from '../../src/simulator/index.ts';
import { start } from './support.ts';

async function world(options: OptionsPatch = {}) {
  const clock = createVirtualClock(start);
  const simulator = createSimulator({ clock, enforceRate: false, ...options });
  const { url } = await simulator.listen();
  onTestFinished(() => simulator.close());
  const { admin } = simulator;
  const timeouts = { config: 5000, list: 5000, write: 5000, status: 5000 };
  const library = createAppleLibrary({ baseUrl: `${url}/mdm/v2`, clock, timeouts });
  const bearer = (name: string) => parseTokenFile(admin.tokenFile(name)).bearer;
  return { admin, bearer, clock, library, own: bearer('own') };
}

async function sweep<Row>(read: (query: PageQuery) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let pageIndex: number | null = 0; pageIndex !== null; ) {
    const page: Page<Row> = await read({ pageIndex });
    rows.push(...page.rows);
    pageIndex = page.nextPageIndex;
  }
  return rows;
}

const seat = (adamId: string, ...serialNumbers: string[]) => ({
  assets: [{ adamId, pricingParam: 'STDQ' }],
  serialNumbers,
  clientUserIds: [],
});

test('S6 S15 a library is described, and its date is that of the file', async () => {
  const { admin, library, own, bearer } = await world();
  const described = await library.describe(own);
  expect(described).toMatchObject({ uId: schoolUnits.own, country: 'US', accountType: 'EDUCATION', holder: null });
  expect(described.expiresAt).toEqual(parseTokenFile(admin.tokenFile('own')).expiresAt);
  expect(await library.describe(bearer('business'))).toMatchObject({ country: 'DE', accountType: 'BUSINESS' });
});

test('a claim is read back, and a foreign one is seen in every answer', async () => {
  const { library, own, bearer } = await world({ mdmInfoWhenUnset: 'null' });
  const holder = { id: 'a-uuid', name: 'Russet', metadata: 'host' };
  expect((await library.claim(own, holder)).holder).toEqual(holder);
  expect((await library.readAssets(own, {})).holder).toEqual(holder);
  expect((await library.readAssets(bearer('foreign'), {})).holder?.name).toBe('Another MDM');
});

test('limits are those of the service', async () => {
  const { library, admin } = await world();
  expect(await library.limits()).toMatchObject({ maxAssets: 25, maxSerialNumbers: 1000, maxRequestsPerSecond: 15 });
  admin.setOptions({ limits: { maxAssets: 3 } });
  expect((await library.limits()).maxAssets).toBe(25);
  expect((await library.limits({ fresh: true })).maxAssets).toBe(3);
});

test.each([{}, { unlimitedAvailable: 'constant' } as const])(
  'S40 S41 S74 sweeps of assets agree with the truth %j',
  async (options) => {
    const { library, own, admin } = await world({ pageSize: 4, ...options });
    admin.faults.add({ match: { operation: 'getAssets' }, fault: { kind: 'nextPageIndexAsString' } });
    admin.faults.add({ match: { operation: 'getAssets' }, fault: { kind: 'unknownField' } });
    const rows = await sweep((query) => library.readAssets(own, query));
    const truth = admin.truth({ uId: schoolUnits.own }).assets;
    expect(rows).toHaveLength(truth.length);
    for (const asset of truth) {
      const { total, assigned, available, retired, unlimited, deviceAssignable, revocable } = asset;
      const row = rows.find((one) => one.adamId === asset.adamId && one.pricingParam === asset.pricingParam);
      expect(row).toMatchObject({ assigned, retired, unlimited, deviceAssignable, revocable });
      if (!unlimited) expect(row).toMatchObject({ total, available });
      else expect(row?.available).toBeNull();
    }
  },
);

test('S43 sweeps of assignments agree with the truth, whole, for an app and for a device', async () => {
  const { library, own, admin } = await world({ pageSize: 7 });
  const truth = admin.truth({ uId: schoolUnits.own }).assignments;
  const rows = await sweep((query) => library.readAssignments(own, query));
  const key = (row: { adamId: string; serialNumber?: string | null; clientUserId?: string | null }) =>
    `${row.adamId} ${row.serialNumber ?? row.clientUserId}`;
  expect(rows.map(key).sort()).toEqual(truth.map(key).sort());
  const ofApp = await sweep((query) => library.readAssignments(own, { ...query, adamId: school.usedUp }));
  expect(ofApp).toHaveLength(30);
  const serialNumber = ofApp[0]?.serialNumber ?? '';
  const ofDevice = await library.readAssignments(own, { serialNumber });
  expect(ofDevice.rows.map(({ adamId }) => adamId)).toContain(school.usedUp);
});

test('a delta brings what changed since the version of the first page', async () => {
  const { library, own, admin } = await world();
  const { versionId } = await library.readAssignments(own, {});
  expect((await library.readAssignments(own, { sinceVersionId: versionId ?? '' })).rows).toEqual([]);
  admin.assign({ uId: schoolUnits.own, adamId: school.oneSeat, serialNumber: 'S1' });
  const { rows } = await library.readAssignments(own, { sinceVersionId: versionId ?? '' });
  expect(rows.map(({ serialNumber }) => serialNumber)).toEqual(['S1']);
});

test('S25 S45 associate and disassociate, followed to their end', async () => {
  const { library, own, admin } = await world();
  const { eventId } = await library.associate(own, seat(school.exactly300, 'S1', 'S2'));
  expect(await library.writeStatus(own, eventId)).toMatchObject({ status: 'PENDING', requested: 2, failures: [] });
  await admin.advance(60_000);
  expect(await library.writeStatus(own, eventId)).toMatchObject({ status: 'COMPLETE', requested: 2, completed: 2 });
  const back = await library.disassociate(own, seat(school.exactly300, 'S1'));
  await admin.advance(60_000);
  expect((await library.writeStatus(own, back.eventId)).status).toBe('COMPLETE');
  expect((await library.readAssets(own, { adamId: school.exactly300 })).rows[0]).toMatchObject({
    assigned: 1,
    available: 299,
  });
});

test('S46 S69 who failed for want of seats is named', async () => {
  const { library, own, admin } = await world();
  const { eventId } = await library.associate(own, seat(school.oneSeat, 'S1', 'S2', 'S3'));
  await admin.advance(60_000);
  const status = await library.writeStatus(own, eventId);
  expect(status).toMatchObject({ status: 'FAILED', requested: 3, completed: 1 });
  expect(status.failures.map(({ appleErrorNumber }) => appleErrorNumber)).toEqual([9709]);
  expect(status.failures.flatMap(({ serialNumbers }) => serialNumbers).sort()).toEqual(['S2', 'S3']);
});

test.each([
  ['expired', { kind: 'TOKEN_EXPIRED', appleErrorNumber: 9621 }],
  ['revoked', { kind: 'TOKEN_REVOKED', appleErrorNumber: 9625 }],
])('S7 S69 the %s token', async (name, failure) => {
  const { library, bearer } = await world();
  await expect(library.describe(bearer(name))).rejects.toMatchObject(failure);
});

test('S7 S69 the inner token, garbage, and a token that may only read', async () => {
  const { library, admin, bearer } = await world();
  const inner = admin.tokens()[0]?.innerToken ?? '';
  const invalid = { kind: 'TOKEN_INVALID', appleErrorNumber: 9622, httpStatus: 200 };
  await expect(library.describe(inner)).rejects.toMatchObject(invalid);
  await expect(library.describe('garbage')).rejects.toMatchObject(invalid);
  const readOnly = bearer('read-only');
  expect((await library.readAssets(readOnly, {})).uId).toBe(schoolUnits.own);
  await expect(library.associate(readOnly, seat(school.oneSeat, 'S1'))).rejects.toMatchObject({
    kind: 'TOKEN_READ_ONLY',
  });
});

test.each([
  ['no asset', { assets: [], serialNumbers: ['S1'], clientUserIds: [] }, 9718, 'REJECTED'],
  ['no device', seat(school.oneSeat), 9719, 'REJECTED'],
  ['a device twice', seat(school.oneSeat, 'S1', 'S1'), 9705, 'REJECTED'],
  ['an app for people', seat(school.notForDevices, 'S1'), 9707, 'REJECTED'],
  [
    'too many devices',
    seat(school.exactly300, ...Array.from({ length: 1001 }, (_, index) => `S${index}`)),
    9702,
    'LIMIT_EXCEEDED',
  ],
])('S30 S69 a write with %s is refused as a whole', async (_, write, appleErrorNumber, kind) => {
  const { library, own, admin } = await world();
  await expect(library.associate(own, write)).rejects.toMatchObject({ kind, appleErrorNumber });
  expect(admin.truth({ uId: schoolUnits.own }).events).toEqual([]);
});

test('S66 a page that is gone, a version and an event that nobody knows', async () => {
  const { library, own } = await world();
  await expect(library.readAssets(own, { pageIndex: 99 })).rejects.toMatchObject({ kind: 'SWEEP_LOST' });
  await expect(library.readAssignments(own, { sinceVersionId: 'x' })).rejects.toMatchObject({ kind: 'SWEEP_LOST' });
  await expect(library.writeStatus(own, 'x')).rejects.toMatchObject({ kind: 'EVENT_UNKNOWN' });
});

const faults: [Fault, object, object][] = [
  [{ kind: 'reset', when: 'before' }, { kind: 'UNAVAILABLE' }, { kind: 'UNKNOWN_OUTCOME' }],
  [{ kind: 'reset', when: 'after' }, { kind: 'UNAVAILABLE' }, { kind: 'UNKNOWN_OUTCOME' }],
  [{ kind: 'truncate' }, { kind: 'UNAVAILABLE' }, { kind: 'UNKNOWN_OUTCOME' }],
  [{ kind: 'html', status: 502 }, { kind: 'UNAVAILABLE' }, { kind: 'UNKNOWN_OUTCOME' }],
  [{ kind: 'html', status: 200 }, { kind: 'UNAVAILABLE' }, { kind: 'UNKNOWN_OUTCOME' }],
  [
    { kind: 'error', errorNumber: 9646, retryAfter: 7 },
    { kind: 'RATE_LIMITED', retryAfter: 7000 },
    { kind: 'RATE_LIMITED' },
  ],
  [{ kind: 'error', errorNumber: 9603 }, { kind: 'UNAVAILABLE', httpStatus: 500 }, { kind: 'UNAVAILABLE' }],
  [{ kind: 'error', errorNumber: 9729, retryAfterDate: 90 }, { retryAfter: 90_000 }, { kind: 'UNAVAILABLE' }],
  [{ kind: 'error', errorNumber: 9645 }, { kind: 'TOKEN_READ_ONLY' }, { kind: 'TOKEN_READ_ONLY' }],
  [
    { kind: 'error', errorNumber: 9999, status: 400 },
    { kind: 'REJECTED', appleErrorNumber: 9999 },
    { kind: 'REJECTED' },
  ],
  [{ kind: 'missingList' }, { kind: 'UNAVAILABLE' }, {}],
];

test.each(faults)('S69 the fault %j', async (fault, read, write) => {
  const { library, own, admin } = await world();
  admin.faults.add({ fault });
  await expect(library.readAssets(own, {})).rejects.toMatchObject(read);
  const posted = await library.associate(own, seat(school.exactly300, 'S1')).catch((error: unknown) => error);
  expect(posted).toMatchObject(write);
});

test('S10 the journal of the simulator shows a bearer nowhere but where it belongs', async () => {
  const { library, own, admin } = await world();
  await library.limits();
  await library.describe(own);
  const [config, client] = admin.journal();
  expect([config?.operation, config?.uId, client?.uId]).toEqual(['serviceConfig', undefined, schoolUnits.own]);
  expect(JSON.stringify(admin.journal())).not.toContain(own);
});

test('S13 metadata: the own storefront, a fallback, custom and withdrawn apps, platforms, icons', async () => {
  const { library, own, clock, admin } = await world({ artworkShape: 'list' });
  const source = createLegacyLookup({ url: library.metadataLookupUrl, clock });
  const adamIds = [
    plainApps[0]!,
    school.germanOnly,
    school.customApp,
    school.withdrawn,
    school.universal,
    school.macOnly,
    '1',
  ];
  const variants = await source.lookup({
    adamIds: [...adamIds, school.appleTvOnly],
    storefront: 'US',
    accountType: 'EDUCATION',
    credential: own,
  });
  const platforms = (adamId: string) => variants.filter((one) => one.adamId === adamId).map(({ platform }) => platform);
  expect(platforms(school.universal)).toEqual(['ios', 'osx', 'appletvos']);
  expect(platforms(school.macOnly)).toEqual(['osx']);
  expect(platforms(school.appleTvOnly)).toEqual(['appletvos']);
  expect(platforms('1')).toEqual([]);
  expect(variants.find((one) => one.adamId === school.customApp)).toMatchObject({ customApp: true });
  expect(platforms(school.withdrawn)).toEqual(['ios']);
  expect(platforms(school.germanOnly)).toEqual(['ios']);
  expect(admin.journal({ operation: 'unknown' })).toEqual([]);
  const icon = await fetch(iconUrl(variants[0]?.iconTemplate ?? '', 60));
  expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/png']);
  await icon.arrayBuffer();
});
