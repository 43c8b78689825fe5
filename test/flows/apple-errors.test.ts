/** Each number of Apple's, through the real paths: a sync's read, a write, and an item of an event. docs/apple.md is the table. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AppleRemedy, appleErrors } from '../../src/apple/errors.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import {
  associate,
  callsOf,
  eventFault,
  failuresOf,
  faultOnce,
  makeDevices,
  taskOf,
} from '../domain/license/support.ts';
import { adamIds, scenario } from '../scenarios/support/library.ts';
import { createWorld, type World } from '../support/world.ts';

/** The table of the documentation: what is done about each number. */
const table = new Map(
  readFileSync('docs/apple.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| 9\d{3}/.test(line))
    .flatMap((line) => {
      const [, numbers = '', , remedy = ''] = line.split('|').map((cell) => cell.trim());
      return numbers.split(' ').map((number): [number, AppleRemedy] => [Number(number), remedy as AppleRemedy]);
    }),
);
const conditions: Record<number, string> = {
  9621: 'OK',
  9625: 'REVOKED',
  9601: 'INVALID',
  9622: 'INVALID',
  9629: 'INVALID',
  9638: 'INVALID',
  9722: 'INVALID',
};
/** Numbers below 9700 of version 2. */
const newInV2 = new Set([
  9601, 9602, 9603, 9609, 9621, 9622, 9623, 9625, 9634, 9635, 9637, 9641, 9644, 9646, 9647, 9650,
]);
const limits = [9700, 9701, 9702, 9714, 9816];
const lost = [9650, 9721, 9812];
const itemCodes: Record<number, string> = {
  9706: 'NOT_REVOCABLE',
  9707: 'NOT_DEVICE_ASSIGNABLE',
  9709: 'NO_LICENSES_AVAILABLE',
};
const isToken = (number: number) => table.get(number) === 'ASK' && number !== 9709;

let world: World;
let token: bigint;
let app: { id: bigint; adamId: string };
let expiresAt: Date;
beforeAll(async () => {
  world = await createWorld();
  world.services.metadata = { lookup: async () => [] };
  world.simulator.admin.loadScenario({ scenario });
  token = await world.library('north');
  app = { id: await world.app(adamIds[3]), adamId: adamIds[3] };
  ({ expiresAt } = await world.database.prisma.token.findFirstOrThrow());
});
afterAll(() => world.close());

/** As a renewal would leave it. */
async function makeGood(): Promise<void> {
  world.simulator.admin.faults.clear();
  await world.database.prisma.token.updateMany({ data: { condition: 'OK', expiresAt } });
  await world.database.prisma.tokenGate.updateMany({ data: { suspendedUntil: world.clock.now() } });
  world.simulator.admin.clearJournal();
}

const readToken = () => world.database.prisma.token.findFirstOrThrow({ where: { id: token } });

async function expectTokenRefused(number: number): Promise<void> {
  const { condition, expiresAt: end } = await readToken();
  expect(condition).toBe(conditions[number] ?? 'READ_ONLY');
  if (number === 9621) expect(end).toEqual(world.clock.now());
}

async function throughSync(number: number, remedy: AppleRemedy): Promise<void> {
  await makeGood();
  faultOnce(world, { kind: 'error', errorNumber: number }, 'getAssets');
  const { syncs } = await syncLicenses(world.admin, { tokenIds: [token], full: lost.includes(number) });
  const taskId = syncs[0]!.taskId;
  await world.work();
  const task = await taskOf(world, taskId);
  if (remedy === 'RETRY' || lost.includes(number)) {
    expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    const wait = task.waitsUntil!.getTime() - world.clock.now().getTime();
    expect(wait).toBe(2_000);
    await world.clock.advance(wait - 1);
    expect(callsOf(world, 'getAssets')).toHaveLength(1);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', cause: null });
    return;
  }
  const code = isToken(number) ? (number === 9621 ? 'TOKEN_EXPIRED' : 'TOKEN_NOT_USABLE') : 'APPLE_REFUSED';
  expect(task).toMatchObject({ state: 'FAILED', cause: { code, appleErrorNumber: number } });
  expect(callsOf(world, 'getAssets')).toHaveLength(1);
  if (isToken(number)) await expectTokenRefused(number);
}

/** Two new devices, so that a call can be split. */
const two = () => makeDevices(world, 2);

async function throughWrite(number: number, remedy: AppleRemedy): Promise<void> {
  await makeGood();
  faultOnce(world, { kind: 'error', errorNumber: number });
  const devices = await two();
  const taskId = await associate(world, app, devices);
  await world.work();
  const task = await taskOf(world, taskId);
  if (isToken(number)) {
    expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
    await expectTokenRefused(number);
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
    await makeGood();
  } else if (remedy === 'RETRY' || [...lost, 9708].includes(number)) {
    expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    expect(task.waitsUntil!.getTime() - world.clock.now().getTime()).toBe(2_000);
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  }
  await world.settle();
  const done = await taskOf(world, taskId);
  const stops = remedy === 'STOP' || number === 9709 || [9616, 9619].includes(number);
  if (!stops) {
    expect(done).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 2n });
    const sizes = callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers);
    if (limits.includes(number)) expect(sizes).toEqual([2, 1, 1]);
    return;
  }
  expect(done).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 2n });
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  const code = itemCodes[number] ?? `APPLE_${number}`;
  expect(await failuresOf(world, taskId)).toMatchObject(devices.map(() => ({ code, appleErrorNumber: number })));
}

