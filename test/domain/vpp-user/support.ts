/** What tests of people share. @module */
import { assignBooks } from '../../../src/domain/license/assign-books.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { type CreateUsersInput, createVppUsers } from '../../../src/domain/vpp-user/create.ts';
import { readInvitations } from '../../../src/domain/vpp-user/invitation.ts';
import type { VppUser } from '../../../src/generated/prisma/client.ts';
import type { World } from '../../support/world.ts';
import { type TestApp, uIdOf } from '../license/support.ts';

/** Asks for people; gives the task and their ids in order. */
export async function create(
  world: World,
  tokenId: bigint,
  users: CreateUsersInput['users'],
): Promise<{ taskId: bigint; userIds: bigint[] }> {
  const { taskIds } = await createVppUsers(world.admin, { tokenId, users });
  const writes = await world.database.prisma.vppUserWrite.findMany({
    where: { taskId: taskIds[0]! },
    orderBy: { id: 'asc' },
  });
  return { taskId: taskIds[0]!, userIds: writes.map((write) => write.userId) };
}

/** Makes people who are REGISTERED at Apple. */
export async function registered(world: World, tokenId: bigint, count: number): Promise<bigint[]> {
  const { userIds } = await create(
    world,
    tokenId,
    Array.from({ length: count }, () => ({})),
  );
  await world.settle();
  return userIds;
}

export function userOf(world: World, id: bigint): Promise<VppUser> {
  return world.database.prisma.vppUser.findFirstOrThrow({ where: { id } });
}

export function usersOf(world: World, ids: readonly bigint[]): Promise<VppUser[]> {
  return world.database.prisma.vppUser.findMany({ where: { id: { in: [...ids] } }, orderBy: { id: 'asc' } });
}

/** The records of a clientUserId at the simulator. */
export async function atApple(world: World, tokenId: bigint, clientUserId: string) {
  const uId = await uIdOf(world, tokenId);
  return world.simulator.admin.users({ uId }).filter((user) => user.clientUserId === clientUserId);
}

/** The code of a person's open invitation. */
export async function codeOf(world: World, userId: bigint): Promise<string> {
  const [invitation] = await readInvitations(world.services, world.organizationId, [userId]);
  if (!invitation) throw new Error('no open invitation');
  return invitation.code;
}

/** Gives the app to people and gives the task's id. */
export async function associateUsers(world: World, app: TestApp, vppUserIds: bigint[]): Promise<bigint> {
  const { taskIds } = await associateLicenses(world.admin, { appIds: [app.id], target: { vppUserIds } });
  return taskIds[0]!;
}

/** Gives the book to people and gives the task's id. */
export async function giveBook(world: World, book: TestApp, vppUserIds: bigint[]): Promise<bigint> {
  const { taskIds } = await assignBooks(world.admin, { appIds: [book.id], vppUserIds, confirmIrrevocable: true });
  return taskIds[0]!;
}

/** What a book is at the simulator. */
export const book = { productType: 'Book', deviceAssignable: false, revocable: false } as const;
