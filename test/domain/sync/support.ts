/** One organization of its own for each test, in the world of the test file. @module */
import { expect } from 'vitest';
import { createOrganization } from '../../../src/domain/access/create-organization.ts';
import type { Context } from '../../../src/domain/context.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import type { AppleLibrary, PageQuery } from '../../../src/domain/ports.ts';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { type UploadTokenInput, uploadToken } from '../../../src/domain/token/upload.ts';
import type { Task } from '../../../src/generated/prisma/client.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { schoolUnits, type World } from '../../support/world.ts';

/** An organization and what its administrator does. */
export interface Tenant {
  context: Context;
  organizationId: bigint;
  /** Uploads the simulator's token `name`. */
  upload(name?: string, input?: Partial<UploadTokenInput>): Promise<bigint>;
  /** Syncs the token, its whole library unless `full` is false, and gives the finished task. The clock moves on first, so that everything done before is old. */
  sync(tokenId: bigint, full?: boolean): Promise<Task>;
  /** Starts a sync without working on it. */
  start(tokenId: bigint, full?: boolean): Promise<bigint>;
  /** Works until the task is over. */
  finish(taskId: bigint): Promise<Task>;
  /** Uploads and syncs. */
  library(name?: string): Promise<bigint>;
}

/** A new organization over Apple's scenario as it is at its start. */
export async function newTenant(world: World): Promise<Tenant> {
  world.services.failpoint = () => {};
  world.simulator.admin.setOptions({ pageSize: 1_000, countLagSeconds: 0 });
  world.simulator.admin.faults.clear();
  world.simulator.admin.reset();
  const { organizationId } = await createOrganization(world.services, { name: 'Tenant' });
  const context = world.as('ADMINISTRATOR', { organizationId });
  const upload: Tenant['upload'] = async (name = 'own', input = {}) => {
    const file = world.simulator.admin.tokenFile(name);
    return (await uploadToken(context, { file, email: 'it@example.org', ...input })).tokenId;
  };
  const start: Tenant['start'] = async (tokenId, full = true) =>
    (await syncLicenses(context, { tokenIds: [tokenId], full })).syncs[0]!.taskId;
  const finish: Tenant['finish'] = async (taskId) => {
    for (let round = 0; round < 500; round++) {
      await world.work();
      const task = await readTask(world, taskId);
      if (task.finishedAt) return task;
      await world.clock.advance(1_000);
    }
    throw new Error('the task did not end');
  };
  const sync: Tenant['sync'] = async (tokenId, full) => {
    await world.clock.advance(1_000);
    return finish(await start(tokenId, full));
  };
  const library: Tenant['library'] = async (name) => {
    const tokenId = await upload(name);
    expect(await sync(tokenId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', cause: null });
    return tokenId;
  };
  return { context, organizationId, upload, sync, start, finish, library };
}

/** The task as it is stored. */
export function readTask(world: World, taskId: bigint): Promise<Task> {
  return world.database.prisma.task.findFirstOrThrow({ where: { id: taskId } });
}

/** The token as it is stored. */
export function readToken(world: World, tokenId: bigint) {
  return world.database.prisma.token.findFirstOrThrow({ where: { id: tokenId }, include: { sync: true } });
}

/** What of the token's library is live here, as texts in order. */
export async function liveHere(world: World, tokenId: bigint): Promise<string[]> {
  const rows = await world.database.prisma.license.findMany({ where: { tokenId, endedAt: null } });
  return rows.map((row) => `${row.adamId}/${row.pricingParam}/${row.serialNumber ?? row.clientUserId}`).sort();
}

/** What Apple has, as texts in order. */
export function liveAtApple(world: World, uId: string = schoolUnits.own): string[] {
  const { assignments } = world.simulator.admin.truth({ uId });
  return assignments.map((row) => `${row.adamId}/${row.pricingParam}/${row.serialNumber ?? row.clientUserId}`).sort();
}

/** The licenses are Apple's, each pool counts its rows, and the ledger adds up to both. */
export async function expectRightBooks(world: World, tokenId: bigint, uId: string = schoolUnits.own): Promise<void> {
  expect(await liveHere(world, tokenId)).toEqual(liveAtApple(world, uId));
  await expectBalance(world, tokenId);
}

/** Each pool counts its rows, and the ledger adds up to them. */
export async function expectBalance(world: World, tokenId: bigint): Promise<void> {
  const { rows } = await world.database.pool.query(
    `SELECT p.id FROM license_pool p WHERE p.token_id = $1 AND (
       p.held <> (SELECT count(*) FROM license l WHERE l.pool_id = p.id AND l.state IN ('CONFIRMED', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
       OR p.reserved <> (SELECT count(*) FROM license l WHERE l.pool_id = p.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
       OR p.held <> coalesce((SELECT sum(held_delta) FROM ledger g WHERE g.pool_id = p.id), 0)
       OR p.reserved <> coalesce((SELECT sum(reserved_delta) FROM ledger g WHERE g.pool_id = p.id), 0))`,
    [String(tokenId)],
  );
  expect(rows).toEqual([]);
}

/** How often the simulator was asked for pages of a list, by page. */
export function pagesAsked(world: World, operation: 'getAssets' | 'getAssignments'): number[] {
  return world.simulator.admin.journal({ operation }).map((entry) => Number(entry.query.pageIndex ?? 0));
}

/** Lets `change` see, and bend, every answer of one of the reads of Apple until the function that it gives is called. */
export function bendAnswers<Read extends 'readAssets' | 'readAssignments'>(
  world: World,
  read: Read,
  change: (
    page: Awaited<ReturnType<AppleLibrary[Read]>>,
    query: PageQuery,
  ) => Promise<Awaited<ReturnType<AppleLibrary[Read]>>>,
): () => void {
  const { apple } = world.services;
  const original = apple[read] as (credential: string, query: PageQuery) => ReturnType<AppleLibrary[Read]>;
  world.services.apple = {
    ...apple,
    [read]: async (credential: string, query: PageQuery) => change(await original(credential, query), query),
  };
  return () => {
    world.services.apple = apple;
  };
}

/** A clock of one caller alone: a sleep is over at once and moves only this caller's time. */
export function ownClock(start: Date): Clock {
  let present = start.getTime();
  return {
    now: () => new Date(present),
    sleep: async (milliseconds) => {
      present += milliseconds;
    },
  };
}

/** Puts iPads that hold nothing on the organization's list; gives their serial numbers. */
export async function listedDevices(tenant: Tenant, count: number): Promise<string[]> {
  const serialNumbers = Array.from({ length: count }, (_, index) => `SIMLIST${String(index).padStart(5, '0')}`);
  await upsertDevices(tenant.context, {
    devices: serialNumbers.map((serialNumber) => ({ serialNumber, family: 'IPAD', osVersion: '26.1' })),
  });
  return serialNumbers;
}
