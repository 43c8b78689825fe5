/** Licenses of people: the same seats, ledger, calls and tasks as those of devices, from the person's own token. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import {
  AlreadyLicensedError,
  ConfirmationRequiredError,
  InvalidInputError,
  NoLicensesAvailableError,
  type Spending,
} from '../errors.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures, type TaskFailure } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import { lockVppUsers } from '../vpp-user/find.ts';
import { setAside } from './allocate.ts';
import { allocateUsers, type UserAllocation, type UserHolding, type UserRefusal } from './allocate-users.ts';
import { blockSize } from './limits.ts';
import { readQuotas } from './read-quotas.ts';
import { dataOf } from './refusals.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { reserve } from './reserve.ts';
import { readQueue } from './wait.ts';
import { readApps, readSupply } from './world.ts';

/** Which people, which apps. */
export interface UserWish {
  appIds: readonly bigint[];
  target: { vppUserIds: readonly bigint[] };
  tokenId?: bigint | null | undefined;
  onError: 'ATOMIC' | 'SKIP_FAILED';
  /** True for what Apple never takes back, once that was confirmed; absent for what it does. */
  spend?: boolean;
  /** Who comes first among those who want the same seats; users do not wait, but they let those who do go first. */
  priority?: number | null | undefined;
}

/** A second try of another task's failed items. */
interface Again {
  retryOf?: bigint;
  only?: ReadonlySet<string>;
  audit?: boolean;
}

/** Starts the task inside a transaction. */
export async function startUserAssociation(
  context: Context,
  tx: Tx,
  given: UserWish,
  again: Again = {},
): Promise<bigint> {
  const { organizationId } = context.actor;
  const wish = normalize(given, again);
  const allocation = await decideUsers(context, tx, wish, again.only);
  if (wish.onError === 'ATOMIC') throwBlocking(allocation);
  const taskId = await startTask(context, tx, {
    kind: 'ASSOCIATE',
    requested: allocation.grants.length + allocation.refusals.length,
    tokenIds: wish.tokenId == null ? [] : [wish.tokenId],
    request: wish,
    ...(again.retryOf === undefined ? {} : { retryOf: again.retryOf }),
  });
  const task = { organizationId, taskId };
  await recordFailures(tx, task, allocation.refusals.map(asFailure));
  if (allocation.refusals.length > 0) await addProgress(tx, task, { failed: allocation.refusals.length });
  const short = allocation.refusals.filter(({ error }) => error instanceof NoLicensesAvailableError);
  if (short.length > 0) await requestAssetRead(context, tx, [...new Set(short.map(({ appId }) => appId))]);
  await reserve(
    context,
    tx,
    allocation.grants.map((grant) => ({ ...grant, taskId })),
  );
  if (again.audit ?? true)
    await recordAudit(context, tx, {
      action: again.retryOf === undefined ? 'license.associate' : 'task.retry',
      subject: `task:${taskId}`,
      taskId,
      data: {
        appIds: wish.appIds,
        users: wish.target.vppUserIds.length,
        tokenId: wish.tokenId ?? null,
        onError: wish.onError,
        ...(wish.spend ? { confirmedIrrevocable: true } : {}),
      },
    });
  await announceTask(context, tx, taskId);
  if (allocation.grants.length === 0) await endSettledTasks(tx, organizationId, [taskId], context.clock.now());
  return taskId;
}

function normalize(wish: UserWish, { only }: Again): UserWish {
  const appIds = [...new Set(wish.appIds)];
  const vppUserIds = [...new Set(wish.target.vppUserIds)];
  const pairs = only?.size ?? appIds.length * vppUserIds.length;
  const message =
    pairs === 0
      ? 'name at least one user'
      : pairs > blockSize
        ? `apps times users must not be more than ${blockSize}; send several requests`
        : null;
  if (message) throw new InvalidInputError([{ path: ['target', 'vppUserIds'], message }]);
  return { ...wish, appIds, target: { vppUserIds } };
}

