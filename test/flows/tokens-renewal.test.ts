import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../src/db/rows.ts';
import { countApps } from '../../src/domain/app/counts.ts';
import { upsertDevices } from '../../src/domain/device/upsert.ts';
import { DifferentLibraryError, OlderTokenFileError, TokenExpiredError } from '../../src/domain/errors.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { removeToken } from '../../src/domain/token/remove.ts';
import { renewToken } from '../../src/domain/token/renew.ts';
import { tokenState } from '../../src/domain/token/state.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { school } from '../../src/simulator/index.ts';
import {
  expectBalance,
  expectRightBooks,
  listedDevices,
  newTenant,
  readTask,
  readToken,
  type Tenant,
} from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const day = 86_400_000;
const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
/** A new file for the library of `name`. */
const issue = (name: string, as: string, days = 340, more: object = {}) =>
  world.simulator.admin.issueToken({
    name,
    as,
    expDate: new Date(world.clock.now().getTime() + days * day).toISOString(),
    ...more,
  }).text;
/** Everything of the library but the token's secret and its clockwork. */
async function kept({ organizationId }: Tenant) {
  const where = { organizationId };
  const { prisma } = world.database;
  return {
    apps: await prisma.app.findMany({ where, orderBy: { id: 'asc' } }),
    pools: await prisma.licensePool.findMany({ where, orderBy: { id: 'asc' } }),
    licenses: await prisma.license.findMany({ where, orderBy: { id: 'asc' } }),
    tokens: await prisma.token.findMany({
      where,
      orderBy: { id: 'asc' },
      select: { id: true, position: true, label: true, email: true, region: true, mdmId: true },
    }),
  };
}
async function listedDevice({ context, organizationId }: Tenant, serialNumber: string): Promise<bigint> {
  await upsertDevices(context, { devices: [{ serialNumber, family: 'IPAD', osVersion: '26.1' }] });
  const where = { organizationId_serialNumber: { organizationId, serialNumber } };
  return (await world.database.prisma.device.findUniqueOrThrow({ where })).id;
}
const appOf = async ({ organizationId }: Tenant, adamId: string) =>
  (await world.database.prisma.app.findUniqueOrThrow({ where: { organizationId_adamId: { organizationId, adamId } } }))
    .id;

test('S17 S18 a renewal before the expiry replaces the secret in place: everything else stays', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await tenant.upload('district');
  const before = await kept(tenant);
  const { secretJwe } = await readToken(world, tokenId);
  const file = issue('own', 'own-2', 350, { revokeOlder: true });
  expect(await renewToken(tenant.context, { tokenId, file })).toEqual({ tokenId, changed: true });
  expect(await kept(tenant)).toEqual(before);
  const after = await readToken(world, tokenId);
  expect(after.secretJwe).not.toBe(secretJwe);
  expect(after.renewedAt).toEqual(world.clock.now());
  expect(daysFromNow(after.expiresAt)).toBe(350);
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
});

const daysFromNow = (at: Date) => Math.round((at.getTime() - world.clock.now().getTime()) / day);

