/** Locks are taken in one order (docs/architecture.md): who waits for one of them holds nothing that comes behind it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../src/db/client.ts';
import { sql, transaction } from '../../../src/db/transaction.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { assignSeats } from '../../../src/domain/seat/assign.ts';
import { startSync } from '../../../src/domain/sync/start.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { removeToken } from '../../../src/domain/token/remove.ts';
import { renewToken } from '../../../src/domain/token/renew.ts';
import { retireVppUsers } from '../../../src/domain/vpp-user/retire.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { eventually } from '../../support/eventually.ts';
import { recordLocks } from '../../support/lock-recorder.ts';
import { createWorld, type World } from '../../support/world.ts';
import { taskOf } from '../license/support.ts';
import { adamId, parentAdamId, people, type SeatTenant, seatTenant, uId } from '../seat/support.ts';

let world: World;
let tenant: SeatTenant;
beforeAll(async () => {
  world = await createWorld();
  tenant = await seatTenant(world);
  world.simulator.admin.buySubscription({ uId, adamId, parentAdamId, renewing: 5, expiring: 5 });
  world.simulator.admin.setUser({ uId, clientUserId: 'invited', status: 'Registered' });
  await tenant.sync(tenant.tokenId);
});
afterAll(() => world.close());

const everybody = 'SELECT 1 FROM vpp_user WHERE organization_id = $1 AND token_id = $2 ORDER BY client_user_id';

const subscriptions =
  'SELECT 1 FROM seat_subscription WHERE organization_id = $1 AND token_id = $2 ORDER BY id FOR NO KEY UPDATE';

/** Holds `first` while `work` runs into it, then takes `second` as well: in a circle one of both would be thrown out. */
async function against(first: string, work: () => Promise<unknown>, second: string): Promise<void> {
  const of = [tenant.organizationId, tenant.tokenId];
  const client = await world.database.pool.connect();
  const waiting = async () => {
    const { rows } = await world.database.pool.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  };
  try {
    await client.query('BEGIN');
    await client.query(first, of);
    const working = work();
    expect(await eventually(waiting)).toBe(true);
    await Promise.all([working, client.query(second, of).then(() => client.query('COMMIT'))]);
  } finally {
    client.release();
  }
}

test('§2.1 whoever takes a row above another that it holds is found by what it says to the database', async () => {
  const { url } = world.database;
  const recorded = recordLocks(openDatabase({ url, connections: 1, logger: silentLogger, name: 'test' }));
  const { organizationId } = tenant;
  const pools = sql`SELECT 1 FROM license_pool WHERE organization_id = ${organizationId} ORDER BY id FOR NO KEY UPDATE`;
  const gate = sql`UPDATE token_gate SET claim = claim WHERE organization_id = ${organizationId}`;
  await transaction(recorded, async (tx) => {
    await tx.$queryRaw(pools);
    await tx.$executeRaw(gate);
  });
  await expect(recorded.close()).rejects.toThrow('license_pool before token_gate');
});

test('§2.1 a sync and who reads people again after a write never wait for each other', async () => {
  world.simulator.admin.setUser({ uId, clientUserId: 'invited', status: 'Registered', email: 'new@example.com' });
  const { taskId } = await transaction(tenant.context, (tx) => startSync(tenant.context, tx, tenant.tokenId));
  await against(
    `${everybody} FOR NO KEY UPDATE`,
    () => world.work(),
    'UPDATE token_sync SET users_version = users_version WHERE organization_id = $1 AND token_id = $2',
  );
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED' });
});

test('§2.1 who asks for a full sync never waits for the one that is queued', async () => {
  const { taskId } = await transaction(tenant.context, (tx) => startSync(tenant.context, tx, tenant.tokenId));
  const client = await world.database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM task WHERE id = $1 FOR UPDATE', [taskId]);
    const wish = { full: true };
    const joined = await transaction(tenant.context, (tx) => startSync(tenant.context, tx, tenant.tokenId, wish));
    expect(joined).toEqual({ tokenId: tenant.tokenId, taskId, joined: true });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  // Whoever had the task may have been about to begin with it: the wish is kept for the next one.
  const where = { organizationId_tokenId: { organizationId: tenant.organizationId, tokenId: tenant.tokenId } };
  expect(await world.database.prisma.tokenSync.findUniqueOrThrow({ where })).toMatchObject({ rerunFull: true });
  await world.settle();
});

