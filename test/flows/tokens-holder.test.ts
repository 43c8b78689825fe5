import { afterAll, beforeAll, expect, test } from 'vitest';
import { upsertDevices } from '../../src/domain/device/upsert.ts';
import { TokenNotUsableError } from '../../src/domain/errors.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { callApple } from '../../src/domain/token/call-apple.ts';
import { claimToken } from '../../src/domain/token/claim.ts';
import { tokenState } from '../../src/domain/token/state.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { school } from '../../src/simulator/index.ts';
import { newTenant, ownClock, readTask, readToken, type Tenant } from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const uId = schoolUnits.own;
const stranger = { id: 'c0ffee00-0000-4000-8000-000000000001', name: 'Another MDM', metadata: 'mdm.elsewhere.example' };
const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
const holder = () => world.simulator.admin.truth({ uId }).mdmInfo;
const posts = (path: string) =>
  world.simulator.admin.journal().filter((entry) => entry.method === 'POST' && entry.path.endsWith(path));

/** Asks for one license of the app with a single seat; nothing is worked on yet. */
async function ask(tenant: Tenant): Promise<bigint> {
  const { context, organizationId } = tenant;
  await upsertDevices(context, { devices: [{ serialNumber: 'SIMHOLDER001', family: 'IPAD', osVersion: '26.1' }] });
  const { prisma } = world.database;
  const device = await prisma.device.findFirstOrThrow({ where: { organizationId, serialNumber: 'SIMHOLDER001' } });
  const app = await prisma.app.findFirstOrThrow({ where: { organizationId, adamId: school.oneSeat } });
  const { taskIds } = await associateLicenses(context, { appIds: [app.id], target: { deviceIds: [device.id] } });
  return taskIds[0]!;
}

test('F7 an upload claims a library that nobody holds, under an id of this installation and token', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const { mdmId, mdmCheckedAt } = await readToken(world, tokenId);
  expect(holder()).toEqual({ id: mdmId, name: 'Russet (test)', metadata: 'test' });
  expect(mdmCheckedAt).toEqual(world.clock.now());
  world.simulator.admin.clearJournal();
  await uploadToken(tenant.context, { file: world.simulator.admin.tokenFile('own') });
  expect(posts('client/config')).toEqual([]);
});

test('F7 a library that somebody else holds is stored as TAKEN_OVER and left alone until claimToken', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload('foreign');
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  expect(await readToken(world, tokenId)).toMatchObject({ foreignMdm: { name: 'Another MDM' } });
  expect(posts('client/config')).toEqual([]);
  await expect(tenant.start(tokenId)).rejects.toThrow(TokenNotUsableError);
  await claimToken(tenant.context, { tokenId });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  const { mdmId, foreignMdm } = await readToken(world, tokenId);
  expect(foreignMdm).toBeNull();
  expect(world.simulator.admin.truth({ uId: schoolUnits.foreign }).mdmInfo).toMatchObject({ id: mdmId });
  const audit = await world.database.prisma.auditEntry.findFirstOrThrow({
    where: { organizationId: tenant.organizationId, action: 'token.claim' },
  });
  expect(audit.data).toMatchObject({ before: { name: 'Another MDM' } });
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
});

test('F7 a take-over is found before the next write: nothing is sent; claimToken lets the work go on', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const taskId = await ask(tenant);
  await world.clock.advance(61_000);
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: stranger });
  await world.work();
  expect(posts('assets/associate')).toEqual([]);
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  expect(await readTask(world, taskId)).toMatchObject({ state: 'WAITING' });
  await claimToken(tenant.context, { tokenId });
  expect(await tenant.finish(taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
});

test('F7 an answer that names us is good for a minute, then the holder is asked for again', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const asked = () => world.simulator.admin.journal({ operation: 'getClientConfig' }).length;
  world.simulator.admin.clearJournal();
  const write = () =>
    callApple(world.services, { organizationId: tenant.organizationId, tokenId }, 'WRITE', async () => null);
  await world.clock.advance(50_000);
  await write();
  expect(asked()).toBe(0);
  await world.clock.advance(15_000);
  await write();
  expect(asked()).toBe(1);
});

test('F7 answers that name nobody are no proof that the library is ours: it is claimed before a write', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const { mdmId } = await readToken(world, tokenId);
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: null });
  await tenant.sync(tokenId);
  expect(await readToken(world, tokenId)).toMatchObject({ mdmCheckedAt: null });
  const taskId = await ask(tenant);
  expect(await tenant.finish(taskId)).toMatchObject({ state: 'SUCCEEDED' });
  expect(holder()).toMatchObject({ id: mdmId });
});

test('F7 a claim that fails does not fail the upload; the guard before a write makes up for it', async () => {
  const tenant = await newTenant(world);
  world.simulator.admin.faults.add({
    match: { method: 'POST', path: 'client/config', times: 1 },
    fault: { kind: 'error', errorNumber: 9603 },
  });
  const tokenId = await tenant.upload();
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(holder()).toBeNull();
  await tenant.sync(tokenId);
  expect(await tenant.finish(await ask(tenant))).toMatchObject({ state: 'SUCCEEDED' });
  expect(holder()).toMatchObject({ name: 'Russet (test)' });
});

test('F7 a claim that somebody else wins in the same moment is refused, and the token stays TAKEN_OVER', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  world.simulator.admin.faults.add({
    match: { method: 'GET', path: 'client/config' },
    fault: { kind: 'foreignMdmInfo', mdmInfo: stranger },
  });
  await expect(claimToken(tenant.context, { tokenId })).rejects.toMatchObject({
    code: 'TOKEN_NOT_USABLE',
    state: 'TAKEN_OVER',
  });
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  expect(await readToken(world, tokenId)).toMatchObject({ foreignMdm: stranger });
});

test('F7 a claim is two requests and takes two slots', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const { apple } = world.services;
  const limits = { ...(await apple.limits()), maxRequestsPerSecond: 10 };
  const clock = ownClock(world.clock.now());
  await claimToken({ ...tenant.context, clock, apple: { ...apple, limits: async () => limits } }, { tokenId });
  const gate = await world.database.prisma.tokenGate.findFirstOrThrow({ where: { tokenId } });
  expect(gate.nextSlotAt.getTime() - world.clock.now().getTime()).toBe(200);
});

test('F7 a token that may only read refuses writes, and hides no worse condition', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library('read-only');
  await expect(ask(tenant)).rejects.toMatchObject({ code: expect.stringMatching(/TOKEN_NOT_USABLE|NO_TOKEN_FOR_APP/) });
  await world.database.prisma.token.updateMany({ where: { id: tokenId }, data: { condition: 'TAKEN_OVER' } });
  await expect(claimToken(tenant.context, { tokenId })).rejects.toMatchObject({
    code: 'APPLE_REFUSED',
    appleErrorNumber: 9637,
  });
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
});

test('F7 a renewal learns from Apple who holds the library: it ends and begins TAKEN_OVER', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload();
  const { mdmId } = await readToken(world, tokenId);
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: stranger });
  const renew = () => uploadToken(tenant.context, { file: world.simulator.admin.tokenFile('own') });
  await renew();
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: { ...stranger, id: mdmId } });
  await renew();
  expect(await stateOf(tokenId)).toBe('ACTIVE');
});
