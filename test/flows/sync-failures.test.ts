import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { TokenExpiredError, TokenNotUsableError } from '../../src/domain/errors.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { tokenState } from '../../src/domain/token/state.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import type { Fault } from '../../src/simulator/index.ts';
import {
  bendAnswers,
  expectRightBooks,
  liveHere,
  newTenant,
  pagesAsked,
  readTask,
  readToken,
  type Tenant,
} from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
const unbend: (() => void)[] = [];
beforeAll(async () => {
  world = await createWorld();
});
afterEach(() => {
  for (const undo of unbend.splice(0).reverse()) undo();
});
afterAll(() => world.close());

const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
const fault = (operation: string, what: Fault, match: object = {}) =>
  world.simulator.admin.faults.add({ match: { operation, ...match }, fault: what });

/** A library in pages of ten rows. */
async function pagedLibrary(): Promise<{ tenant: Tenant; tokenId: bigint }> {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  world.simulator.admin.setOptions({ pageSize: 10 });
  world.simulator.admin.clearJournal();
  return { tenant, tokenId };
}

describe('S69 a sync that Apple refuses ends FAILED with code, sentence and Apple’s number', () => {
  const refusals = [
    { number: 9621, code: 'TOKEN_EXPIRED', state: 'EXPIRED', text: 'expired' },
    { number: 9622, code: 'TOKEN_NOT_USABLE', state: 'INVALID', text: 'does not accept' },
    { number: 9625, code: 'TOKEN_NOT_USABLE', state: 'REVOKED', text: 'revoked' },
    { number: 9637, code: 'TOKEN_NOT_USABLE', state: 'READ_ONLY', text: 'lacks the right' },
    { number: 9646, code: 'APPLE_RATE_LIMITED', state: 'ACTIVE', text: 'too many' },
    { number: 9603, code: 'APPLE_UNAVAILABLE', state: 'ACTIVE', text: 'did not answer' },
    { number: 9729, code: 'APPLE_UNAVAILABLE', state: 'ACTIVE', text: 'did not answer' },
    { number: 9650, code: 'APPLE_UNAVAILABLE', state: 'ACTIVE', text: 'lost its place' },
    { number: 9602, code: 'APPLE_REFUSED', state: 'ACTIVE', text: 'Apple refused' },
  ];
  for (const { number, code, state, text } of refusals) {
    test.each(['getAssets', 'getAssignments'])(
      `S69 ${number} in %s: ${code}, the token is ${state}`,
      async (operation) => {
        const { tenant, tokenId } = await pagedLibrary();
        fault(operation, { kind: 'error', errorNumber: number }, { pageIndex: 1 });
        const task = await tenant.sync(tokenId);
        expect(task).toMatchObject({ state: 'FAILED', cause: { code, appleErrorNumber: number } });
        expect((task.cause as { message: string }).message).toContain(text);
        expect(await stateOf(tokenId)).toBe(state);
        await expectRightBooks(world, tokenId);
      },
    );
  }

  test.each<[string, Fault]>([
    ['an HTML page of a gateway', { kind: 'html', status: 502 }],
    ['a connection that is cut', { kind: 'reset', when: 'before' }],
    ['an answer that ends in the middle', { kind: 'truncate' }],
    ['rows that are announced and missing', { kind: 'missingList' }],
  ])('S69 %s: APPLE_UNAVAILABLE', async (_what, what) => {
    const { tenant, tokenId } = await pagedLibrary();
    fault('getAssignments', what, { pageIndex: 2 });
    const task = await tenant.sync(tokenId);
    expect(task).toMatchObject({ state: 'FAILED', cause: { code: 'APPLE_UNAVAILABLE', appleErrorNumber: null } });
    await expectRightBooks(world, tokenId);
  });

  test('S69 an answer that never comes: APPLE_UNAVAILABLE', async () => {
    const { tenant, tokenId } = await pagedLibrary();
    const { apple } = world.services;
    const impatient = createAppleLibrary({
      baseUrl: `${world.simulator.url}/mdm/v2`,
      clock: world.clock,
      timeouts: { list: 30 },
    });
    world.services.apple = impatient;
    unbend.push(() => {
      world.services.apple = apple;
    });
    // The simulator's clock stands still while the client waits in real time.
    fault('getAssignments', { kind: 'latency', ms: 900_000 });
    const task = await tenant.sync(tokenId);
    expect(task).toMatchObject({ state: 'FAILED', cause: { code: 'APPLE_UNAVAILABLE', appleErrorNumber: null } });
    // The answers that nobody waits for any more.
    await world.clock.advance(900_000);
  });
});

