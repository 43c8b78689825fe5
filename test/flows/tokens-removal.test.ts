import { afterAll, beforeAll, expect, test } from 'vitest';
import { TokenHoldsLicensesError, TokenNotUsableError } from '../../src/domain/errors.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { cancelTask } from '../../src/domain/task/cancel.ts';
import { retryTask } from '../../src/domain/task/retry.ts';
import { forgetBlock, forgetLicenses } from '../../src/domain/token/forget.ts';
import { removeToken } from '../../src/domain/token/remove.ts';
import { tokenState } from '../../src/domain/token/state.ts';
import { dueWork } from '../../src/domain/work/due.ts';
import { jobs } from '../../src/jobs/registry.ts';
import { school } from '../../src/simulator/index.ts';
import {
  expectBalance,
  expectRightBooks,
  listedDevices,
  liveAtApple,
  liveHere,
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

const uId = schoolUnits.own;
const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
async function ask({ context, organizationId }: Tenant, serialNumbers: string[]): Promise<bigint> {
  const where = { organizationId_adamId: { organizationId, adamId: school.exactly300 } };
  const { id } = await world.database.prisma.app.findUniqueOrThrow({ where });
  const { taskIds } = await associateLicenses(context, { appIds: [id], target: { serialNumbers } });
  return taskIds[0]!;
}
const atApple = () => world.simulator.admin.truth({ uId }).assignments;
const irrevocable = () => {
  const { assets, assignments } = world.simulator.admin.truth({ uId });
  const fixed = new Set(
    assets.filter((asset) => !asset.revocable).map((asset) => `${asset.adamId} ${asset.pricingParam}`),
  );
  return assignments.filter((one) => fixed.has(`${one.adamId} ${one.pricingParam}`)).length;
};

test('F7 a removal says what the token holds, by kind, and names what is reserved', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const taskId = await ask(tenant, await listedDevices(tenant, 3));
  const refusal = await removeToken(tenant.context, { tokenId }).catch((error) => error);
  expect(refusal).toBeInstanceOf(TokenHoldsLicensesError);
  const truth = atApple();
  expect(refusal.holdings).toEqual({
    total: BigInt(truth.length + 3),
    devices: BigInt(truth.filter((one) => one.serialNumber).length),
    users: BigInt(truth.filter((one) => one.clientUserId).length),
    reserved: 3n,
    revoking: 0n,
    irrevocable: BigInt(irrevocable()),
    external: BigInt(truth.length),
    seats: 0n,
    apps: expect.any(BigInt),
  });
  expect(irrevocable()).toBeGreaterThan(0);
  const reserved = await world.database.prisma.license.findMany({ where: { taskId }, orderBy: { id: 'asc' } });
  expect(refusal.reserved).toEqual(reserved.map((license) => license.id));
  expect(await stateOf(tokenId)).toBe('ACTIVE');
});

test('F7 releaseLicenses: everything that can be is given back at Apple, then the token goes; the rest stays there', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const serials = await listedDevices(tenant, 8);
  const sent = await ask(tenant, serials.slice(0, 4));
  await world.work();
  const unsent = await ask(tenant, serials.slice(4, 6));
  const stays = irrevocable();
  const removal = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  expect(removal).toEqual({ tokenId, licensesLeft: BigInt(stays), taskId: expect.any(BigInt) });
  expect(await stateOf(tokenId)).toBe('REMOVING');
  // It gives no new license meanwhile, and a second request joins the first.
  await expect(ask(tenant, serials.slice(6))).rejects.toThrow(/REMOVING/);
  expect(await removeToken(tenant.context, { tokenId, releaseLicenses: true })).toEqual(removal);
  const task = await tenant.finish(removal.taskId!);
  expect(task).toMatchObject({ kind: 'REMOVE_TOKEN', state: 'SUCCEEDED', outcome: 'ALL', failed: 0n, cause: null });
  expect(await stateOf(tokenId)).toBe('REMOVED');
  expect(atApple()).toHaveLength(stays);
  expect(await liveHere(world, tokenId)).toEqual([]);
  expect(await readTask(world, sent)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await readTask(world, unsent)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE' });
  await expectBalance(world, tokenId);
  expect(await dueWork(world.services)).toEqual([]);
});

test('F7 a release that is cancelled keeps the token and what was not given back', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const { taskId } = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  const before = atApple().length;
  // The licenses are marked, and nothing was sent to Apple yet.
  const release = (await dueWork(world.services)).find((work) => work.name === 'remove-token')!;
  await jobs[release.name](world.services, release.payload, 'test');
  expect(await readTask(world, taskId!)).toMatchObject({ state: 'RUNNING', phase: 'RELEASING' });
  await cancelTask(tenant.context, { taskId: taskId! });
  expect(await tenant.finish(taskId!)).toMatchObject({ state: 'CANCELLED' });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(atApple()).toHaveLength(before);
  expect(await liveHere(world, tokenId)).toEqual(liveAtApple(world));
  await expectRightBooks(world, tokenId);
  await expect(retryTask(tenant.context, { taskId: taskId! })).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
  const again = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  expect(await tenant.finish(again.taskId!)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await stateOf(tokenId)).toBe('REMOVED');
});

