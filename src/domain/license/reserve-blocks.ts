/** Large requests: the task reserves in blocks, so that no transaction holds the pools for long. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { addFollowing, lockFollowing, neededOf, pairsOf } from '../install/follow.ts';
import { wakeDriver } from '../operation/wake.ts';
import { addProgress, endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, claimTask, type TaskClaim, underTaskClaim } from '../task/claim.ts';
import { endSettledTasks } from '../task/settle.ts';
import type { AssociateRequest } from './associate.ts';
import { carryOut, decide } from './decide.ts';
import { blockSize } from './limits.ts';
import { readStoredRequest } from './stored-request.ts';
import { transition } from './transition.ts';
import { endWaits } from './wait.ts';
import { wakeWriter } from './wake-writer.ts';
import { type ResolvedDevices, resolveDevices } from './world.ts';

/** Reserves what is left of the task's request. ATOMIC: one refusal gives everything back, and nothing was sent yet. */
export async function reserveBlocks(
  services: Services,
  task: { organizationId: bigint; taskId: bigint },
  correlationId: string,
): Promise<void> {
  const context = systemContext(services, task.organizationId, 'reserve', correlationId);
  const claim = await claimTask(services, task);
  if (!claim) return;
  services.failpoint('claimed');
  try {
    await underTaskClaim(context, claim, (tx) => setRunning(tx, claim, 'RESERVING', context.clock.now()));
    while (await reserveNext(context, claim));
  } catch (error) {
    if (error instanceof ClaimLostError) return;
    if (!(error instanceof DomainError)) throw error;
    await giveAllBack(context, claim, error);
  }
}

/** One block: the devices from the task's position on, with all apps. False when that was the last. */
function reserveNext(context: Context, claim: TaskClaim): Promise<boolean> {
  return underTaskClaim(context, claim, async (tx) => {
    const task = await tx.task.findUniqueOrThrow({
      where: { organizationId_id: { organizationId: claim.organizationId, id: claim.taskId } },
    });
    if (task.reservedAll) return false;
    const { wish, next, last } = blockOf(task);
    const targets = await resolveDevices(context, tx, wish.target, { listed: true });
    await reserveBlock(context, tx, claim, wish, targets);
    await tx.$executeRaw(sql`
      UPDATE task SET position = ${next}, reserved_all = ${last}, due_at = CASE WHEN ${last} THEN NULL ELSE due_at END
      WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    context.failpoint('reserved');
    if (last) await release(context, tx, claim);
    return !last;
  });
}

/** Reserves for the targets, and lets the installs follow that are to. */
async function reserveBlock(
  context: Context,
  tx: Tx,
  claim: TaskClaim,
  wish: AssociateRequest,
  targets: ResolvedDevices,
): Promise<void> {
  const installs = await lockFollowing(tx, claim);
  const only = installs?.needed ? await neededOf(context, tx, installs, wish, targets) : undefined;
  const decision = await decide(context, tx, wish, targets, only);
  if (installs) await addFollowing(context, tx, installs, { pairs: pairsOf(wish.appIds, targets) }, decision, targets);
  const others = only ? wish.appIds.length * (targets.devices.length + targets.unknown.length) - only.size : 0;
  if (others > 0) await addProgress(tx, claim, { requested: -others });
  await carryOut(context, tx, claim.taskId, decision);
}

/** The part of the request that the next block is about. */
function blockOf(task: Task): { wish: AssociateRequest; next: number; last: boolean } {
  const request = readStoredRequest(task.request);
  const { deviceIds, serialNumbers } = request.target;
  const next = task.position + Math.max(1, Math.floor(blockSize / request.appIds.length));
  const target = deviceIds
    ? { deviceIds: deviceIds.slice(task.position, next) }
    : { serialNumbers: (serialNumbers ?? []).slice(task.position, next) };
  return {
    wish: { ...request, target },
    next,
    last: next >= (deviceIds ?? serialNumbers ?? []).length,
  };
}

/** Everything is reserved: what earlier blocks held back may be sent now, through every token of theirs. */
async function release(context: Context, tx: Tx, claim: TaskClaim): Promise<void> {
  const { organizationId, taskId } = claim;
  const tokens = await tx.$queryRaw<{ tokenId: bigint }[]>(sql`
    SELECT token_id AS "tokenId" FROM task_token WHERE organization_id = ${organizationId} AND task_id = ${taskId} ORDER BY 1`);
  for (const { tokenId } of tokens) await wakeWriter(tx, { organizationId, tokenId });
  await endSettledTasks(tx, organizationId, [taskId], context.clock.now());
}

/** All or nothing, and it is nothing: what was reserved is free again, and the task says why. */
function giveAllBack(context: Context, claim: TaskClaim, refusal: DomainError): Promise<void> {
  const { organizationId, taskId } = claim;
  const { code } = refusal;
  return underTaskClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    await transition(tx, 'CANCEL', {
      organizationId,
      where: sql`l.task_id = ${taskId} AND l.call_id IS NULL`,
      now,
      actor: context.actor,
      taskId,
      reason: code,
      failure: {
        code: 'CANCELLED',
        message: 'Given back: another item of this ATOMIC request was refused.',
        of: 'taskId',
      },
    });
    await endWaits(
      tx,
      organizationId,
      sql`w.task_id = ${taskId}`,
      {
        code: 'CANCELLED',
        message: 'Given up: another item of this ATOMIC request was refused.',
      },
      now,
    );
    await wakeDriver(tx, organizationId);
    // With the pairs that no block has come to.
    await tx.$executeRaw(sql`
      UPDATE task SET failed = requested - completed WHERE organization_id = ${organizationId} AND id = ${taskId}`);
    await endTask(
      tx,
      claim,
      { state: 'FAILED', cause: { code, message: refusal.message, appleErrorNumber: null } },
      now,
    );
  });
}
