/** Where an app stands in the organization's store decides who may get it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setAppStatus } from '../../../src/domain/app/set-status.ts';
import { setGroupAppStatuses } from '../../../src/domain/device-group/app-statuses.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { createDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { AppNotReleasedError } from '../../../src/domain/errors.ts';
import { allocate, allocateQueue } from '../../../src/domain/license/allocate.ts';
import { allocateUsers } from '../../../src/domain/license/allocate-users.ts';
import type { Applicant, WantedApp } from '../../../src/domain/license/allocation.ts';
import type { FoundUser } from '../../../src/domain/vpp-user/find.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, failuresOf, giveApp, liveOf, makeDevices, taskOf } from './support.ts';

let world: World;
let own: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
});
afterAll(() => world.close());

const statuses = ['RELEASE', 'REVIEW', 'DEVELOPMENT'] as const;
const device = (id: bigint): Applicant => ({ id, serialNumber: `S${id}`, family: 'IPAD', osVersion: '17.0' });

test('S39 pure: released apps are for all, others for devices that may have them, and what is held says so first', () => {
  const nothing = { tokens: [], candidates: [], holdings: [] };
  const codes = (
    app: WantedApp,
    trials: string[],
    holdings: { appId: bigint; deviceId: bigint; tokenId: bigint; revoking: boolean }[] = [],
  ) => {
    const world = { ...nothing, holdings, trials: new Set(trials) };
    const claims = [{ appId: 1n, device: device(1n), tokenId: null }];
    const found = allocate({ ...world, apps: [app], devices: [device(1n)], tokenId: null });
    expect(allocateQueue(app, claims, world).refusals[0]!.error.code).toBe(found.refusals[0]!.error.code);
    return found.refusals[0]!.error.code;
  };
  for (const status of statuses)
    for (const trial of statuses)
      expect(codes({ id: 1n, name: 'App', status }, [`${trial}:1`])).toBe(
        status === 'RELEASE' || status === trial ? 'NO_TOKEN_FOR_APP' : 'APP_NOT_RELEASED',
      );
  expect(codes({ id: 1n, name: 'App', status: 'REVIEW' }, ['REVIEW:2'])).toBe('APP_NOT_RELEASED');
  const held = [{ appId: 1n, deviceId: 1n, tokenId: 1n, revoking: false }];
  expect(codes({ id: 1n, name: 'App', status: 'REVIEW' }, [], held)).toBe('ALREADY_LICENSED');
});

test('S39 people are in no device group: they get what is released', () => {
  const user = { id: 1n, tokenId: 1n, clientUserId: 'u', status: 'ASSOCIATED' } as FoundUser;
  const code = (status: (typeof statuses)[number]) =>
    allocateUsers({
      apps: [{ id: 1n, name: 'App', status }],
      users: [user],
      tokens: [],
      candidates: [],
      holdings: [],
      reserves: [],
      named: false,
    }).refusals[0]!.error.code;
  expect(statuses.map(code)).toEqual(['NO_TOKEN_FOR_APP', 'APP_NOT_RELEASED', 'APP_NOT_RELEASED']);
});

test('S39 an app in review goes to the devices of chosen groups; the others are refused one by one, and what is held stays', async () => {
  const app = await giveApp(world, own);
  const [inside, outside, holder] = await makeDevices(world, 3);
  await associate(world, app, [holder!]);
  await world.settle();
  await setAppStatus(world.admin, { appIds: [app.id], status: 'REVIEW' });
  const groupId = await createDeviceGroup(world.admin, { name: 'Reviewers' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [inside!] }, change: 'ADD' });

  await setGroupAppStatuses(world.admin, { groupId, statuses: ['DEVELOPMENT'] });
  await expect(associate(world, app, [inside!])).rejects.toThrow(AppNotReleasedError);
  await setGroupAppStatuses(world.admin, { groupId, statuses: ['REVIEW', 'DEVELOPMENT'] });
  const taskId = await associate(world, app, [inside!, outside!, holder!], { onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 1n, failed: 2n });
  const failures = await failuresOf(world, taskId);
  expect(failures.map(({ deviceId, code }) => [deviceId, code])).toEqual([
    [outside, 'APP_NOT_RELEASED'],
    [holder, 'ALREADY_LICENSED'],
  ]);
  expect(failures[0]!.data).toEqual({ status: 'REVIEW' });
  await setGroupAppStatuses(world.admin, { groupId, statuses: [] });
  expect((await liveOf(world, app)).map(({ deviceId }) => deviceId)).toEqual([holder, inside]);
  await expectSound(world);
});

test('S39 whoever waits for an app that is withdrawn waits no longer', async () => {
  const app = await giveApp(world, own, { total: 0 });
  const [waiter] = await makeDevices(world, 1);
  const taskId = await associate(world, app, [waiter!], { onShortage: 'WAIT' });
  await world.work();
  await setAppStatus(world.admin, { appIds: [app.id], status: 'DEVELOPMENT' });
  await world.work();
  expect((await failuresOf(world, taskId)).map(({ code }) => code)).toEqual(['APP_NOT_RELEASED']);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'NONE' });
});