test('§2.1 F9 who cancels a retirement and who assigns seats never wait for each other', async () => {
  const names = people(world, 2, 'leaver');
  await tenant.sync(tenant.tokenId);
  const found = { organizationId: tenant.organizationId, clientUserId: { in: names } };
  const rows = await world.database.prisma.vppUser.findMany({ where: found, orderBy: { id: 'asc' } });
  const vppUserIds = rows.map((row) => row.id);
  const { id } = await tenant.row();
  await assignSeats(tenant.context, { subscriptionIds: [id], vppUserIds, renewing: true });
  await world.settle();
  const { taskIds } = await retireVppUsers(tenant.context, { vppUserIds });
  await against(subscriptions, () => cancelTask(tenant.context, { taskId: taskIds[0]! }), `${everybody} FOR SHARE`);
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'CANCELLED' });
});

test('§2.1 F9 whoever gives up a retirement whose token nobody renewed and who assigns seats never wait for each other', async () => {
  const [clientUserId] = people(world, 1, 'given-up');
  await tenant.sync(tenant.tokenId);
  const { organizationId, tokenId, context } = tenant;
  const { prisma } = world.database;
  const person = await prisma.vppUser.findFirstOrThrow({ where: { organizationId, clientUserId: clientUserId! } });
  const target = { vppUserIds: [person.id] };
  const subscription = await tenant.row();
  await assignSeats(context, { subscriptionIds: [subscription.id], ...target, renewing: true });
  const pool = await prisma.licensePool.findFirstOrThrow({
    where: { organizationId, total: { gt: 100 }, revocable: true },
  });
  await associateLicenses(context, { appIds: [pool.appId], target });
  await world.settle();
  const { taskIds } = await retireVppUsers(context, target);
  const expire = (expiresAt: Date) => prisma.token.updateMany({ where: { id: tokenId }, data: { expiresAt } });
  const { expiresAt } = await prisma.token.findFirstOrThrow({ where: { id: tokenId } });
  await expire(new Date(world.clock.now().getTime() - 1));
  await world.work();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  await world.clock.advance(86_400_000);
  const licenses = 'SELECT 1 FROM license WHERE organization_id = $1 AND token_id = $2 ORDER BY id FOR NO KEY UPDATE';
  await against(subscriptions, () => world.work(), licenses);
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'FAILED', failed: 3n });
  await expire(expiresAt);
});

test('§2.1 F7 a renewal and a probe never wait for each other', async () => {
  const expDate = new Date(world.clock.now().getTime() + 400 * 86_400_000).toISOString();
  const file = world.simulator.admin.issueToken({ name: 'own', as: 'newer', expDate }).text;
  await against(
    'SELECT 1 FROM token_gate WHERE organization_id = $1 AND token_id = $2 FOR NO KEY UPDATE',
    () => renewToken(tenant.context, { tokenId: tenant.tokenId, file }),
    'UPDATE token SET probed_at = probed_at WHERE organization_id = $1 AND id = $2',
  );
});

test('§2.1 F9 a removal of a token and who assigns seats never wait for each other', async () => {
  // Somebody with a seat is being retired.
  const { id: seated } = await tenant.row();
  const seat = {
    organizationId: tenant.organizationId,
    subscriptionId: seated,
    endedAt: null,
    state: 'CONFIRMED',
  } as const;
  const { vppUserId } = await world.database.prisma.seatAssignment.findFirstOrThrow({ where: seat });
  const { taskIds } = await retireVppUsers(tenant.context, { vppUserIds: [vppUserId!] });
  await against(
    subscriptions,
    () => removeToken(tenant.context, { tokenId: tenant.tokenId, releaseLicenses: false }),
    `${everybody} FOR SHARE`,
  );
  expect((await tenant.row()).goneAt).not.toBeNull();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'FAILED', cause: { code: 'TOKEN_REMOVED' } });
});