async function throughEvent(number: number, remedy: AppleRemedy): Promise<void> {
  await makeGood();
  const devices = await two();
  const { serialNumber } = await world.database.prisma.device.findFirstOrThrow({ where: { id: devices[0]! } });
  faultOnce(world, eventFault({ failTargets: [serialNumber], errorNumber: number }));
  const taskId = await associate(world, app, devices);
  await world.settle(5_000);
  const task = await taskOf(world, taskId);
  const calls = callsOf(world, 'associateAssets');
  expect((await readToken()).condition).toBe('OK');
  if (remedy === 'RETRY') {
    expect(task).toMatchObject({ outcome: 'ALL', completed: 2n });
    expect(calls.map((call) => call.body!.serialNumbers)).toEqual([2, 1]);
    const wait = Date.parse(calls[1]!.at) - Date.parse(calls[0]!.at);
    if ([9603, 9626].includes(number)) expect(wait).toBeLessThan(6_000);
    else expect(wait).toBeGreaterThanOrEqual(60_000);
    return;
  }
  expect(calls).toHaveLength(1);
  if (number === 9616) return expect(task).toMatchObject({ outcome: 'ALL' });
  expect(task).toMatchObject({ outcome: 'SOME', completed: 1n, failed: 1n });
  const code = itemCodes[number] ?? `APPLE_${number}`;
  expect(await failuresOf(world, taskId)).toMatchObject([{ code, appleErrorNumber: number, deviceId: devices[0] }]);
}

test('§14 the table of docs/apple.md and the one in the code are the same', () => {
  expect([...table].sort()).toEqual([...appleErrors].map(([number, { remedy }]) => [number, remedy]).sort());
});

const numbers = [...appleErrors.keys()].sort();
describe('S69 §14.1 each number in a sync, in a write, and of an item', () => {
  test.each(numbers.filter((one) => one >= 9700 || newInV2.has(one)))('S69 §14.1 %i', async (number) => {
    const remedy = table.get(number)!;
    await throughSync(number, remedy);
    await throughWrite(number, remedy);
    await throughEvent(number, remedy);
  });
});

describe('S69 §14.2 each number that may leak through from version 1, in a write', () => {
  test.each(numbers.filter((one) => one < 9700 && !newInV2.has(one)))('S69 §14.2 %i', async (number) => {
    await throughWrite(number, table.get(number)!);
    // Of these Apple says more than that it is over: somebody else got that license, and it has others.
    if (number === 9626) await throughEvent(number, 'RETRY');
  });
});
