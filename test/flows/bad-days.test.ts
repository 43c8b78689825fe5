/** Days on which Apple is unwell, with two processes on one database: each has limits of its own in its memory. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import type { Services } from '../../src/domain/context.ts';
import { createSharedPause } from '../../src/domain/installation/apple-pause.ts';
import { endPauses } from '../../src/domain/installation/end-pauses.ts';
import { writeLicenses } from '../../src/domain/license/write-licenses.ts';
import { runSync } from '../../src/domain/sync/run.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { renewToken } from '../../src/domain/token/renew.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import {
  associate,
  callsOf,
  eventFault,
  expectSound,
  failuresOf,
  faultOnce,
  giveApp,
  makeDevices,
  poolOf,
  type TestApp,
  taskOf,
} from '../domain/license/support.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let token: bigint;
let other: bigint;
let second: Services;
beforeAll(async () => {
  world = await createWorld();
  world.services.metadata = { lookup: async () => [] };
  token = await world.library('own');
  other = await world.library('district');
  const pauseOf = (host: string) => createSharedPause(world.services, host);
  const apple = createAppleLibrary({ baseUrl: `${world.simulator.url}/mdm/v2`, clock: world.clock, pauseOf });
  second = { ...world.services, apple };
  await apple.limits();
  world.simulator.admin.clearJournal();
});
afterEach(async () => {
  world.simulator.admin.faults.clear();
  world.simulator.admin.setOptions({ limits: { maxAssets: 25, maxSerialNumbers: 1000 } });
  await world.settle(10_000);
  await expectSound(world);
  await world.clock.advance(400_000);
  await world.work();
  world.simulator.admin.clearJournal();
});
afterAll(() => world.close());

const write = (services: Services, tokenId = token) =>
  writeLicenses(services, { organizationId: world.organizationId, tokenId }, 'test');
const error = (errorNumber: number, more: object = {}) => ({ kind: 'error' as const, errorNumber, ...more });

/** A sync of the token that the first process works on until Apple refuses it. */
async function refusedSync(): Promise<bigint> {
  const { syncs } = await syncLicenses(world.admin, { tokenIds: [token], full: true });
  const { taskId } = syncs[0]!;
  await runSync(world.services, { organizationId: world.organizationId, taskId }, 'test');
  return taskId;
}

describe('S69 §15 all calls of a token wait together, in every process, and no other token’s', () => {
  test.each([
    ['429, seconds', error(9646, { retryAfter: 40 })],
    ['429, a date', error(9646, { retryAfterDate: 40 })],
    ['503, seconds', error(9729, { retryAfter: 40 })],
    ['503, a date', error(9729, { retryAfterDate: 40 })],
    ['500, seconds', error(9603, { retryAfter: 40 })],
    ['502 without a number, a date', error(0, { status: 502, retryAfterDate: 40 })],
  ])('S69 §15 %s, on a page of a sync: the writes of another process wait', async (_name, fault) => {
    const app = await giveApp(world, token);
    const elsewhere = await giveApp(world, other);
    faultOnce(world, fault, 'getAssets');
    const sync = await refusedSync();
    expect(await taskOf(world, sync)).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    const refusedAt = world.clock.now().getTime();
    const taskId = await associate(world, app, await makeDevices(world, 2));
    const free = await associate(world, elsewhere, await makeDevices(world, 2));
    await world.clock.advance(1_000);
    await write(second);
    await write(second, other);
    const waiting = await taskOf(world, taskId);
    expect(waiting).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    const until = waiting.waitsUntil!.getTime() - refusedAt;
    expect(until).toBeGreaterThanOrEqual(39_000);
    expect(until).toBeLessThanOrEqual(40_000);
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
    await world.clock.advance(until - 1_001);
    await world.work();
    expect(await taskOf(world, free)).toMatchObject({ state: 'SUCCEEDED' });
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
    expect(callsOf(world, 'getAssets')).toHaveLength(3);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  });

  test('S69 §15 a write that got 503 and no number: its outcome is unknown, and nothing else is sent before Retry-After', async () => {
    world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 2 } });
    await world.clock.advance(400_000);
    const app = await giveApp(world, token);
    faultOnce(world, error(0, { status: 503, retryAfter: 120 }));
    world.simulator.admin.clearJournal();
    const taskId = await associate(world, app, await makeDevices(world, 4));
    await world.work();
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
    await world.clock.advance(119_000);
    await world.work();
    expect(world.simulator.admin.journal().filter((entry) => entry.uId)).toHaveLength(1);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 4n });
  });

  test('S69 §15 429 without Retry-After on a sync: a pause for all, longer each time in a row, short again after an answer', async () => {
    const app = await giveApp(world, token);
    const gate = async () => {
      const { blockedUntil } = await world.database.prisma.tokenGate.findFirstOrThrow({ where: { tokenId: token } });
      return blockedUntil!.getTime() - world.clock.now().getTime();
    };
    const taskId = await associate(world, app, await makeDevices(world, 1));
    faultOnce(world, error(9646), 'getAssets', 1);
    await refusedSync();
    expect(await gate()).toBe(2_000);
    await write(second);
    expect(callsOf(world, 'associateAssets')).toHaveLength(0);
    for (const pause of [4_000, 8_000]) {
      await world.clock.advance(await gate());
      faultOnce(world, error(9646));
      await write(second);
      expect(await gate()).toBe(pause);
    }
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
    faultOnce(world, error(9646), 'getAssets', 1);
    await refusedSync();
    expect(await gate()).toBe(2_000);
  });
});