test('S69 a page that always fails ends the sync even when pages before it are read again each time', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  fault('getAssets', { kind: 'error', errorNumber: 9603 }, { pageIndex: 2 });
  const before = world.clock.now().getTime();
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'FAILED', attempts: 7 });
  expect(world.clock.now().getTime() - before).toBeLessThan(200_000);
});

test('S69 while Apple does not answer the sync is WAITING and says until when; then it goes on where it was', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  fault('getAssignments', { kind: 'error', errorNumber: 9603 }, { pageIndex: 3, times: 1 });
  await world.clock.advance(1_000);
  const taskId = await tenant.start(tokenId);
  await world.work();
  expect(await readTask(world, taskId)).toMatchObject({
    state: 'WAITING',
    waitsFor: 'APPLE',
    waitsUntil: new Date(world.clock.now().getTime() + 2_000),
  });
  world.simulator.admin.clearJournal();
  expect(await tenant.finish(taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  expect(Math.min(...pagesAsked(world, 'getAssignments'))).toBe(3);
  expect(pagesAsked(world, 'getAssets')).toEqual([]);
});

test('S69 pages that Apple no longer knows: the sweep begins anew and succeeds', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  fault('getAssignments', { kind: 'error', errorNumber: 9650 }, { pageIndex: 4, times: 1 });
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  expect(pagesAsked(world, 'getAssets').filter((page) => page === 0)).toHaveLength(2);
  await expectRightBooks(world, tokenId);
});

describe('S69 Retry-After holds all calls of the token, and of no other', () => {
  test.each<[string, { retryAfter: number } | { retryAfterDate: number }]>([
    ['seconds', { retryAfter: 90 }],
    ['a date', { retryAfterDate: 90 }],
  ])('S69 as %s', async (_form, header) => {
    const tenant = await newTenant(world);
    const own = await tenant.upload('own');
    const district = await tenant.upload('district');
    fault('getAssets', { kind: 'error', errorNumber: 9729, ...header }, { tokenName: 'own', times: 1 });
    const blocked = await tenant.start(own);
    await world.work();
    const until = (await readTask(world, blocked)).waitsUntil!.getTime() - world.clock.now().getTime();
    expect(until).toBeGreaterThan(88_000);
    expect(until).toBeLessThanOrEqual(90_000);
    world.simulator.admin.clearJournal();
    await world.clock.advance(until - 1_500);
    await world.database.prisma.task.updateMany({ where: { id: blocked }, data: { dueAt: world.clock.now() } });
    await world.work();
    expect(pagesAsked(world, 'getAssets')).toEqual([]);
    expect(await readTask(world, blocked)).toMatchObject({ state: 'WAITING', attempts: 1 });
    expect(await tenant.finish(await tenant.start(district))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await tenant.finish(blocked)).toMatchObject({ state: 'SUCCEEDED' });
  });
});

test('S69 pages read ahead that fail before their turn do no harm', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  fault('getAssignments', { kind: 'error', errorNumber: 9603 }, { pageIndex: 4, times: 1 });
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page) => {
      // Long enough for the others that are under way to fail meanwhile.
      for (let round = 0; round < 20; round++) await world.database.pool.query('SELECT 1');
      return page;
    }),
  );
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('S69 an error of our own is tried again, and given up in the end with INTERNAL_ERROR', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  const taskId = await tenant.start(tokenId);
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page) => ({
      ...page,
      rows: [{ ...page.rows[0]!, serialNumber: 'NUL\u0000' }, ...page.rows],
    })),
  );
  for (let attempt = 1; attempt < 7; attempt++) await expect(world.work()).rejects.toThrow();
  await world.work();
  expect(await readTask(world, taskId)).toMatchObject({ state: 'FAILED', cause: { code: 'INTERNAL_ERROR' } });
});

