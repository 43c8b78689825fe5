/** Large requests: the task reserves in blocks, so that no transaction holds the pools for long. @module */
import { sql } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { addProgress, endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, type TaskClaim, claimTask, underTaskClaim } from '../task/claim.ts';
import { recordLicenseFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { allocate } from './allocate.ts';
import { type AssociateRequest, blockingRefusal, keepRefusals } from './associate.ts';
import { blockSize } from './limits.ts';
import { reserve } from './reserve.ts';
import { transition } from './transition.ts';
import { readApps, readCandidates, readHoldings, resolveDevices } from './world.ts';

/** Reserves what is left of the task's request. ATOMIC: one refusal gives everything back, and nothing was sent yet. */
export async function reserveBlocks(services: Services, task: { organizationId: bigint; taskId: bigint }, correlationId: string): Promise<void> {
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

/** Ids in a stored request are texts. */
function readRequest(stored: unknown): AssociateRequest {
  const request = stored as { appIds: string[]; target: { deviceIds?: string[] | null; serialNumbers?: string[] | null }; tokenId?: string | null; onError: AssociateRequest['onError'] };
  return {
    appIds: request.appIds.map(BigInt),
    target: { deviceIds: request.target.deviceIds?.map(BigInt), serialNumbers: request.target.serialNumbers },
    tokenId: request.tokenId == null ? null : BigInt(request.tokenId),
    onError: request.onError,
  };
}

/** One block: the devices from the task's position on, with all apps. False when that was the last. */
function reserveNext(context: Context, claim: TaskClaim): Promise<boolean> {
  return underTaskClaim(context, claim, async (tx) => {
    const task = await tx.task.findUniqueOrThrow({ where: { organizationId_id: { organizationId: claim.organizationId, id: claim.taskId } } });
    if (task.reservedAll) return false;
    const request = readRequest(task.request);
    const appIds = [...new Set(request.appIds)];
    const size = Math.max(1, Math.floor(blockSize / appIds.length));
    const all = request.target.deviceIds?.length ?? request.target.serialNumbers?.length ?? 0;
    const slice = <T>(items: readonly T[] | null | undefined) => items?.slice(task.position, task.position + size);
    const targets = await resolveDevices(context, tx, { deviceIds: slice(request.target.deviceIds), serialNumbers: slice(request.target.serialNumbers) });
    const apps = await readApps(context, tx, appIds);
    const candidates = await readCandidates(context, tx, appIds);
    const holdings = await readHoldings(context, tx, appIds, targets.devices.map((device) => device.id));
    const allocation = allocate({ apps, devices: targets.devices, candidates, holdings, tokenId: request.tokenId ?? null });
    const blocking = request.onError === 'ATOMIC' ? blockingRefusal(allocation) : null;
    if (blocking) throw blocking;
    await keepRefusals(context, tx, claim.taskId, allocation, targets, appIds);
    await reserve(context, tx, claim.taskId, allocation.grants);
    const last = task.position + size >= all;
    await tx.$executeRaw(sql`
      UPDATE task SET position = ${task.position + size}, reserved_all = ${last}, due_at = CASE WHEN ${last} THEN NULL ELSE due_at END
      WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    context.failpoint('reserved');
    if (last) await endSettledTasks(tx, claim.organizationId, [claim.taskId], context.clock.now());
    return !last;
  });
}

/** All or nothing, and it is nothing: what was reserved is free again, and the task says why. */
function giveAllBack(context: Context, claim: TaskClaim, refusal: DomainError): Promise<void> {
  return underTaskClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const mine = sql`l.task_id = ${claim.taskId} AND l.state = 'REQUESTED' AND l.call_id IS NULL`;
    await recordLicenseFailures(tx, claim, mine, { code: 'CANCELLED', message: 'Given back: another item of this ATOMIC request was refused.' });
    const cancelled = await transition(tx, 'CANCEL', { organizationId: claim.organizationId, where: mine, now, actor: context.actor, taskId: claim.taskId, reason: refusal.code });
    await addProgress(tx, claim, { failed: cancelled.count });
    await endTask(tx, claim, { state: 'FAILED', cause: { code: refusal.code, message: refusal.message, appleErrorNumber: null } }, now);
  });
}