describe('F7 §15 a file that is uploaded stands in the line of the token that it is for', () => {
  const gate = async () => {
    const { blockedUntil } = await world.database.prisma.tokenGate.findFirstOrThrow({ where: { tokenId: token } });
    return (blockedUntil?.getTime() ?? 0) - world.clock.now().getTime();
  };

  test('F7 §15 while Apple wants a pause neither a renewal nor the same file again asks', async () => {
    faultOnce(world, error(9644, { status: 503, retryAfter: 90 }), 'getAssets');
    const taskId = await refusedSync();
    const { text: file } = world.simulator.admin.issueToken({ name: 'own', as: `waits ${taskId}` });
    world.simulator.admin.clearJournal();
    const unavailable = { code: 'APPLE_UNAVAILABLE', retryAfter: expect.any(Number) };
    await expect(renewToken(world.admin, { tokenId: token, file, force: true })).rejects.toMatchObject(unavailable);
    const same = { file: world.simulator.admin.tokenFile('own') };
    await expect(uploadToken(world.admin, same)).rejects.toMatchObject(unavailable);
    expect(callsOf(world, 'getClientConfig')).toEqual([]);
    await world.clock.advance(90_000);
    expect(await renewToken(world.admin, { tokenId: token, file, force: true })).toMatchObject({ changed: true });
  });

  test('F7 §15 and what Apple answers to the file holds all calls of the token', async () => {
    faultOnce(world, error(9646, { retryAfter: 70 }), 'getClientConfig');
    const file = world.simulator.admin.issueToken({ name: 'own', as: 'too early' }).text;
    const renewal = renewToken(world.admin, { tokenId: token, file, force: true });
    await expect(renewal).rejects.toMatchObject({ code: 'APPLE_UNAVAILABLE', retryAfter: 70 });
    expect(await gate()).toBe(70_000);
  });
});

describe('§15 a pause that Apple did not mean', () => {
  const by = { name: 'admin', correlationId: 'test' };

  test('§15 is ended by whoever knows it: what waited goes on at once, and it is audited', async () => {
    const app = await giveApp(world, token);
    faultOnce(world, error(9644, { status: 503, retryAfter: 86_400 }), 'getAssets');
    const sync = await refusedSync();
    const taskId = await associate(world, app, await makeDevices(world, 2));
    await write(second);
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    faultOnce(world, error(9644, { status: 503, retryAfter: 86_400 }), 'serviceConfig');
    await expect(world.services.apple.limits({ fresh: true })).rejects.toMatchObject({ retryAfter: 86_400_000 });

    const mine = { organizationId: world.organizationId, tokenId: token };
    expect(await endPauses(world.services, by, other)).toEqual({ tokens: [], shared: [] });
    const ended = await endPauses(world.services, by);
    expect(ended).toEqual({ tokens: [mine], shared: [expect.stringMatching(/^127\.0\.0\.1/)] });
    expect(await endPauses(world.services, by)).toEqual({ tokens: [], shared: [] });
    await world.work();
    await world.clock.advance(60_000);
    await world.settle();
    expect((await world.services.apple.limits({ fresh: true })).maxAssets).toBe(25);
    for (const id of [sync, taskId]) expect(await taskOf(world, id)).toMatchObject({ state: 'SUCCEEDED' });
    const audited = { action: 'token.end-pause', subject: `token:${token}`, actor: 'system:admin' };
    expect(await world.database.prisma.auditEntry.findMany({ where: audited })).toHaveLength(1);
  });
});

test('§15 the pause of service/config is one for all processes', async () => {
  faultOnce(world, error(9644, { status: 503, retryAfter: 600 }), 'serviceConfig');
  const asked = () => callsOf(world, 'serviceConfig').length;
  await expect(world.services.apple.limits({ fresh: true })).rejects.toMatchObject({ retryAfter: 600_000 });
  expect(asked()).toBe(1);
  await world.clock.advance(599_000);
  // Its last limits are old by now, and go on being used.
  expect((await second.apple.limits()).maxAssets).toBe(25);
  await expect(second.apple.limits({ fresh: true })).rejects.toMatchObject({ retryAfter: 1_000 });
  expect(asked()).toBe(1);
  await world.clock.advance(1_000);
  await second.apple.limits();
  expect(asked()).toBe(2);
});

