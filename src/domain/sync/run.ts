/** One sync of one token: assets, users, assignments, removals, metadata. Killed anywhere, it goes on where it was. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import { refreshMetadata } from '../app/refresh-metadata.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { AppleFailure } from '../ports.ts';
import { managesSeats, trySeats } from '../seat/refresh.ts';
import { endTask, setRunning } from '../task/change.ts';
import { ClaimLostError, claimTask, type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { keepSyncFailure } from './failure.ts';
import { chooseMode, setMode } from './mode.ts';
import { nextNightOf } from './nightly.ts';
import { noteReconciled } from './note-reconciled.ts';
import { judgeMissing } from './removals.ts';
import { forgetSeen, seenIsWhole } from './seen.ts';
import { startSync } from './start.ts';
import { sweepAssignments } from './sweep-assignments.ts';
import { type Ended, endChanges, endSweep, readSweep } from './sweep-state.ts';
import { forgetUsersVersion, sweepUsers } from './sweep-users.ts';
import { syncAssets } from './sync-assets.ts';
import { type Changes, syncChanges } from './sync-changes.ts';

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
  if ((await chooseMode(context, claim, token)) === 'CHANGES') {
    if (await readChanges(context, claim, token)) return;
    await setMode(context, claim, 'FULL');
  }
  await readWhole(context, claim, token);
}

/** False when the whole library has to be read instead. */
async function readChanges(context: Context, claim: TaskClaim, token: TokenKey): Promise<boolean> {
  const changes = await syncChanges(context, claim, token, (phase) => enterPhase(context, claim, phase)).catch(
    (error: unknown): Changes => {
      // Apple no longer knows the version that was read last.
      if (error instanceof AppleFailure && error.kind === 'SWEEP_LOST') return 'TOO_MUCH';
      throw error;
    },
  );
  if (changes === 'TOO_MUCH') return false;
  await enterPhase(context, claim, 'USERS');
  await sweepUsers(context, claim, token);
  await readSeatsToo(context, claim, token);
  if (changes.assetsRead) {
    await enterPhase(context, claim, 'METADATA');
    await tryMetadata(context, token);
  }
  await finish(context, claim, token, (tx, now) => endChanges(tx, token, changes.versions, now));
  context.logger.info({ tokenId: String(token.tokenId), taskId: String(claim.taskId) }, 'changes of the library read');
  return true;
}

async function readWhole(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  if (!(await readSweep(context.prisma, token, claim.taskId))) {
    await enterPhase(context, claim, 'ASSETS');
    await syncAssets(context, claim, token);
    await underTaskClaim(context, claim, (tx) => forgetUsersVersion(tx, token));
  }
  await enterPhase(context, claim, 'USERS');
  await sweepUsers(context, claim, token);
  await enterPhase(context, claim, 'ASSIGNMENTS');
  await sweepAssignments(context, claim, token);
  await enterPhase(context, claim, 'REMOVALS');
  const sweep = (await readSweep(context.prisma, token, claim.taskId))!;
  const whole = await seenIsWhole(context, token, sweep);
  if (whole) await judgeMissing(context, claim, token, sweep);
  await readSeatsToo(context, claim, token);
  await enterPhase(context, claim, 'METADATA');
  await tryMetadata(context, token);
  const nextFull = await nextNightOf(context, token);
  await finish(context, claim, token, async (tx, now) => {
    const { startedAt, moved } = sweep;
    if (whole) await noteReconciled(tx, token, { taskId: claim.taskId, startedAt, moved, now });
    const ended = await endSweep(tx, token, whole, now, nextFull);
    return whole ? ended : { rerun: true, rerunFull: true };
  });
  context.logger.info({ tokenId: String(token.tokenId), taskId: String(claim.taskId), whole }, 'library synced');
}

async function enterPhase(context: Context, claim: TaskClaim, phase: string): Promise<void> {
  await underTaskClaim(context, claim, (tx) => setRunning(tx, claim, phase, context.clock.now()));
}

/** Where seat subscriptions are managed. What goes wrong there is tried again by itself. */
async function readSeatsToo(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  if (!(await managesSeats(context, token))) return;
  await enterPhase(context, claim, 'SEATS');
  await trySeats(context, token, 'SYNC');
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

async function finish(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  end: (tx: Tx, now: Date) => Promise<Ended>,
): Promise<void> {
  await underTaskClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const { rerun, rerunFull } = await end(tx, now);
    // How many pages there are was an estimate while reading.
    await tx.$executeRaw(sql`
      UPDATE task SET requested = completed WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    await endTask(tx, claim, { state: 'SUCCEEDED' }, now);
    if (rerun) await startSync(context, tx, token.tokenId, { full: rerunFull });
  });
}
