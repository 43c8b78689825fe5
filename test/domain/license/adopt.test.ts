import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlreadyLicensedError, ForbiddenError, NotFoundError, NotLicensedError } from '../../../src/domain/errors.ts';
import { adoptLicenses } from '../../../src/domain/license/adopt.ts';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, giveApp, liveOf, makeDevices, revoke, uIdOf } from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterAll(() => world.close());

/** An app that somebody else gave to devices of the list, as a sync met it. */
async function givenElsewhere(tokenId: bigint, deviceIds: bigint[], adamId?: string) {
  const app = await giveApp(world, tokenId, adamId === undefined ? {} : { adamId });
  const devices = await world.database.prisma.device.findMany({ where: { id: { in: deviceIds } } });
  const uId = await uIdOf(world, tokenId);
  for (const { serialNumber } of devices) world.simulator.admin.assign({ uId, adamId: app.adamId, serialNumber });
  await world.clock.advance(1_000);
  await syncLicenses(world.admin, { tokenIds: [tokenId] });
  await world.settle();
  return app;
}

const linesOf = (licenseId: bigint) =>
  world.database.prisma.ledger.findMany({ where: { licenseId }, orderBy: { id: 'asc' } });

test('§1.20 licenses made elsewhere are adopted by name: source, ledger, audit, and no question to Apple', async () => {
  const app = await givenElsewhere(token, await makeDevices(world, 3));
  const licenses = await liveOf(world, app);
  expect(licenses.map((license) => license.source)).toEqual(['EXTERNAL', 'EXTERNAL', 'EXTERNAL']);
  const licenseIds = licenses.slice(0, 2).map((license) => license.id);
  world.simulator.admin.clearJournal();
  expect(await adoptLicenses(world.admin, { licenseIds })).toEqual({ licenseIds, already: 0 });
  expect(await adoptLicenses(world.admin, { licenseIds })).toEqual({ licenseIds: [], already: 2 });
  expect(world.simulator.admin.journal({})).toEqual([]);
  expect((await liveOf(world, app)).map((license) => license.source)).toEqual(['RUSSET', 'RUSSET', 'EXTERNAL']);
  expect((await linesOf(licenseIds[0]!)).map((line) => [line.kind, line.heldDelta, line.reservedDelta])).toEqual([
    ['FOUND', 1, 0],
    ['ADOPT', 0, 0],
  ]);
  expect(await world.database.prisma.auditEntry.count({ where: { action: 'license.adopt' } })).toBe(2);
  await expectSound(world);
});

test('§1.20 an unknown license, one that ended, and a second one of ours for a device are refused, and nothing is adopted', async () => {
  const [device] = await makeDevices(world, 1);
  const app = await givenElsewhere(token, [device!]);
  const district = await world.library('district');
  await givenElsewhere(district, [device!], app.adamId);
  const [one, two] = await liveOf(world, app);
  await expect(adoptLicenses(world.admin, { licenseIds: [one!.id, 999_999_999n] })).rejects.toThrow(NotFoundError);
  await expect(adoptLicenses(world.admin, { licenseIds: [one!.id, two!.id] })).rejects.toThrow(AlreadyLicensedError);
  expect((await liveOf(world, app)).every((license) => license.source === 'EXTERNAL')).toBe(true);
  await adoptLicenses(world.admin, { licenseIds: [one!.id] });
  await expect(adoptLicenses(world.admin, { licenseIds: [two!.id] })).rejects.toThrow(AlreadyLicensedError);
  const other = await giveApp(world, token);
  await associate(world, other, [device!]);
  await world.settle();
  const [ours] = await liveOf(world, other);
  await revoke(world, other, [device!]);
  await world.settle();
  await expect(adoptLicenses(world.admin, { licenseIds: [ours!.id] })).rejects.toThrow(NotLicensedError);
});

test('§1.20 who may not write licenses adopts none, and another organization sees none of them', async () => {
  const [license] = await liveOf(world, await givenElsewhere(token, await makeDevices(world, 1)));
  const reader = world.as('ADMINISTRATOR', { scopes: ['licenses:read'] });
  await expect(adoptLicenses(reader, { licenseIds: [license!.id] })).rejects.toThrow(ForbiddenError);
  const stranger = world.as('ADMINISTRATOR', { organizationId: 999n });
  await expect(adoptLicenses(stranger, { licenseIds: [license!.id] })).rejects.toThrow(NotFoundError);
});
