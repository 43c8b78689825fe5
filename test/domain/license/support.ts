/** What tests of licenses share: apps and devices of their own, and the books that must balance after everything. @module */
import { expect } from 'vitest';
import type { Failpoint } from '../../../src/domain/context.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { type AssociateInput, associateLicenses } from '../../../src/domain/license/associate.ts';
import { type RevokeInput, revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { refreshAsset } from '../../../src/domain/sync/refresh-asset.ts';
import type { Task } from '../../../src/generated/prisma/client.ts';
import type { AssetSpec, EventPlan, Fault } from '../../../src/simulator/index.ts';
import type { World } from '../../support/world.ts';

/** An app that only one test uses. */
export interface TestApp {
  id: bigint;
  adamId: string;
}

let lastAdamId = 9_300_000_000;
let lastSerial = 0;

/** Gives the token's library an asset, and reads it. With `adamId` a further library of a known app. */
export async function giveApp(world: World, tokenId: bigint, spec: Partial<AssetSpec> = {}): Promise<TestApp> {
  const adamId = spec.adamId ?? String(++lastAdamId);
  world.simulator.admin.addAsset({ total: 100, ...spec, adamId, uId: await uIdOf(world, tokenId) });
  await readAsset(world, tokenId, adamId);
  return { id: await world.app(adamId), adamId };
}

/** Reads the asset's numbers from the simulator. */
export function readAsset(world: World, tokenId: bigint, adamId: string): Promise<void> {
  return refreshAsset(world.services, { organizationId: world.organizationId, tokenId }, adamId, 'test');
}

export async function uIdOf(world: World, tokenId: bigint): Promise<string> {
  return (await world.database.prisma.token.findFirstOrThrow({ where: { id: tokenId } })).uId;
}

/** Lists new devices and gives their ids, in the order of their serial numbers. */
export async function makeDevices(
  world: World,
  count: number,
  like: { family?: 'IPAD' | 'MAC' | 'APPLE_TV' | 'UNKNOWN'; osVersion?: string | null } = {},
): Promise<bigint[]> {
  const devices = Array.from({ length: count }, () => ({
    serialNumber: `TEST${String(++lastSerial).padStart(7, '0')}`,
    family: like.family ?? ('IPAD' as const),
    osVersion: like.osVersion === undefined ? '17.4.1' : like.osVersion,
  }));
  return (await upsertDevices(world.admin, { devices })).deviceIds;
}

/** Associates the app with the devices and gives the task's id. */
export async function associate(
  world: World,
  app: TestApp | readonly TestApp[],
  deviceIds: bigint[],
  more: Partial<AssociateInput> = {},
): Promise<bigint> {
  const appIds = (Array.isArray(app) ? app : [app]).map((one: TestApp) => one.id);
  const { taskIds } = await associateLicenses(world.admin, { appIds, target: { deviceIds }, ...more });
  return taskIds[0]!;
}

/** Revokes the app from the devices and gives the task's id. */
export async function revoke(
  world: World,
  app: TestApp | readonly TestApp[],
  deviceIds: bigint[],
  more: Partial<RevokeInput> = {},
): Promise<bigint> {
  const appIds = (Array.isArray(app) ? app : [app]).map((one: TestApp) => one.id);
  const { taskIds } = await revokeLicenses(world.admin, { appIds, target: { deviceIds }, ...more });
  return taskIds[0]!;
}

export function taskOf(world: World, id: bigint): Promise<Task> {
  return world.database.prisma.task.findFirstOrThrow({ where: { id } });
}

export function failuresOf(world: World, taskId: bigint) {
  // In the order of the devices: in which order one statement ends many licenses is the database's choice.
  return world.database.prisma.taskFailure.findMany({
    where: { taskId },
    orderBy: [{ deviceId: 'asc' }, { id: 'asc' }],
  });
}

/** The app's live licenses. */
export function liveOf(world: World, app: TestApp) {
  return world.database.prisma.license.findMany({ where: { appId: app.id, endedAt: null }, orderBy: { id: 'asc' } });
}

export function poolOf(world: World, app: TestApp, tokenId?: bigint) {
  return world.database.prisma.licensePool.findFirstOrThrow({
    where: { appId: app.id, ...(tokenId ? { tokenId } : {}) },
  });
}

/** Serial numbers and users that hold the app at the simulator. */
export async function holdersAtApple(world: World, tokenId: bigint, app: TestApp): Promise<string[]> {
  const { assignments } = world.simulator.admin.truth({ uId: await uIdOf(world, tokenId) });
  return assignments
    .filter((row) => row.adamId === app.adamId)
    .map((row) => row.serialNumber ?? row.clientUserId!)
    .sort();
}

/** Orders a fault for the next associate (or another operation), once. */
export function faultOnce(world: World, fault: Fault, operation = 'associateAssets', times = 1): void {
  world.simulator.admin.faults.add({ match: { operation, times }, fault });
}

export const eventFault = (plan: EventPlan): Fault => ({ kind: 'event', plan });

/** How often the simulator was asked for an operation since the journal was cleared. */
export function callsOf(world: World, operation: string) {
  return world.simulator.admin.journal({ operation, limit: 10_000 });
}

/** The process that dies at a failpoint. */
export class Crash extends Error {}

/** Lets the worker die once, when it comes to `point` for the n-th time. Gives whether it has. */
export function crashAt(world: World, point: Failpoint, nth = 1): () => boolean {
  let seen = 0;
  world.services.failpoint = (reached) => {
    if (reached !== point || ++seen !== nth) return;
    world.services.failpoint = () => {};
    throw new Crash(point);
  };
  return () => seen >= nth;
}

/** Works like {@link World.work}, and starts again after a crash as another process would. */
export async function workThroughCrashes(world: World): Promise<void> {
  for (let round = 0; round < 100; round++) {
    try {
      await world.settle();
      return;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }
  throw new Error('it crashes for ever');
}

interface PoolBalance {
  poolId: bigint;
  uId: string;
  adamId: string;
  pricingParam: string;
  held: bigint;
  reserved: bigint;
  licensesHeld: bigint;
  licensesReserved: bigint;
  ledgerHeld: bigint;
  ledgerReserved: bigint;
}

/** The ledger, the licenses and the pools say the same; with `apple` also what the simulator has. */
export async function expectBalance(world: World, options: { apple?: boolean } = {}): Promise<void> {
  const balances = await world.database.prisma.$queryRaw<PoolBalance[]>`
    WITH counted AS (
      SELECT pool_id, count(*) FILTER (WHERE state IN ('CONFIRMED', 'REVOKE_REQUESTED', 'REVOKE_PENDING')) AS held,
        count(*) FILTER (WHERE state IN ('REQUESTED', 'PENDING_AT_APPLE')) AS reserved FROM license GROUP BY 1
    ), posted AS (
      SELECT pool_id, sum(held_delta)::bigint AS held, sum(reserved_delta)::bigint AS reserved FROM ledger GROUP BY 1
    )
    SELECT p.id AS "poolId", t.u_id AS "uId", p.adam_id AS "adamId", p.pricing_param AS "pricingParam", p.held, p.reserved,
      coalesce(c.held, 0) AS "licensesHeld", coalesce(c.reserved, 0) AS "licensesReserved",
      coalesce(l.held, 0) AS "ledgerHeld", coalesce(l.reserved, 0) AS "ledgerReserved"
    FROM license_pool p JOIN token t ON t.id = p.token_id
    LEFT JOIN counted c ON c.pool_id = p.id LEFT JOIN posted l ON l.pool_id = p.id ORDER BY p.id`;
  for (const balance of balances) {
    const { held, reserved } = balance;
    expect(balance).toMatchObject({
      licensesHeld: held,
      licensesReserved: reserved,
      ledgerHeld: held,
      ledgerReserved: reserved,
    });
  }
  if (options.apple ?? true) expectAppleAgrees(world, balances);
}

function expectAppleAgrees(world: World, balances: readonly PoolBalance[]): void {
  for (const uId of new Set(balances.map((balance) => balance.uId))) {
    const atApple = new Map(
      world.simulator.admin
        .truth({ uId })
        .assets.map((asset) => [`${asset.adamId}:${asset.pricingParam}`, asset.assigned]),
    );
    for (const { adamId, pricingParam, held } of balances.filter((balance) => balance.uId === uId)) {
      expect({ adamId, held: Number(held) }).toEqual({ adamId, held: atApple.get(`${adamId}:${pricingParam}`) ?? 0 });
    }
  }
}

/** Finished tasks have nothing under way, every item counted once, and each failed one in the list with its reason. */
export async function expectTasksWhole(world: World): Promise<void> {
  const odd = await world.database.prisma.$queryRaw<unknown[]>`
    SELECT t.id, t.kind::text, t.state::text, t.requested, t.completed, t.failed FROM task t
    WHERE t.kind <> 'SYNC' AND t.finished_at IS NOT NULL AND (t.completed + t.failed <> t.requested
      OR EXISTS (SELECT 1 FROM license l WHERE l.task_id = t.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      OR EXISTS (SELECT 1 FROM license l WHERE l.revoke_task_id = t.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')))`;
  expect(odd).toEqual([]);
  expect(
    await world.database.prisma.appleCall.count({ where: { state: { in: ['SENT', 'ACCEPTED', 'UNKNOWN'] } } }),
  ).toBe(0);
}

/** Everything of {@link expectBalance} and {@link expectTasksWhole}. */
export async function expectSound(world: World, options: { apple?: boolean } = {}): Promise<void> {
  await expectTasksWhole(world);
  await expectBalance(world, options);
}
