import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { countApps, countAppsByToken } from '../../../src/domain/app/counts.ts';
import { type AppFilter, countListedApps, listApps } from '../../../src/domain/app/list.ts';
import { reorderTokens } from '../../../src/domain/token/reorder.ts';
import { plainApps, school } from '../../../src/simulator/index.ts';
import { createWorld, schoolUnits, type World } from '../../support/world.ts';
import { newTenant, readToken, type Tenant } from '../sync/support.ts';

let world: World;
let tenant: Tenant;
let own: bigint;
let district: bigint;
beforeAll(async () => {
  world = await createWorld();
  tenant = await newTenant(world);
  own = await tenant.library('own');
  district = await tenant.library('district');
});
afterAll(() => world.close());

const appOf = async (adamId: string) => {
  const { organizationId } = tenant;
  return world.database.prisma.app.findUniqueOrThrow({ where: { organizationId_adamId: { organizationId, adamId } } });
};
async function counted(adamId: string, tokenId: bigint | null = null) {
  const app = await appOf(adamId);
  const query = { organizationId: tenant.organizationId, appIds: [app.id], tokenId };
  return (await countApps(preparedRows(world.database.pool), query)).get(app.id);
}
const filter = (change: Partial<AppFilter> = {}): AppFilter => ({
  organizationId: tenant.organizationId,
  tokenId: null,
  search: null,
  statuses: null,
  deviceAssignable: null,
  ...change,
});
const whole = { after: null, before: null, limit: 100, fromEnd: false };

test('S74 an app’s numbers are the sums over its tokens', async () => {
  expect(await counted(school.exactly300)).toMatchObject({ total: 800n, used: 0n, available: 800n, unlimited: false });
  expect(await counted(school.fallThrough)).toMatchObject({ total: 5010n, used: 4n, available: 5006n });
});

test('S74 the same library uploaded twice is one token and counted once', async () => {
  await tenant.upload('own');
  await tenant.sync(own);
  expect(await world.database.prisma.token.count({ where: { organizationId: tenant.organizationId } })).toBe(2);
  expect(await counted(school.exactly300)).toMatchObject({ total: 800n });
});

test('S74 one unlimited pool makes the app unlimited; what is used is still summed', async () => {
  expect(await counted(plainApps[0]!)).toMatchObject({ unlimited: true, total: null, available: null, used: 12n });
  world.simulator.admin.setAsset({ uId: schoolUnits.district, adamId: plainApps[0]!, unlimited: false, total: 5 });
  world.simulator.admin.assign({ uId: schoolUnits.district, adamId: plainApps[0]!, serialNumber: 'SIMBOTH00001' });
  await tenant.sync(district);
  expect(await counted(plainApps[0]!)).toMatchObject({ unlimited: true, total: null, available: null, used: 13n });
  expect(await counted(plainApps[0]!, district)).toMatchObject({
    unlimited: false,
    total: 5n,
    available: 4n,
    used: 1n,
  });
});

test('S75 the numbers of one token are its own', async () => {
  expect(await counted(school.exactly300, own)).toMatchObject({ tokenId: own, total: 300n });
  expect(await counted(school.exactly300, district)).toMatchObject({ tokenId: district, total: 500n });
  expect(await counted(school.macOnly, district)).toBeUndefined();
  const app = await appOf(school.exactly300);
  const rows = await countAppsByToken(preparedRows(world.database.pool), {
    organizationId: tenant.organizationId,
    appIds: [app.id],
    tokenIds: [own, district],
  });
  expect(new Map(rows.map((row) => [row.tokenId, row.total]))).toEqual(
    new Map([
      [null, 800n],
      [own, 300n],
      [district, 500n],
    ]),
  );
});

test('S33 the list of apps is searched, filtered and put in order, with the numbers of the token', async () => {
  const byUse = await listApps(
    preparedRows(world.database.pool),
    filter({ tokenId: district }),
    { field: 'USED', descending: true },
    whole,
  );
  expect(byUse[0]!.id).toBe((await appOf(school.fallThrough)).id);
  const units = world.simulator.admin.truth({ uId: schoolUnits.district }).assets.length;
  expect(byUse).toHaveLength(units);
  expect(await countListedApps(preparedRows(world.database.pool), filter({ search: 'lantern' }))).toBe(1n);
  expect(await countListedApps(preparedRows(world.database.pool), filter({ search: school.book }))).toBe(1n);
  expect(await countListedApps(preparedRows(world.database.pool), filter({ search: '%' }))).toBe(0n);
  const people = await listApps(
    preparedRows(world.database.pool),
    filter({ deviceAssignable: false }),
    { field: 'ADAM_ID', descending: false },
    whole,
  );
  expect(people.map((place) => place.id)).toEqual(
    await Promise.all(
      [school.notForDevices, school.book, school.bookInHighQuality].map(async (id) => (await appOf(id)).id),
    ),
  );
});

test('S34 what a purchase address follows from is stored: the portal of the token’s account', async () => {
  expect(await readToken(world, own)).toMatchObject({
    accountType: 'EDUCATION',
    websiteUrl: 'https://school.apple.com',
  });
});

test('S13 the flat fields are those of the first token in order that holds the app; another order changes them', async () => {
  const { metadata } = world.services;
  world.services.metadata = {
    lookup: async (query) =>
      (await metadata.lookup(query)).map((variant) => ({ ...variant, artistName: `Store ${query.storefront}` })),
  };
  const german = await tenant.library('business');
  world.services.metadata = metadata;
  const artist = async () => (await appOf(school.exactly300)).artistName;
  const first = await artist();
  expect(first).not.toBe('Store DE');
  await reorderTokens(tenant.context, { tokenIds: [german, own, district] });
  expect(await artist()).toBe('Store DE');
  await reorderTokens(tenant.context, { tokenIds: [own, district, german] });
  expect(await artist()).toBe(first);
});

test('S13 an app that another storefront alone sells, a custom one and a withdrawn one have names too', async () => {
  for (const adamId of [school.germanOnly, school.customApp, school.withdrawn]) {
    expect((await appOf(adamId)).name).toEqual(expect.any(String));
  }
});

test('S13 the last known name stays for ever: when the store knows it no longer, and when it says nothing', async () => {
  await world.clock.advance(2 * 86_400_000);
  const { metadata } = world.services;
  world.services.metadata = {
    lookup: async (query) => {
      const found = await metadata.lookup(query);
      return found
        .filter((variant) => variant.adamId !== school.exactly300)
        .map((variant) => (variant.adamId === school.oneSeat ? { ...variant, name: null, price: 1e300 } : variant));
    },
  };
  await tenant.sync(own);
  world.services.metadata = metadata;
  expect(await appOf(school.exactly300)).toMatchObject({ name: 'Lantern Notes' });
  expect(await appOf(school.oneSeat)).toMatchObject({ name: 'One Seat Studio', price: null });
});

test('S13 names that are young are not asked for again; a day later they are', async () => {
  const asked = () => world.simulator.admin.journal({ operation: 'contentMetadataLookup' }).length;
  await tenant.sync(district);
  world.simulator.admin.clearJournal();
  await tenant.sync(district);
  expect(asked()).toBe(0);
  await world.clock.advance(86_400_001);
  await tenant.sync(district);
  expect(asked()).toBeGreaterThan(0);
});
