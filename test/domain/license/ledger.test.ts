import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemContext } from '../../../src/domain/context.ts';
import { carriedBy } from '../../../src/domain/license/call.ts';
import { settleCall } from '../../../src/domain/license/settle.ts';
import { claimGate } from '../../../src/domain/task/claim.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, giveApp, makeDevices, poolOf, revoke, taskOf } from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterAll(() => world.close());

for (const statement of [
  "UPDATE ledger SET reason = 'x'",
  'DELETE FROM ledger',
  'TRUNCATE ledger',
  "UPDATE audit_entry SET action = 'x'",
  'DELETE FROM audit_entry',
  'TRUNCATE audit_entry',
]) {
  test(`F13 the database refuses: ${statement}`, async () => {
    await expect(world.database.pool.query(statement)).rejects.toMatchObject({
      code: '23001',
      message: expect.stringContaining('append-only'),
    });
  });
}

test('F13 every step of a license leaves one line with who, why, task and Apple event', async () => {
  const app = await giveApp(world, token);
  const [device] = await makeDevices(world, 1);
  const given = await associate(world, app, [device!]);
  await world.settle();
  const taken = await revoke(world, app, [device!]);
  await world.settle();
  const { id: poolId } = await poolOf(world, app);
  const lines = await world.database.prisma.ledger.findMany({ where: { poolId }, orderBy: { id: 'asc' } });
  expect(lines.map((line) => [line.kind, line.heldDelta, line.reservedDelta, line.taskId])).toEqual([
    ['REQUEST', 0, 1, given],
    ['SEND', 0, 0, given],
    ['CONFIRM', 1, -1, given],
    ['REQUEST_REVOKE', 0, 0, taken],
    ['SEND_REVOKE', 0, 0, taken],
    ['REVOKE', -1, 0, taken],
  ]);
  const { events } = world.simulator.admin.truth({ uId: '900000000000000101' });
  const [gave, took] = events.slice(-2).map((event) => event.eventId);
  expect(lines.map((line) => line.appleEventId)).toEqual([null, gave, gave, null, took, took]);
  const key = world.admin.actor.kind === 'API_KEY' ? `key:${world.admin.actor.apiKeyId}` : '';
  expect(lines.map((line) => line.actor)).toEqual([
    key,
    'system:writer',
    'system:writer',
    key,
    'system:writer',
    'system:writer',
  ]);
});

test('F13 the first sync of a library opens the ledger', async () => {
  const [opening] = await world.database.prisma.$queryRaw<{ lines: bigint; licenses: bigint }[]>`
    SELECT (SELECT count(*) FROM ledger WHERE kind = 'OPENING') AS lines, (SELECT count(*) FROM license WHERE opening) AS licenses`;
  expect(opening!.lines).toBe(opening!.licenses);
  expect(opening!.lines).toBeGreaterThan(50n);
});

test('a call that is settled twice counts once', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.work();
  const call = await world.database.prisma.appleCall.findFirstOrThrow({ where: { taskId } });
  const items = await carriedBy(world.database.prisma, world.organizationId, call.id);
  const context = systemContext(world.services, world.organizationId, 'writer', 'test');
  const claim = (await claimGate(world.services, { organizationId: world.organizationId, tokenId: token }))!;
  const settled = { callId: call.id, taskId, kind: 'ASSOCIATE' as const };
  const failure = { code: 'APPLE_9609', message: 'No.', appleErrorNumber: 9609 };
  const verdict = { done: items.slice(0, 2), failed: [{ item: items[2]!, failure }] };
  await settleCall(context, claim, settled, verdict);
  await settleCall(context, claim, settled, verdict);
  await settleCall(context, claim, settled, { done: items, failed: [] });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 2n, failed: 1n });
  expect(await world.database.prisma.taskFailure.count({ where: { taskId } })).toBe(1);
  expect(await poolOf(world, app)).toMatchObject({ held: 2n, reserved: 0n });
  world.simulator.admin.truth({ uId: '900000000000000101' });
  await expectSound(world, { apple: false });
});

test('a pool can not be reserved above its free seats, whoever tries', async () => {
  const app = await giveApp(world, token, { total: 2 });
  const { id } = await poolOf(world, app);
  await expect(
    world.database.pool.query('UPDATE license_pool SET reserved = 3 WHERE id = $1', [id]),
  ).rejects.toMatchObject({
    code: '23514',
  });
  await world.database.pool.query('UPDATE license_pool SET reserved = 2 WHERE id = $1', [id]);
  await world.database.pool.query('UPDATE license_pool SET total = 1 WHERE id = $1', [id]);
  await world.database.pool.query('UPDATE license_pool SET reserved = 0, total = 2 WHERE id = $1', [id]);
});