test('F7 a release that is cancelled when Apple works on it ends when that is settled, and the token stays', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const { taskId } = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  await world.work();
  await cancelTask(tenant.context, { taskId: taskId! });
  expect(await tenant.finish(taskId!)).toMatchObject({ state: 'CANCELLED', outcome: 'ALL' });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(atApple()).toHaveLength(irrevocable());
  await expectRightBooks(world, tokenId);
});

test('F7 what Apple does not take back keeps the token: the task says so and the token works on', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const { taskId } = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  world.simulator.admin.faults.add({
    match: { path: 'assets/disassociate' },
    fault: { kind: 'error', errorNumber: 9632 },
  });
  const task = await tenant.finish(taskId!);
  expect(task).toMatchObject({ state: 'FAILED', cause: { code: 'TOKEN_HOLDS_LICENSES' } });
  expect(task.failed).toBeGreaterThan(0n);
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  world.simulator.admin.faults.clear();
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('F7 §1.7 an irrevocable license that Apple may have been given is waited for and stays there; it stops no removal', async () => {
  const adamId = '9399999999';
  const tenant = await newTenant(world);
  world.simulator.admin.addAsset({ uId, adamId, total: 5, revocable: false });
  const tokenId = await tenant.library();
  const { organizationId } = tenant;
  const app = await world.database.prisma.app.findFirstOrThrow({ where: { organizationId, adamId } });
  const [serial] = await listedDevices(tenant, 1);
  const { taskIds } = await associateLicenses(tenant.context, {
    appIds: [app.id],
    target: { serialNumbers: [serial!] },
  });
  const where = { taskId: taskIds[0]! };
  // It was sent, and put back when a list did not show it.
  await world.database.prisma.license.updateMany({ where, data: { sends: 1 } });
  const removal = await removeToken(tenant.context, { tokenId, releaseLicenses: true });
  const release = (await dueWork(world.services)).find((work) => work.name === 'remove-token')!;
  await jobs[release.name](world.services, release.payload, 'test');
  expect(await world.database.prisma.license.findMany({ where })).toMatchObject([
    { state: 'REQUESTED', revokeTaskId: null },
  ]);
  expect(await tenant.finish(removal.taskId!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', failed: 0n });
  expect(await readTask(world, taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  expect(await stateOf(tokenId)).toBe('REMOVED');
  expect(atApple().filter((one) => one.adamId === adamId)).toHaveLength(1);
});

test('F7 a token that can not write gives nothing back; it can be removed as it is', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library('read-only');
  await world.database.prisma.token.updateMany({ where: { id: tokenId }, data: { condition: 'READ_ONLY' } });
  await expect(removeToken(tenant.context, { tokenId, releaseLicenses: true })).rejects.toThrow(TokenNotUsableError);
  expect(await removeToken(tenant.context, { tokenId, releaseLicenses: false })).toMatchObject({ taskId: null });
  expect(await stateOf(tokenId)).toBe('REMOVED');
});

/** Gives the token's first pool licenses of people that nobody else knows of. */
async function addLicenses(tokenId: bigint, count: number): Promise<void> {
  await world.database.pool.query(
    `WITH pool AS (
       UPDATE license_pool SET total = total + $2, held = held + $2 WHERE id = (
         SELECT id FROM license_pool WHERE token_id = $1 AND revocable ORDER BY id LIMIT 1) RETURNING *
     ), added AS (
       INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, state, source, started_at, changed_at)
       SELECT organization_id, id, token_id, app_id, adam_id, pricing_param, 'MANY' || n, 'CONFIRMED', 'EXTERNAL', $3, $3
       FROM pool, generate_series(1, $2::int) AS n RETURNING id, pool_id, organization_id)
     INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, actor)
     SELECT organization_id, $3, pool_id, id, 'OPENING', 1, 0, 'system:test' FROM added`,
    [String(tokenId), count, world.clock.now()],
  );
}

test('F7 a large library is forgotten in blocks: the token is gone at once, and an upload keeps what was not reached', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await addLicenses(tokenId, 2 * forgetBlock);
  const held = (await liveHere(world, tokenId)).length;
  const taskId = await ask(tenant, await listedDevices(tenant, 2));
  expect(await removeToken(tenant.context, { tokenId, confirm: true })).toEqual({
    tokenId,
    licensesLeft: BigInt(held),
    taskId: null,
  });
  expect(await readToken(world, tokenId)).toMatchObject({ secretJwe: null, forgetAt: world.clock.now() });
  // Seats that wait go first: nothing is owed to a task.
  expect(await readTask(world, taskId)).toMatchObject({ state: 'FAILED', cause: { code: 'TOKEN_REMOVED' } });
  expect((await liveHere(world, tokenId)).length).toBe(held + 2 - forgetBlock);
  await world.work();
  expect(await liveHere(world, tokenId)).toEqual([]);
  expect(await readToken(world, tokenId)).toMatchObject({ forgetAt: null });
  await expectBalance(world, tokenId);

  await tenant.upload();
  await tenant.sync(tokenId);
  await addLicenses(tokenId, 2 * forgetBlock);
  await removeToken(tenant.context, { tokenId, confirm: true });
  const left = await liveHere(world, tokenId);
  await tenant.upload();
  // Its job may have been queued before.
  await forgetLicenses(world.services, { organizationId: tenant.organizationId, tokenId }, 'test');
  await world.work();
  expect(await liveHere(world, tokenId)).toEqual(left);
  await tenant.sync(tokenId);
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
}, 120_000);
