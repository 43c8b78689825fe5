import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { devicesOfTarget } from '../device-group/devices.ts';
import { InvalidInputError, NoLicensesAvailableError, UnknownDeviceError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { addFollowing, type InstallOption, openFollowing } from '../install/follow.ts';
import { announceInstalls } from '../install/start.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { startUserAssociation } from './associate-users.ts';
import { carryOut, decide, onlyRefusal } from './decide.ts';
import { blockSize, maxIds } from './limits.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { wakeReservation } from './wake-reservation.ts';
import { type DeviceTarget, normalizeTarget, type ResolvedDevices, readApps, resolveDevices } from './world.ts';

const targetSchema = z
  .object({
    deviceIds: z.array(z.bigint()).max(maxIds).nullish(),
    serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish(),
    deviceGroupId: z.bigint().nullish(),
    vppUserIds: z.array(z.bigint()).max(maxIds).nullish(),
  })
  .refine(
    (target) => Object.values(target).filter((value) => value != null).length === 1,
    'name exactly one of deviceIds, serialNumbers, deviceGroupId, vppUserIds',
  );

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one app').max(1000),
  target: targetSchema,
  tokenId: z.bigint().nullish(),
  onError,
  onShortage: z.enum(['FAIL', 'WAIT']).nullish(),
  priority: z.number().int().min(-100).max(100).nullish(),
  waitUntil: z
    .date()
    .transform((moment) => moment.toISOString())
    .nullish(),
  install: z.boolean().nullish(),
  keepLicenses: z.boolean().nullish(),
  idempotencyKey,
});

/** How its input is parsed; a plan parses it in the same way. */
export const associationInput = inputSchema;
/** Input of {@link associateLicenses}. */
export type AssociateInput = z.input<typeof inputSchema>;
/** What is asked for; a task remembers a group as the devices that were in it then. */
export type AssociateRequest = Omit<
  z.output<typeof inputSchema>,
  'idempotencyKey' | 'target' | 'install' | 'keepLicenses'
> & {
  target: DeviceTarget & {
    deviceGroupId?: bigint | null | undefined;
    vppUserIds?: readonly bigint[] | null | undefined;
  };
  /** Of people: what Apple never takes back was confirmed. */
  spend?: boolean;
};

/**
 * Gives every device or user a license of every app: seats are reserved and the task is on its way when this returns.
 * ATOMIC: all or nothing, with the first refusal thrown; SKIP_FAILED: refused pairs become failures of the task.
 * A device that holds the license already is never given a second one and never stops the others (S29).
 * `onShortage: WAIT`: pairs without a seat wait for one, and are no refusals. `install`: each is installed as soon as its
 * license is CONFIRMED, by a second task; what can't be installed is a failure of that one, and gets its license all the same.
 */
export async function associateLicenses(context: Context, rawInput: AssociateInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey, ...input } = parseInput(inputSchema, rawInput);
  if (input.install) {
    requireRight(context, 'devices:write');
    await requireConnection(context);
  }
  try {
    return await transaction(context, (tx) =>
      once(context, tx, { operation: 'associateLicenses', key: idempotencyKey, input }, async () => {
        const { taskId, installsTaskId } = await startAsked(context, tx, input);
        return installsTaskId === null ? [taskId] : [taskId, installsTaskId];
      }),
    );
  } catch (error) {
    if (error instanceof NoLicensesAvailableError) {
      await transaction(context, (tx) => requestAssetRead(context, tx, input.appIds));
    }
    throw error;
  }
}

/** The same input without its key. */
type Asked = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

function startAsked(context: Context, tx: Tx, { install, keepLicenses, ...request }: Asked): Promise<Licensing> {
  return startLicensing(context, tx, request, install ? { install: { keepLicenses: keepLicenses ?? false } } : {});
}

/** As a plan does it: inside its transaction. Throws MDM_NOT_CONNECTED where something is to be installed. */
export async function startPlannedAssociation(context: Context, tx: Tx, request: Asked): Promise<Licensing> {
  if (request.install) {
    requireRight(context, 'devices:write');
    await requireConnection(context, tx);
  }
  return startAsked(context, tx, request);
}

/** A second try of another task's failed items: `only` holds the pairs, as `app:device` or `app:user`. */
export interface Retry {
  retryOf: bigint;
  only: ReadonlySet<string>;
}

/** `audit: false`: whoever calls leaves the entry, since the action is another one. */
export interface Quiet {
  audit?: boolean;
}

/** Installs follow, by a task of their own: each is sent when its license is CONFIRMED. */
export interface Followed {
  install?: InstallOption | undefined;
}

/** How an association is started. */
export type AssociationOptions = Partial<Retry> & Quiet & Followed;

