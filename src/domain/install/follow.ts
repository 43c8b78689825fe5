/** Installs that follow an association: they belong to a task of their own, and each waits for its license. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { Decision } from '../license/decide.ts';
import { unknownDeviceFailures } from '../license/refusals.ts';
import type { DeviceTarget, ResolvedDevices } from '../license/world.ts';
import type { TaskFailure } from '../task/failures.ts';
import { lockTasks } from '../task/settle.ts';
import { type Pair, pairKey, readPairs } from './facts.ts';
import { type InstallTerms, lacksLicense, refusalOf } from './judge.ts';
import { addInstalls, failInstalls, type InstallsOf, openInstalls, type StoredInstalls } from './start.ts';

/** How the installs that follow are asked for. */
export interface InstallOption extends InstallTerms {
  /** What is installed; what is licensed when absent. Of small requests only: large ones find out block by block. */
  pairs?: readonly Pair[] | undefined;
  /** Items that can't be, beside those. */
  failures?: readonly TaskFailure[] | undefined;
  /** Only what lacks a license gets one: `only` says so of small requests, and large ones find out block by block. */
  needed?: boolean | undefined;
  /** What was asked for, where that is more than licenses. */
  asked?: object | undefined;
  /** The installs whose failed items are tried again. */
  retryOf?: bigint | undefined;
  /** When every license is refused, and for the same reason, that is thrown. Of small requests only. */
  refuseAlike?: boolean | undefined;
}

/** The request whose licenses they wait for. */
interface Asked {
  appIds: readonly bigint[];
  target: DeviceTarget;
}

/** Opens the task of the installs that follow task `licensesOf`, which is new. */
export async function openFollowing(
  context: Context,
  tx: Tx,
  install: InstallOption,
  of: { licensesOf: bigint; requested: number; asked: object },
): Promise<InstallsOf> {
  const { keepLicenses, unenrolled, needed, pairs, failures, retryOf } = install;
  const terms = { keepLicenses, unenrolled };
  const requested = pairs ? pairs.length + (failures?.length ?? 0) : of.requested;
  const asked = install.asked ?? of.asked;
  const taskId = await openInstalls(context, tx, { ...of, requested, terms, needed, asked, retryOf });
  return { taskId, terms, licensesOf: of.licensesOf };
}

/** Adds the installs of a small request; its licenses are decided on, and not reserved yet. */
export async function addFollowing(
  context: Context,
  tx: Tx,
  of: InstallsOf,
  { pairs, failures }: InstallOption,
  { wish, only }: Decision,
  targets: ResolvedDevices,
): Promise<void> {
  const asked = pairsOf(wish.appIds, targets).filter((pair) => only?.has(pairKey(pair)) ?? true);
  await addInstalls(context, tx, { ...of, asked: only }, pairs ?? asked);
  await failInstalls(context, tx, of.taskId, failures ?? unknownDeviceFailures(targets.unknown, wish.appIds));
}

/** The installs that follow the task, whose row is locked; their task is locked too. Null when none follow. */
export async function lockFollowing(
  tx: Tx,
  { organizationId, taskId }: { organizationId: bigint; taskId: bigint },
): Promise<(InstallsOf & { needed: boolean }) | null> {
  const [row] = await tx.$queryRaw<{ id: bigint; request: StoredInstalls }[]>(sql`
    SELECT id, request FROM task WHERE organization_id = ${organizationId} AND kind = 'INSTALL' AND finished_at IS NULL
      AND cancel_requested_at IS NULL AND (request ->> 'licensesOf')::bigint = ${taskId}`);
  if (!row) return null;
  await lockTasks(tx, organizationId, [row.id]);
  const { keepLicenses, unenrolled, needed } = row.request;
  return { taskId: row.id, terms: { keepLicenses, unenrolled }, licensesOf: taskId, needed: needed ?? false };
}

/** Of a block: the pairs that are to get a license because an install needs one. */
export async function neededOf(
  context: Context,
  tx: Tx,
  { terms }: InstallsOf,
  { appIds }: Asked,
  targets: ResolvedDevices,
): Promise<Set<string>> {
  const facts = await readPairs(context, tx, pairsOf(appIds, targets));
  return new Set(facts.filter((one) => lacksLicense(one) && refusalOf(one, terms) === null).map(pairKey));
}

/** Every app on every device. */
export const pairsOf = (appIds: readonly bigint[], { devices }: ResolvedDevices): Pair[] =>
  appIds.flatMap((appId) => devices.map((device) => ({ appId, deviceId: device.id })));
