/** One sync of one token: assets, assignments, removals, metadata. Killed anywhere, it goes on where it was. @module */
import { sql } from '../../db/transaction.ts';
import { refreshMetadata } from '../app/refresh-metadata.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, claimTask, type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { keepSyncFailure } from './failure.ts';
import { judgeMissing } from './removals.ts';
import { forgetSeen, seenIsWhole } from './seen.ts';
import { startSync } from './start.ts';
import { sweepAssignments } from './sweep-assignments.ts';
import { endSweep, readSweep } from './sweep-state.ts';
import { syncAssets } from './sync-assets.ts';

/** Works on the sync until it is over, or has to wait for Apple. */
export async function runSync(
  services: Services,
  task: { organizationId: bigint; taskId: bigint },
  correlationId: string,
): Promise<void> {
  const context = systemContext(services, task.organizationId, 'sync', correlationId);
  const claim = await claimTask(services, task);
  if (!claim) return;
  services.failpoint('claimed');
  const link = await services.prisma.taskToken.findFirstOrThrow({
    where: { organizationId: task.organizationId, taskId: task.taskId },
  });
  const token: TokenKey = { organizationId: task.organizationId, tokenId: link.tokenId };
  try {
    await workThrough(context, claim, token);
  } catch (error) {
    if (!(error instanceof ClaimLostError)) await keepSyncFailure(context, claim, token, error);
    return;
  }
  context.failpoint('done');
  await forgetSeen(context, token, claim.taskId);
}

async function workThrough(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  if (!(await readSweep(context.prisma, token, claim.taskId))) {
    await enterPhase(context, claim, 'ASSETS');
    await syncAssets(context, claim, token);
  }
  await enterPhase(context, claim, 'ASSIGNMENTS');
  await sweepAssignments(context, claim, token);
  await enterPhase(context, claim, 'REMOVALS');
  const sweep = (await readSweep(context.prisma, token, claim.taskId))!;
  const whole = await seenIsWhole(context, token, sweep);
  if (whole) await judgeMissing(context, claim, token, sweep);
  await enterPhase(context, claim, 'METADATA');
  await tryMetadata(context, token);
  await finish(context, claim, token, whole);
}

async function enterPhase(context: Context, claim: TaskClaim, phase: string): Promise<void> {
  await underTaskClaim(context, claim, (tx) => setRunning(tx, claim, phase, context.clock.now()));
}

/** The licenses are right already, so nothing that happens here fails the sync. */
async function tryMetadata(context: Context, token: TokenKey): Promise<void> {
  try {
    await refreshMetadata(context, token);
  } catch (error) {
    context.logger.error(
      { tokenId: String(token.tokenId), error },
      'metadata could not be stored; the last known stays',
    );
  }
}

async function finish(context: Context, claim: TaskClaim, token: TokenKey, whole: boolean): Promise<void> {
  await underTaskClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const { rerun } = await endSweep(tx, token, whole, now);
    // How many pages there are was an estimate while reading.
    await tx.$executeRaw(sql`
      UPDATE task SET requested = completed WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    await endTask(tx, claim, { state: 'SUCCEEDED' }, now);
    if (rerun || !whole) await startSync(context, tx, token.tokenId);
  });
  context.logger.info({ tokenId: String(token.tokenId), taskId: String(claim.taskId), whole }, 'library synced');
}