describe('§14 limits that shrink while Russet works', () => {
  const refused = () => callsOf(world, 'associateAssets').filter((call) => call.errorNumber !== undefined);
  const sizes = () => callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers);
  async function twentyDevices(): Promise<{ app: TestApp; taskId: bigint }> {
    const app = await giveApp(world, token);
    return { app, taskId: await associate(world, app, await makeDevices(world, 20)) };
  }

  test('§14 9702 in one process: read again once, and the other process is not refused', async () => {
    await twentyDevices();
    await second.apple.limits({ fresh: true });
    world.simulator.admin.clearJournal();
    world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 7 } });
    await world.clock.advance(1_000);
    await write(world.services);
    expect(sizes()).toEqual([20, 7, 7, 6]);
    expect(callsOf(world, 'serviceConfig')).toHaveLength(1);
    await twentyDevices();
    await world.clock.advance(1_000);
    await write(second);
    expect(sizes().slice(4)).toEqual([7, 7, 6]);
    expect(refused()).toHaveLength(1);
  });

  test('§14 9702 that the published limits do not explain: the call is halved', async () => {
    faultOnce(world, error(9702));
    const { taskId } = await twentyDevices();
    await world.settle();
    expect(sizes()).toEqual([20, 10, 10]);
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  });

  test('§14 limits that can’t be read again after 9702: nothing is sent by the old ones', async () => {
    faultOnce(world, error(9729), 'serviceConfig', 3);
    const { taskId } = await twentyDevices();
    world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 7 } });
    await world.clock.advance(1_000);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
    expect(sizes()).toEqual([20, 7, 7, 6]);
  });
});

test('S18 §2.3 9622 at HTTP 200 to a write, while another process renewed the token: the token stays good and the write goes on', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 2));
  faultOnce(world, error(9622));
  const { apple } = world.services;
  const renewing: Services = {
    ...world.services,
    apple: {
      ...apple,
      associate: async (credential, call) => {
        const { text } = world.simulator.admin.issueToken({ name: 'own', as: `renewed ${taskId}` });
        await renewToken(world.admin, { tokenId: token, file: text, force: true });
        return apple.associate(credential, call);
      },
    },
  };
  await write(renewing);
  expect(callsOf(world, 'associateAssets')).toMatchObject([{ status: 200, errorNumber: 9622 }]);
  expect(await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).toMatchObject({
    condition: 'OK',
  });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  expect(callsOf(world, 'associateAssets')).toHaveLength(2);
});

test('F12 §14 calls that Apple refused outright wear nothing out: seven times 503, then two resets, and it is given', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, error(9729, { retryAfter: 1 }), 'associateAssets', 7);
  const taskId = await associate(world, app, await makeDevices(world, 2));
  for (let round = 0; round < 8; round++) {
    await world.work();
    await world.clock.advance(1_001);
    if (round === 6) faultOnce(world, { kind: 'reset', when: 'before' }, 'associateAssets', 2);
  }
  await world.settle(10_000);
  expect(await failuresOf(world, taskId)).toEqual([]);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(callsOf(world, 'associateAssets')).toHaveLength(10);
});

test('F12 §14 a status that Apple refuses is left for the assignments, and holds up no other write', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, error(9602), 'eventStatus');
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n });
});

test('F12 §10 a status that answers with 500 for ever: past its deadline the assignments are compared', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, error(9603), 'eventStatus', 1_000);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.settle(30_000);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n });
});

test('§14 assignments that Apple refuses to show: the items end with its number, and the seats are free', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, { kind: 'reset', when: 'before' });
  faultOnce(world, error(9602), 'getAssignments');
  const taskId = await associate(world, app, await makeDevices(world, 2));
  await world.settle(10_000);
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'APPLE_9602' }, { code: 'APPLE_9602' }]);
  expect(await poolOf(world, app)).toMatchObject({ reserved: 0n, held: 0n });
});

test('§14 a claim that Apple refuses for good (9725): five tries, then the tasks end with its number', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 2));
  await world.clock.advance(61_000);
  faultOnce(world, error(9725), 'getClientConfig', 50);
  await world.settle(10_000);
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'FAILED',
    outcome: 'NONE',
    failed: 2n,
    cause: { code: 'APPLE_REFUSED', appleErrorNumber: 9725 },
  });
  expect(callsOf(world, 'getClientConfig')).toHaveLength(6);
  expect(await poolOf(world, app)).toMatchObject({ reserved: 0n });
});

test('S69 §14 9709 makes Russet read the asset’s numbers again', async () => {
  const app = await giveApp(world, token, { total: 5 });
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9709 }));
  const taskId = await associate(world, app, await makeDevices(world, 1));
  await world.settle();
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'NO_LICENSES_AVAILABLE' }]);
  const { rows } = await world.database.pool.query('SELECT key FROM graphile_worker.jobs WHERE key = $1', [
    `asset:${world.organizationId}:${token}:${app.adamId}`,
  ]);
  expect(rows).toHaveLength(1);
});
