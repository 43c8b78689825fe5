/** Reserves, quotas and the preview of another order, against a real database. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { listQuotasOf, setGroupQuota } from '../../../src/domain/device-group/quota.ts';
import { createDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { previewTokenOrder } from '../../../src/domain/token/preview-order.ts';
import { reorderTokens } from '../../../src/domain/token/reorder.ts';
import { setTokenReserve } from '../../../src/domain/token/reserve.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  failuresOf,
  giveApp,
  liveOf,
  makeDevices,
  poolOf,
  revoke,
  type TestApp,
  taskOf,
} from './support.ts';

let world: World;
let own: bigint;
let district: bigint;
let groups = 0;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
  district = await world.library('district');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

const window = { after: null, before: null, limit: 100, fromEnd: false };

async function groupOf(deviceIds: bigint[]): Promise<bigint> {
  const groupId = await createDeviceGroup(world.admin, { name: `Group ${++groups}` });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds } });
  return groupId;
}

const usedOf = async (groupId: bigint) =>
  (await listQuotasOf(preparedRows(world.database.pool), world.organizationId, [groupId], window))
    .get(groupId)!
    .map(({ used }) => used);

test('F11 a reserve stays for requests that name the token; the license says so; without the number it is free again', async () => {
  const app = await giveApp(world, own, { total: 3 });
  await giveApp(world, district, { adamId: app.adamId, total: 5 });
  await setTokenReserve(world.admin, { tokenId: own, appId: app.id, seats: 2 });
  const devices = await makeDevices(world, 4);
  await associate(world, app, devices.slice(0, 2));
  await associate(world, app, [devices[2]!], { tokenId: own });
  await setTokenReserve(world.admin, { tokenId: own, appId: app.id, seats: null });
  await associate(world, app, [devices[3]!]);
  await world.settle();
  const skipped = [{ tokenId: String(own), reason: 'RESERVE' }];
  expect((await liveOf(world, app)).map(({ tokenId, allocation }) => [tokenId, allocation])).toEqual([
    [own, { reason: 'FIRST_IN_ORDER', skipped: [] }],
    [district, { reason: 'NEXT_IN_ORDER', skipped }],
    [own, { reason: 'NAMED', skipped: [], fromReserve: true }],
    [own, { reason: 'FIRST_IN_ORDER', skipped: [] }],
  ]);
});

test('F11 a quota counts what is held and what is on its way, through all tokens; what is taken back makes room', async () => {
  const app = await giveApp(world, own, { total: 1 });
  await giveApp(world, district, { adamId: app.adamId, total: 10 });
  const devices = await makeDevices(world, 4);
  const groupId = await groupOf(devices);
  await setGroupQuota(world.admin, { groupId, appId: app.id, seats: 2 });
  await associate(world, app, [devices[0]!]);
  await world.settle();
  const taskId = await associate(world, app, devices, { onError: 'SKIP_FAILED' });
  expect(await failuresOf(world, taskId)).toMatchObject([
    { code: 'ALREADY_LICENSED' },
    { code: 'QUOTA_EXCEEDED', data: { groupId: String(groupId), quota: '2', used: '2' } },
    { code: 'QUOTA_EXCEEDED' },
  ]);
  await expect(associate(world, app, [devices[3]!])).rejects.toMatchObject({
    code: 'QUOTA_EXCEEDED',
    groupId,
    appId: app.id,
    quota: 2n,
    used: 2n,
  });
  expect(await usedOf(groupId)).toEqual([2n]);
  await world.settle();
  expect((await liveOf(world, app))[1]!.allocation).toMatchObject({
    quotas: [{ groupId: String(groupId), group: `Group ${groups}`, seats: '2', used: '2' }],
  });
  await revoke(world, app, [devices[0]!]);
  await expect(associate(world, app, [devices[3]!])).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  await world.settle();
  await associate(world, app, [devices[3]!]);
  await world.settle();
  expect(await usedOf(groupId)).toEqual([2n]);
  await setGroupQuota(world.admin, { groupId, appId: app.id, seats: 1 });
  expect(await liveOf(world, app)).toHaveLength(2);
});

/** A request that found no free connection for too long on a busy machine asks again. */
async function insist(app: TestApp, device: bigint): Promise<bigint> {
  for (;;) {
    try {
      return await associate(world, app, [device]);
    } catch (error) {
      if ((error as { code?: string }).code !== 'P2028') throw error;
    }
  }
}

test('F11 quotas hold under 200 requests at once: one app in two tokens, and four apps that count together', async () => {
  const devices = await makeDevices(world, 200);
  const apps: TestApp[] = [];
  for (let count = 0; count < 4; count++) apps.push(await giveApp(world, count % 2 ? own : district, { total: 200 }));
  await giveApp(world, own, { adamId: apps[0]!.adamId, total: 200 });
  const all = await groupOf(devices);
  const half = await groupOf(devices.slice(0, 100));
  await setGroupQuota(world.admin, { groupId: all, seats: 90 });
  await setGroupQuota(world.admin, { groupId: half, appId: apps[0]!.id, seats: 7 });
  const answers = await Promise.allSettled(devices.map((device, at) => insist(apps[at % 4]!, device)));
  const given = answers.filter(({ status }) => status === 'fulfilled').length;
  const codes = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
  expect([...new Set(codes)]).toEqual(['QUOTA_EXCEEDED']);
  expect(given).toBe(90);
  expect(await usedOf(all)).toEqual([90n]);
  const [ofHalf] = await usedOf(half);
  expect(ofHalf).toBeLessThanOrEqual(7n);
  await world.settle();
  expect(await usedOf(all)).toEqual([90n]);
}, 180_000);

test('F11 S80 a preview tells which apps would come from another token, and changes nothing; the reorder then does just that', async () => {
  const both = await giveApp(world, own, { total: 5 });
  await giveApp(world, district, { adamId: both.adamId, total: 5 });
  const short = await giveApp(world, own, { total: 5 });
  await giveApp(world, district, { adamId: short.adamId, total: 1 });
  await setTokenReserve(world.admin, { tokenId: district, appId: short.id, seats: 1 });
  const reader = preparedRows(world.database.pool);
  const order = [district, own];
  const { changes } = await previewTokenOrder(reader, world.admin, order);
  const of = (app: TestApp) => changes.find((change) => change.appId === app.id);
  expect(of(both)).toMatchObject({ before: { tokenId: own, skipped: [] }, after: { tokenId: district, skipped: [] } });
  expect(of(short)).toBeUndefined();
  await expect(previewTokenOrder(reader, world.admin, [own])).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(await previewTokenOrder(reader, world.admin, [own, district])).toMatchObject({ changes: [] });
  await reorderTokens(world.admin, { tokenIds: order });
  const taskId = await associate(world, [both, short], await makeDevices(world, 1));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  expect(await liveOf(world, both)).toMatchObject([{ tokenId: district }]);
  expect(await liveOf(world, short)).toMatchObject([
    { tokenId: own, allocation: { skipped: [{ tokenId: String(district), reason: 'RESERVE' }] } },
  ]);
  expect(await poolOf(world, short, district)).toMatchObject({ held: 0n });
  await reorderTokens(world.admin, { tokenIds: [own, district] });
});
