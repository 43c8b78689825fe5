/** Gives everything back that a token holds, in blocks and at Apple's pace, and removes the token then. @module */
import { ids, moment, type Sql, sql, type Tx, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { lockGates } from '../license/lock-gates.ts';
import { neverSent } from '../license/never-sent.ts';
import { takeBackLicenses } from '../license/take-back.ts';
import { lockPools } from '../license/transition.ts';
import { ringQueues, wakeQueuesOfToken } from '../license/wake-queue.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, claimTask, type TaskClaim } from '../task/claim.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { lockTokens } from './find.ts';
import { forgetToken, lockAllOfToken } from './forget.ts';
import type { TokenKey } from './gate.ts';

/** Licenses that one transaction asks to take back. */
const releaseBlock = 2_000;

/** A removal under way. */
interface Removal extends TaskClaim, TokenKey {}

/** Goes on with the removal: asks for the next licenses, waits for those under way, and ends. */
export async function releaseToken(
  services: Services,
  task: Omit<TaskClaim, 'claim'>,
  correlationId: string,
): Promise<void> {
  const context = systemContext(services, task.organizationId, 'remove', correlationId);
  const claim = await claimTask(services, task);
  if (!claim) return;
  const { tokenId } = await context.prisma.taskToken.findFirstOrThrow({ where: task });
  const removal = { ...claim, tokenId };
  try {
    while (await releaseNext(context, removal));
    if (!(await waitForOthers(context, removal))) await finish(context, removal);
  } catch (error) {
    if (!(error instanceof ClaimLostError)) throw error;
  }
}

/** What can be given back and nobody takes back yet. What failed once in this removal is not tried again. */
const releasable = ({ organizationId, tokenId, taskId }: Removal): Sql => sql`
  l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.ended_at IS NULL AND l.revoke_task_id IS NULL
    AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED')
    AND (p.revocable OR (l.state = 'REQUESTED' AND ${neverSent}))
    AND NOT EXISTS (SELECT 1 FROM task_failure f WHERE f.organization_id = l.organization_id AND f.task_id = ${taskId} AND f.license_id = l.id)`;

interface Candidate {
  id: bigint;
  poolId: bigint;
  taskId: bigint | null;
}

/** Asks for one block. False when there is none. */
function releaseNext(context: Context, removal: Removal): Promise<boolean> {
  const { organizationId, tokenId, taskId } = removal;
  return transaction(context, async (tx) => {
    await lockGates(tx, organizationId, [tokenId]);
    const block = await tx.$queryRaw<Candidate[]>(sql`
      SELECT l.id, l.pool_id AS "poolId", CASE WHEN l.state <> 'CONFIRMED' THEN l.task_id END AS "taskId"
      FROM license l JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
      WHERE ${releasable(removal)} ORDER BY l.id LIMIT ${releaseBlock}`);
    if (block.length === 0) return false;
    await lockTasks(tx, organizationId, [...new Set([taskId, ...block.flatMap((one) => one.taskId ?? [])])]);
    await requireClaim(tx, removal);
    const poolIds = [...new Set(block.map((one) => one.poolId))];
    await lockPools(tx, organizationId, sql`SELECT unnest(${ids(poolIds)})`);
    const licenseIds = block.map((one) => one.id);
    const { askers } = await takeBackLicenses(context, tx, taskId, licenseIds);
    await wakeWriter(tx, removal);
    await setRunning(tx, removal, 'RELEASING', context.clock.now());
    await endSettledTasks(tx, organizationId, askers, context.clock.now());
    return true;
  });
}

/** Looks again a little later while Apple works on something. False when nothing is under way. */
function waitForOthers(context: Context, removal: Removal): Promise<boolean> {
  const { organizationId, tokenId, taskId } = removal;
  const again = new Date(context.clock.now().getTime() + context.settings.pollEvery);
  return transaction(context, async (tx) => {
    await lockTasks(tx, organizationId, [taskId]);
    await requireClaim(tx, removal);
    const changed = await tx.$executeRaw(sql`
      UPDATE task SET due_at = ${moment(again)} WHERE organization_id = ${organizationId} AND id = ${taskId} AND EXISTS (
        SELECT 1 FROM license l WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.ended_at IS NULL AND l.state <> 'CONFIRMED')`);
    return changed > 0;
  });
}

/** Removes the token when everything was given back; otherwise it stays, and the task says what is in the way. */
function finish(context: Context, removal: Removal): Promise<void> {
  const { organizationId, tokenId, taskId } = removal;
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const tasks = await lockAllOfToken(tx, removal);
    await requireClaim(tx, removal);
    const [left] = await tx.$queryRaw<{ failed: bigint; more: boolean }[]>(sql`
      UPDATE task t SET requested = completed + failed, due_at = ${moment(now)} WHERE t.organization_id = ${organizationId} AND t.id = ${taskId}
      RETURNING failed, EXISTS (
        SELECT 1 FROM license l JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
        WHERE ${releasable(removal)}) AS more`);
    // Somebody was given a license while the locks were waited for: once more, as the task is due.
    if (left!.more) return;
    if (left!.failed > 0n) return giveUp(tx, removal, left!.failed, now);
    await forgetToken(
      context,
      tx,
      { organizationId, tokenId },
      tasks.filter((task) => task.id !== taskId),
    );
    await endTask(tx, removal, { state: 'SUCCEEDED' }, now);
  });
}

async function giveUp(tx: Tx, removal: Removal, failed: bigint, now: Date): Promise<void> {
  const { organizationId, tokenId } = removal;
  await tx.$executeRaw(sql`
    UPDATE token SET removal_task_id = NULL WHERE organization_id = ${organizationId} AND id = ${tokenId}`);
  await wakeQueuesOfToken(tx, removal);
  await ringQueues(tx, organizationId, now);
  const message = `The token was not removed: ${failed} licenses could not be given back; the task's failures say why. Call removeToken again.`;
  const cause = { code: 'TOKEN_HOLDS_LICENSES', message, appleErrorNumber: null };
  await endTask(tx, removal, { state: 'FAILED', cause }, now);
}

/** The task's row is locked already. */
async function requireClaim(tx: Tx, { organizationId, taskId, claim }: Removal): Promise<void> {
  const rows = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM task WHERE organization_id = ${organizationId} AND id = ${taskId} AND claim = ${claim}
      AND state IN ('QUEUED', 'RUNNING', 'WAITING') AND cancel_requested_at IS NULL`);
  if (rows.length === 0) throw new ClaimLostError(`task ${taskId}`);
}
