import { randomUUID } from 'node:crypto';
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
import { maxUsers, userFields } from './input.ts';
import { lockPeople } from './lock-people.ts';
import { addWrites, type NewWrite } from './writes.ts';

const inputSchema = z.object({
  tokenId: z.bigint(),
  users: z.array(z.object(userFields)).min(1, 'name at least one user').max(maxUsers),
  idempotencyKey,
});

/** Input of {@link createVppUsers}. */
export type CreateUsersInput = z.input<typeof inputSchema>;
type NewUser = z.output<typeof inputSchema>['users'][number];

/**
 * Makes people in the token's library. They exist here as REQUESTED when this returns, under ids that Russet chose; the
 * task asks Apple for them. One with a managed Apple Account of the same organization is ASSOCIATED at once, others wait
 * for their invitation. Throws NOT_FOUND, TOKEN_EXPIRED, TOKEN_NOT_USABLE, IDEMPOTENCY_KEY_REUSED.
 */
export async function createVppUsers(context: Context, rawInput: CreateUsersInput): Promise<KeyedResult> {
  requireRight(context, 'users:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  // Two equal people are two people: in a keyed request a list counts as a set.
  const input = { ...request, users: request.users.map((user, place) => ({ ...user, place })) };
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'createVppUsers', key, input }, async () => {
      const { tokenId, users } = request;
      await requireUsableToken(context, tx, tokenId);
      const userIds = await insertUsers(context, tx, tokenId, users);
      const writes = users.map(({ email, managedAppleId }, at) => ({ userId: userIds[at]!, email, managedAppleId }));
      return [await startCreation(context, tx, tokenId, writes)];
    }),
  );
}

/** Starts the task that asks Apple for people who are REQUESTED here. */
export async function startCreation(
  context: Context,
  tx: Tx,
  tokenId: bigint,
  writes: readonly NewWrite[],
  retryOf?: bigint,
): Promise<bigint> {
  const { organizationId } = context.actor;
  const taskId = await startTask(context, tx, {
    kind: 'CREATE_USERS',
    requested: writes.length,
    tokenIds: [tokenId],
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  await addWrites(tx, { organizationId, tokenId, taskId, kind: 'CREATE_USERS' }, writes);
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'vpp-user.create' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { tokenId, users: writes.length },
  });
  await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  return taskId;
}

async function insertUsers(context: Context, tx: Tx, tokenId: bigint, users: readonly NewUser[]): Promise<bigint[]> {
  const names = users.map(() => randomUUID());
  const column = (pick: (user: NewUser) => string | null | undefined) =>
    texts(users.map((user) => pick(user)?.trim() || null));
  const now = moment(context.clock.now());
  const { organizationId } = context.actor;
  const made = await tx.$queryRaw<{ id: bigint; clientUserId: string }[]>(sql`
    INSERT INTO vpp_user (organization_id, token_id, client_user_id, status, email, managed_apple_id, name, external_id, created_at, updated_at)
    SELECT ${organizationId}, ${tokenId}, n.client, 'REQUESTED', n.email, n.account, n.name, n.external, ${now}, ${now}
    FROM unnest(${texts(names)}, ${column((user) => user.email)}, ${column((user) => user.managedAppleId)}, ${column((user) => user.name)},
                ${column((user) => user.externalId)}) WITH ORDINALITY AS n(client, email, account, name, external, place) ORDER BY n.place
    RETURNING id, client_user_id AS "clientUserId"`);
  const byName = new Map(made.map((user) => [user.clientUserId, user.id]));
  return names.map((name) => byName.get(name)!);
}

/** Makes refused people REQUESTED again, before Apple is asked once more. */
export async function requestAgain(context: Context, tx: Tx, userIds: readonly bigint[]): Promise<void> {
  await lockPeople(tx, context.actor.organizationId, sql`SELECT unnest(${ids(userIds)})`);
  await tx.$executeRaw(sql`
    UPDATE vpp_user SET status = 'REQUESTED', updated_at = ${moment(context.clock.now())}
    WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(userIds)}) AND status = 'REFUSED'`);
}