test('S16 S18 a renewal after the expiry, by upload: the token is usable again with all it had', async () => {
  const tenant = await newTenant(world);
  const file = issue('own', 'own-short', 1);
  const { tokenId } = await uploadToken(tenant.context, { file, email: 'it@example.org', label: 'Kept' });
  await tenant.sync(tokenId);
  expect(await stateOf(tokenId)).toBe('EXPIRING');
  const before = await kept(tenant);
  await world.clock.advance(2 * day);
  expect(await stateOf(tokenId)).toBe('EXPIRED');
  await expect(tenant.start(tokenId)).rejects.toThrow(TokenExpiredError);
  const renewed = await uploadToken(tenant.context, { file: issue('own-short', 'own-long') });
  expect(renewed).toEqual({ tokenId, renewed: true, changed: true, warnings: [] });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await kept(tenant)).toEqual(before);
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('S16 work that holds reservations waits for the renewal without a call to Apple, and goes on with it', async () => {
  const tenant = await newTenant(world);
  const { tokenId } = await uploadToken(tenant.context, {
    file: issue('own', 'own-hour', 1 / 24),
    email: 'it@example.org',
  });
  await tenant.sync(tokenId);
  const deviceIds = [await listedDevice(tenant, 'SIMWAITING01')];
  const appIds = [await appOf(tenant, school.oneSeat)];
  const { taskIds } = await associateLicenses(tenant.context, { appIds, target: { deviceIds } });
  await world.clock.advance(3_600_000);
  world.simulator.admin.clearJournal();
  await world.work();
  // Apple's limits are asked for without a token.
  expect(world.simulator.admin.journal().filter((entry) => entry.operation !== 'serviceConfig')).toEqual([]);
  expect(await readTask(world, taskIds[0]!)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  await expect(associateLicenses(tenant.context, { appIds, target: { deviceIds }, tokenId })).rejects.toThrow(
    TokenExpiredError,
  );
  await renewToken(tenant.context, { tokenId, file: issue('own-hour', 'own-year') });
  expect(await tenant.finish(taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('S17 the same file again changes nothing, however often and however parallel it comes', async () => {
  const tenant = await newTenant(world);
  const file = world.simulator.admin.tokenFile('own');
  const uploads = await Promise.all(
    Array.from({ length: 6 }, () => uploadToken(tenant.context, { file, email: 'it@example.org' })),
  );
  expect(new Set(uploads.map((one) => one.tokenId)).size).toBe(1);
  expect(uploads.filter((one) => !one.renewed)).toHaveLength(1);
  expect(uploads.filter((one) => one.changed)).toHaveLength(1);
  const tokenId = uploads[0]!.tokenId;
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await readToken(world, tokenId)).toMatchObject({ renewedAt: null, position: 1 });
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  await expectRightBooks(world, tokenId);
});

test.each([
  ['REVOKED', 9625],
  // Rights that were given to the manager since then, or terms that were accepted: only a write shows it.
  ['READ_ONLY', 9642],
])(
  'S17 F7 the same file again clears a condition that Apple just disproved, or that people mended there: %s',
  async (state, errorNumber) => {
    const tenant = await newTenant(world);
    const tokenId = await tenant.upload();
    world.simulator.admin.faults.add({
      match: { operation: 'getAssets', times: 1 },
      fault: { kind: 'error', errorNumber },
    });
    await tenant.sync(tokenId);
    expect(await stateOf(tokenId)).toBe(state);
    const again = await uploadToken(tenant.context, { file: world.simulator.admin.tokenFile('own') });
    expect(again).toMatchObject({ tokenId, changed: false });
    expect(await stateOf(tokenId)).toBe('ACTIVE');
    expect(await readToken(world, tokenId)).toMatchObject({ conditionCause: null, renewedAt: null });
  },
);

test('S19 a renewal with the file of another library is refused; an older file needs force', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const before = await readToken(world, tokenId);
  const other = world.simulator.admin.tokenFile('district');
  await expect(renewToken(tenant.context, { tokenId, file: other, force: true })).rejects.toThrow(
    DifferentLibraryError,
  );
  const older = issue('own', 'own-older', 100);
  await expect(renewToken(tenant.context, { tokenId, file: older })).rejects.toThrow(OlderTokenFileError);
  await expect(uploadToken(tenant.context, { file: older })).rejects.toMatchObject({
    currentExpiresAt: before.expiresAt,
  });
  expect(await readToken(world, tokenId)).toEqual(before);
  await renewToken(tenant.context, { tokenId, file: older, force: true });
  expect(daysFromNow((await readToken(world, tokenId)).expiresAt)).toBe(100);
});

test('S17 a removed token comes back with an upload: same id, at the end of the order, read anew', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library('own');
  const district = await tenant.library('district');
  const { mdmId } = await readToken(world, tokenId);
  await removeToken(tenant.context, { tokenId, confirm: true });
  await expectBalance(world, tokenId);
  const appId = await appOf(tenant, school.exactly300);
  const query = { organizationId: tenant.organizationId, appIds: [appId], tokenId: null };
  const counted = async () => (await countApps(preparedRows(world.database.pool), query)).get(appId);
  expect(await counted()).toMatchObject({ total: 500n });
  const file = world.simulator.admin.tokenFile('own');
  expect(await uploadToken(tenant.context, { file })).toEqual({ tokenId, renewed: true, changed: true, warnings: [] });
  expect(await readToken(world, tokenId)).toMatchObject({
    mdmId,
    removedAt: null,
    email: 'it@example.org',
    sync: { completeness: 'NEVER', syncedAt: null },
  });
  expect((await readToken(world, tokenId)).position).toBeGreaterThan((await readToken(world, district)).position);
  // Nothing can be given before the library was read again.
  expect(await counted()).toMatchObject({ total: 500n });
  await tenant.sync(tokenId);
  expect(await counted()).toMatchObject({ total: 800n });
  await expectRightBooks(world, tokenId);
});

test('S17 a removal while a write is at Apple leaves nothing to do behind', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const deviceIds = [await listedDevice(tenant, 'SIMATAPPLE01')];
  const { taskIds } = await associateLicenses(tenant.context, {
    appIds: [await appOf(tenant, school.oneSeat)],
    target: { deviceIds },
  });
  await world.work();
  const sync = await tenant.start(tokenId);
  await removeToken(tenant.context, { tokenId, confirm: true });
  const calls = await world.database.prisma.appleCall.findMany({ where: { tokenId } });
  expect(calls.map((call) => [call.state, call.nextPollAt])).toEqual([['SETTLED', null]]);
  await world.clock.advance(60_000);
  await world.work();
  for (const taskId of [taskIds[0]!, sync]) {
    expect(await readTask(world, taskId)).toMatchObject({ state: 'FAILED', cause: { code: 'TOKEN_REMOVED' } });
  }
  await expectBalance(world, tokenId);
  await tenant.upload();
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('S17 a removal that comes while a renewal is written waits for it, and the token is removed', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const { secrets } = tenant.context;
  let removal: Promise<unknown> = Promise.resolve();
  const seal: typeof secrets.seal = async (secret, row) => {
    removal = removeToken(tenant.context, { tokenId, confirm: true });
    // Long enough for a removal that does not wait.
    for (let round = 0; round < 50; round++) await world.database.pool.query('SELECT 1');
    return secrets.seal(secret, row);
  };
  await renewToken({ ...tenant.context, secrets: { ...secrets, seal } }, { tokenId, file: issue('own', 'while', 341) });
  await removal;
  expect(await readToken(world, tokenId)).toMatchObject({ secretJwe: null, removedAt: expect.any(Date) });
});

test.each([
  ['expires while it is under way', true],
  ['is renewed before its expiry', false],
])(
  'S18 an associate of 500 devices goes on when its token %s, and each device has one license',
  async (_how, expires) => {
    const tenant = await newTenant(world);
    const uId = schoolUnits.own;
    world.simulator.admin.purchase({ uId, adamId: school.exactly300, count: 400 });
    const file = issue('own', `own-500-${expires}`, 1 / 24);
    const { tokenId } = await uploadToken(tenant.context, { file, email: 'it@example.org' });
    await tenant.sync(tokenId);
    world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 100 } });
    await tenant.context.apple.limits({ fresh: true });
    const serialNumbers = await listedDevices(tenant, 500);
    const { taskIds } = await associateLicenses(tenant.context, {
      appIds: [await appOf(tenant, school.exactly300)],
      target: { serialNumbers },
    });
    const sent = () => world.simulator.admin.journal({ operation: 'associateAssets' }).length;
    // In the middle of the writes: after two of the five have left, the time or the new file comes.
    const { apple } = world.services;
    let writes = 0;
    world.services.apple = {
      ...apple,
      associate: async (credential, write) => {
        const answer = await apple.associate(credential, write);
        writes += 1;
        if (writes === 2) {
          if (expires) await world.clock.advance(2 * 3_600_000);
          else
            await renewToken(tenant.context, {
              tokenId,
              file: issue('own', 'own-500-early', 340, { revokeOlder: true }),
            });
        }
        return answer;
      },
    };
    try {
      await world.work();
      if (expires) {
        expect(sent()).toBe(2);
        expect(await readTask(world, taskIds[0]!)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
        expect(await stateOf(tokenId)).toBe('EXPIRED');
        await world.clock.advance(3_600_000);
        await renewToken(tenant.context, { tokenId, file: issue('own', 'own-500-late', 340, { revokeOlder: true }) });
      }
      expect(await tenant.finish(taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 500n });
    } finally {
      world.services.apple = apple;
      world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 1_000 } });
      await tenant.context.apple.limits({ fresh: true });
    }
    expect(sent()).toBe(5);
    const given = world.simulator.admin.truth({ uId }).assignments.map((one) => one.serialNumber);
    expect(given.filter((serial) => serialNumbers.includes(serial!)).sort()).toEqual(serialNumbers);
    await tenant.sync(tokenId);
    await expectRightBooks(world, tokenId);
  },
);