test('S16 an expired token: a sync is refused without a call; one that runs ends FAILED with TOKEN_EXPIRED', async () => {
  const tenant = await newTenant(world);
  const { expDate } = world.simulator.admin.issueToken({
    name: 'own',
    as: 'short',
    expDate: new Date(world.clock.now().getTime() + 3_600_000).toISOString(),
  });
  expect(expDate).toContain('T');
  const tokenId = await tenant.upload('short');
  const taskId = await tenant.start(tokenId);
  await world.clock.advance(3_600_000);
  world.simulator.admin.clearJournal();
  await world.work();
  expect(await readTask(world, taskId)).toMatchObject({
    state: 'FAILED',
    cause: { code: 'TOKEN_EXPIRED', appleErrorNumber: null },
  });
  await expect(syncLicenses(tenant.context, { tokenIds: [tokenId] })).rejects.toThrow(TokenExpiredError);
  // Slow answers that nobody waits for any more end when the clock moves; they were asked for before.
  const asked = world.simulator.admin.journal().filter(({ at }) => new Date(at) >= world.clock.now());
  expect(asked).toEqual([]);
});

test('S14 an INCOMPLETE token is not synced', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload('own', { email: null });
  expect(await stateOf(tokenId)).toBe('INCOMPLETE');
  await expect(tenant.start(tokenId)).rejects.toThrow(TokenNotUsableError);
});

test('F7 a token of an account that may only read: its library is synced', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload('read-only');
  expect(await stateOf(tokenId)).toBe('READ_ONLY');
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  await expectRightBooks(world, tokenId);
});

test('F7 another server takes the library over in the middle of a sync: the sync ends and says so', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  world.simulator.admin.setOptions({ pageSize: 3 });
  fault('getAssignments', { kind: 'foreignMdmInfo' }, { pageIndex: 1, times: 1 });
  const before = await liveHere(world, tokenId);
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'FAILED', cause: { code: 'TOKEN_NOT_USABLE' } });
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  expect(await readToken(world, tokenId)).toMatchObject({ foreignMdm: { id: 'somebody-else' } });
  expect(await liveHere(world, tokenId)).toEqual(before);
});

test('S18 a token that is renewed in the middle of a sync, and the old one revoked: the sync goes on', async () => {
  const { tenant, tokenId } = await pagedLibrary();
  const { admin } = world.simulator;
  const { apple } = world.services;
  let renewed = false;
  world.services.apple = {
    ...apple,
    readAssignments: async (credential, query) => {
      if (query.pageIndex === 3 && !renewed) {
        renewed = true;
        admin.issueToken({ name: 'own', as: 'newer' });
        await uploadToken(tenant.context, { file: admin.tokenFile('newer'), force: true });
        admin.revokeToken('own');
      }
      return apple.readAssignments(credential, query);
    },
  };
  unbend.push(() => {
    world.services.apple = apple;
  });
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  await expectRightBooks(world, tokenId);
});

test('S13 metadata that can’t be had, or can’t be stored, never fails a sync', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const { metadata } = world.services;
  unbend.push(() => {
    world.services.metadata = metadata;
  });
  world.services.metadata = { lookup: () => Promise.reject(new Error('a defect')) };
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  fault('contentMetadataLookup', { kind: 'html' });
  world.services.metadata = metadata;
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await readToken(world, tokenId)).toMatchObject({ sync: { completeness: 'COMPLETE' } });
  expect(world.simulator.admin.truth({ uId: schoolUnits.own }).mdmInfo).toMatchObject({ name: 'Russet (test)' });
});
