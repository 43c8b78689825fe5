import { z } from 'zod';
import { ids, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { parseInput } from '../parse.ts';
import { announceTask, startTask } from '../task/start.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import { idempotencyKey } from '../write-input.ts';
import { type FoundUser, lockVppUsers, refuseInactive } from './find.ts';
import { maxUsers, userFields } from './input.ts';
import { addWrites, type NewWrite } from './writes.ts';

const change = z
  .object({ vppUserId: z.bigint(), ...userFields })
  .refine(({ email }) => email !== null, { message: "can't be cleared: Apple keeps it", path: ['email'] })
  .refine(({ managedAppleId }) => managedAppleId !== null, {
    message: "can't be cleared: retire the user to unlink the account",
    path: ['managedAppleId'],
  });

const inputSchema = z.object({
  users: z
    .array(change)
    .min(1, 'name at least one user')
    .max(maxUsers)
    .refine((users) => new Set(users.map((user) => user.vppUserId)).size === users.length, 'names a user twice'),
  idempotencyKey,
});

/** Input of {@link updateVppUsers}. */
export type UpdateUsersInput = z.input<typeof inputSchema>;
type UserChange = z.output<typeof inputSchema>['users'][number];

/**
 * Changes people: an absent field stays, null clears our own words. Name and external id hold at once; what Apple knows
 * holds when the task has told it, and without any of that there is no task.
 * Throws NOT_FOUND, USER_NOT_ACTIVE, TOKEN_EXPIRED, TOKEN_NOT_USABLE, IDEMPOTENCY_KEY_REUSED.
 */
export async function updateVppUsers(context: Context, rawInput: UpdateUsersInput): Promise<KeyedResult> {
  requireRight(context, 'users:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'updateVppUsers', key, input: request }, async () => {
      const userIds = request.users.map((user) => user.vppUserId);
      const found = await lockVppUsers(context, tx, userIds, 'TO_CHANGE', ['users']);
      await keepWords(context, tx, request.users);
      const told = request.users.filter(({ email, managedAppleId }) => email != null || managedAppleId != null);
      const writes = told.map(({ vppUserId, email, managedAppleId }) => ({ userId: vppUserId, email, managedAppleId }));
      const taskId = writes.length > 0 ? await startUpdate(context, tx, found, writes) : null;
      if (taskId === null) {
        await recordAudit(context, tx, { action: 'vpp-user.update', data: { users: userIds.length } });
        return [];
      }
      return [taskId];
    }),
  );
}

/** Starts the task that tells Apple. The people are locked. */
export async function startUpdate(
  context: Context,
  tx: Tx,
  found: readonly FoundUser[],
  writes: readonly NewWrite[],
  retryOf?: bigint,
): Promise<bigint> {
  const { organizationId } = context.actor;
  const byId = new Map(found.map((user) => [user.id, user]));
  const users = writes.map((write) => byId.get(write.userId)!);
  for (const user of users) {
    const refusal = refuseInactive(user, ['users'], { requested: true });
    if (refusal) throw refusal;
  }
  const tokenIds = [...new Set(users.map((user) => user.tokenId))].sort((a, b) => (a < b ? -1 : 1));
  for (const tokenId of tokenIds) await requireUsableToken(context, tx, tokenId);
  const taskId = await startTask(context, tx, {
    kind: 'UPDATE_USERS',
    requested: writes.length,
    tokenIds,
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  for (const tokenId of tokenIds) {
    const mine = writes.filter((write) => byId.get(write.userId)!.tokenId === tokenId);
    await addWrites(tx, { organizationId, tokenId, taskId, kind: 'UPDATE_USERS' }, mine);
  }
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'vpp-user.update' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { users: writes.length },
  });
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  return taskId;
}

/** Our own words of the people. */
async function keepWords(context: Context, tx: Tx, changes: readonly UserChange[]): Promise<void> {
  const column = (pick: (change: UserChange) => string | null | undefined) =>
    texts(changes.map((one) => pick(one)?.trim() || null));
  await tx.$executeRaw(sql`
    UPDATE vpp_user u SET name = CASE WHEN c.keeps_name THEN u.name ELSE c.name END,
      external_id = CASE WHEN c.keeps_id THEN u.external_id ELSE c.external END, updated_at = ${moment(context.clock.now())}
    FROM unnest(${ids(changes.map((one) => one.vppUserId))}, ${changes.map((one) => one.name === undefined)}::boolean[],
      ${column((one) => one.name)}, ${changes.map((one) => one.externalId === undefined)}::boolean[], ${column((one) => one.externalId)})
      AS c(id, keeps_name, name, keeps_id, external)
    WHERE u.organization_id = ${context.actor.organizationId} AND u.id = c.id AND NOT (c.keeps_name AND c.keeps_id)`);
}