/** Decides under the locks of pools and people. Throws what concerns the request as a whole. */
async function decideUsers(
  context: Context,
  tx: Tx,
  wish: UserWish,
  only: ReadonlySet<string> | undefined,
): Promise<UserAllocation> {
  if (wish.tokenId != null) await requireUsableToken(context, tx, wish.tokenId);
  const apps = await readApps(context, tx, wish.appIds);
  const supply = await readSupply(context, tx, wish.appIds);
  const { ahead } = await readQueue(context, tx, wish, []);
  const waiting = ahead.map(({ device }) => device.id);
  const quotas = waiting.length === 0 ? [] : await readQuotas(context, tx, wish.appIds, waiting);
  const candidates = setAside(apps, { ...supply, quotas }, ahead);
  const users = await lockVppUsers(context, tx, wish.target.vppUserIds, 'TO_KEEP', ['target', 'vppUserIds']);
  if (wish.tokenId != null && users.some((user) => user.tokenId !== wish.tokenId)) {
    const message = 'is not the token of every user: a person gets licenses from their own token only';
    throw new InvalidInputError([{ path: ['tokenId'], message }]);
  }
  const holdings = await readUserHoldings(context, tx, wish);
  const named = wish.tokenId != null;
  const allocation = allocateUsers({ apps, users, ...supply, candidates, holdings, named, ...(only ? { only } : {}) });
  await requireConfirmed(context, tx, wish, apps, allocation);
  return allocation;
}

/** What the people hold of the apps already. */
export function readUserHoldings(
  context: Context,
  tx: Tx,
  { appIds, target }: Pick<UserWish, 'appIds' | 'target'>,
): Promise<UserHolding[]> {
  return tx.$queryRaw<UserHolding[]>(sql`
    SELECT app_id AS "appId", vpp_user_id AS "vppUserId", token_id AS "tokenId",
           (state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR (state <> 'CONFIRMED' AND revoke_task_id IS NOT NULL)) AS revoking
    FROM license WHERE organization_id = ${context.actor.organizationId} AND ended_at IS NULL
      AND vpp_user_id = ANY (${ids(target.vppUserIds)}) AND app_id = ANY (${ids(appIds)})
    ORDER BY revoking DESC`);
}

/** What Apple never takes back is assigned by `assignBooks` alone, with a confirmation; what it does, not by that. */
async function requireConfirmed(
  context: Context,
  tx: Tx,
  wish: UserWish,
  apps: readonly { id: bigint; name: string }[],
  { grants }: UserAllocation,
): Promise<void> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM license_pool WHERE organization_id = ${context.actor.organizationId} AND NOT revocable
      AND app_id = ANY (${ids(wish.appIds)})`);
  const forGood = new Set(rows.map((row) => row.id));
  const spent = grants.filter(({ candidate }) => forGood.has(candidate.poolId));
  if (wish.spend === undefined && spent.length > 0) {
    throw new ConfirmationRequiredError(sumUp(apps, spent), 'Use assignBooks, with confirmIrrevocable: true.');
  }
  if (wish.spend === undefined) return;
  if (grants.length > spent.length) {
    const message = 'names an app whose licenses can be taken back: give it with associateLicenses';
    throw new InvalidInputError([{ path: ['appIds'], message }]);
  }
  if (!wish.spend && spent.length > 0) {
    throw new ConfirmationRequiredError(sumUp(apps, spent), 'Send confirmIrrevocable: true to go ahead.');
  }
}

function sumUp(apps: readonly { id: bigint; name: string }[], grants: UserAllocation['grants']): Spending[] {
  const counts = apps.map(({ id, name }) => ({
    appId: id,
    app: name,
    licenses: grants.filter((grant) => grant.candidate.appId === id).length,
  }));
  return counts.filter(({ licenses }) => licenses > 0);
}

/** The refusal that stops an ATOMIC request. A license that exists already stops nothing, unless nothing else is to do. */
function throwBlocking({ grants, refusals }: UserAllocation): void {
  const blocking = refusals.find(({ error }) => !(error instanceof AlreadyLicensedError));
  if (blocking) throw blocking.error;
  if (grants.length === 0 && refusals[0]) throw refusals[0].error;
}

function asFailure({ appId, user, error }: UserRefusal): TaskFailure {
  return {
    code: error.code,
    message: error.message,
    appId,
    vppUserId: user.id,
    clientUserId: user.clientUserId,
    data: dataOf(error),
  };
}