/** Starts the task inside a transaction. */
export async function startAssociation(
  context: Context,
  tx: Tx,
  given: AssociateRequest,
  options: AssociationOptions = {},
): Promise<bigint> {
  return (await startLicensing(context, tx, given, options)).taskId;
}

/** An association, and the task of the installs that follow it; null when none do. */
export interface Licensing {
  taskId: bigint;
  installsTaskId: bigint | null;
}

/** The same, and gives both tasks. */
export async function startLicensing(
  context: Context,
  tx: Tx,
  given: AssociateRequest,
  retry: AssociationOptions = {},
): Promise<Licensing> {
  const { vppUserIds } = given.target;
  if (vppUserIds != null) {
    requireDevices(retry);
    requireNoWaiting(given);
    const taskId = await startUserAssociation(context, tx, { ...given, target: { vppUserIds } }, retry);
    return { taskId, installsTaskId: null };
  }
  requireFuture(context, given);
  const request = {
    ...given,
    appIds: [...new Set(given.appIds)],
    target: normalizeTarget(await devicesOfTarget(context, tx, given.target)),
    waitUntil: given.onShortage === 'WAIT' ? (given.waitUntil ?? defaultEnd(context)) : null,
  };
  if (request.tokenId != null) await requireUsableToken(context, tx, request.tokenId);
  await readApps(context, tx, request.appIds);
  const targets = await resolveDevices(context, tx, request.target, { listed: true });
  requireTargets(request, targets);
  const pairs = retry.only?.size ?? request.appIds.length * (targets.devices.length + targets.unknown.length);
  const inBlocks = pairs > blockSize;
  const decision = inBlocks ? null : await decide(context, tx, request, targets, retry.only);
  // What is licensed already is installed nevertheless.
  const atomic = !retry.install && request.onError === 'ATOMIC';
  const refusal = decision && (atomic || retry.install?.refuseAlike) ? onlyRefusal(decision, { alike: !atomic }) : null;
  if (refusal) throw refusal;

  const taskId = await startTask(context, tx, {
    kind: 'ASSOCIATE',
    requested: pairs,
    tokenIds: request.tokenId != null ? [request.tokenId] : [],
    request,
    ...(retry.retryOf === undefined ? {} : { retryOf: retry.retryOf }),
    reservedAll: !inBlocks,
    ...(inBlocks ? { dueAt: context.clock.now() } : {}),
  });
  const following = { licensesOf: taskId, requested: pairs, asked: request };
  const installs = retry.install ? await openFollowing(context, tx, retry.install, following) : null;
  if (decision) {
    if (installs) await addFollowing(context, tx, installs, retry.install!, decision, targets);
    await carryOut(context, tx, taskId, decision);
  } else await wakeReservation(tx, { organizationId: context.actor.organizationId, taskId });
  if (retry.audit ?? true)
    await recordAudit(context, tx, {
      action: retry.retryOf === undefined ? 'license.associate' : 'task.retry',
      subject: `task:${taskId}`,
      taskId,
      data: {
        appIds: request.appIds,
        devices: targets.devices.length,
        tokenId: request.tokenId ?? null,
        onError: request.onError,
        ...(request.onShortage === 'WAIT' ? { onShortage: 'WAIT', priority: request.priority ?? 0 } : {}),
      },
    });
  await announceTask(context, tx, taskId);
  if (decision?.grants.length === 0) {
    await endSettledTasks(tx, context.actor.organizationId, [taskId], context.clock.now());
  }
  if (installs) await announceInstalls(context, tx, installs.taskId);
  return { taskId, installsTaskId: installs?.taskId ?? null };
}

const defaultEnd = (context: Context): string =>
  new Date(context.clock.now().getTime() + context.settings.shortageWait).toISOString();

function requireFuture(context: Context, { waitUntil }: { waitUntil?: string | null | undefined }): void {
  if (waitUntil == null || new Date(waitUntil) > context.clock.now()) return;
  throw new InvalidInputError([{ path: ['waitUntil'], message: 'must lie in the future' }]);
}

function requireDevices({ install }: Followed): void {
  if (!install) return;
  throw new InvalidInputError([{ path: ['install'], message: 'only devices are installed on: name devices' }]);
}

function requireNoWaiting({ onShortage }: AssociateRequest): void {
  if (onShortage !== 'WAIT') return;
  throw new InvalidInputError([{ path: ['onShortage'], message: 'only devices wait: send FAIL for users' }]);
}

function requireTargets(request: AssociateRequest, { devices, unknown }: ResolvedDevices): void {
  if (devices.length + unknown.length === 0) {
    throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
  }
  if (request.onError === 'ATOMIC' && unknown.length > 0) throw new UnknownDeviceError(unknown);
}
