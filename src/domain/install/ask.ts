import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { devicesOfTarget } from '../device-group/devices.ts';
import { type DomainError, InvalidInputError, NoLicensesAvailableError, UnknownDeviceError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { startLicensing } from '../license/associate.ts';
import { blockSize, maxIds } from '../license/limits.ts';
import { unknownDeviceFailures } from '../license/refusals.ts';
import { requestAssetRead } from '../license/request-asset-read.ts';
import { lockPoolsOf } from '../license/transition.ts';
import { type DeviceTarget, normalizeTarget, readApps, resolveDevices } from '../license/world.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import type { TaskFailure } from '../task/failures.ts';
import { idempotencyKey } from '../write-input.ts';
import { type Pair, pairKey, readPairs } from './facts.ts';
import { pairsOf } from './follow.ts';
import { isDone, lacksLicense, refusalOf } from './judge.ts';
import { addInstalls, announceInstalls, failInstalls, openInstalls } from './start.ts';

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one app').max(1000),
  target: z
    .object({
      deviceIds: z.array(z.bigint()).max(maxIds).nullish(),
      serialNumbers: z.array(z.string().trim().min(1).max(64)).max(maxIds).nullish(),
      deviceGroupId: z.bigint().nullish(),
    })
    .refine(
      (target) => Object.values(target).filter((value) => value != null).length === 1,
      'name exactly one of deviceIds, serialNumbers, deviceGroupId',
    ),
  tokenId: z.bigint().nullish(),
  onError: z
    .enum(['ATOMIC', 'SKIP_FAILED'])
    .nullish()
    .transform((value) => value ?? 'SKIP_FAILED'),
  onShortage: z.enum(['FAIL', 'WAIT']).nullish(),
  priority: z.number().int().min(-100).max(100).nullish(),
  waitUntil: z
    .date()
    .transform((moment) => moment.toISOString())
    .nullish(),
  keepLicenses: z.boolean().nullish(),
  idempotencyKey,
});

/** Input of {@link installApps}. */
export type InstallInput = z.input<typeof inputSchema>;
/** What is asked for. */
export type InstallRequest = Omit<z.output<typeof inputSchema>, 'idempotencyKey' | 'target'> & {
  target: DeviceTarget & { deviceGroupId?: bigint | null | undefined };
};

/** Options of {@link startInstallation}. */
export interface InstallationOptions {
  /** The task whose failed items are tried again: `only` holds them, as `app:device`. */
  retryOf?: bigint;
  only?: ReadonlySet<string>;
  /** When every item is refused at once, and for the same reason, that is thrown and nothing is started. */
  refuseAlike?: boolean;
}

/** The tasks of a request. */
export interface Installation {
  taskId: bigint;
  /** The task that gets the licenses; null when all are there. */
  licensesTaskId: bigint | null;
}

/**
 * Installs every app on every device. What has a license is sent at once; what has none gets one first, as
 * `associateLicenses` gives it. Items that can't be installed are failures of the task, and stop no other; ATOMIC throws the
 * first of them instead. Where nobody said so, and all are refused at once for one reason, that is thrown: nothing is left to do. Throws MDM_NOT_CONNECTED, and what `associateLicenses` throws. The first task is that of the installs,
 * the second, if there is one, that of the licenses.
 */
export async function installApps(context: Context, rawInput: InstallInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  requireRight(context, 'devices:write');
  const { idempotencyKey, ...request } = parseInput(inputSchema, rawInput);
  try {
    return await transaction(context, (tx) =>
      once(context, tx, { operation: 'installApps', key: idempotencyKey, input: request }, async () => {
        const { taskId, licensesTaskId } = await startInstallation(context, tx, request, {
          refuseAlike: rawInput.onError == null,
        });
        return licensesTaskId === null ? [taskId] : [taskId, licensesTaskId];
      }),
    );
  } catch (error) {
    if (error instanceof NoLicensesAvailableError)
      await transaction(context, (tx) => requestAssetRead(context, tx, request.appIds));
    throw error;
  }
}

/** Starts the tasks inside a transaction, as its last step. */
export async function startInstallation(
  context: Context,
  tx: Tx,
  given: InstallRequest,
  options: InstallationOptions = {},
): Promise<Installation> {
  await requireConnection(context, tx);
  const appIds = [...new Set(given.appIds)];
  const request = { ...given, appIds, target: normalizeTarget(await devicesOfTarget(context, tx, given.target)) };
  await readApps(context, tx, appIds);
  const targets = await resolveDevices(context, tx, request.target, { listed: true });
  const allUnknown = options.refuseAlike === true && targets.devices.length === 0;
  if ((request.onError === 'ATOMIC' || allUnknown) && targets.unknown.length > 0)
    throw new UnknownDeviceError(targets.unknown);
  const pairs = pairsOf(appIds, targets).filter((pair) => options.only?.has(pairKey(pair)) ?? true);
  if (pairs.length + targets.unknown.length === 0)
    throw new InvalidInputError([{ path: ['target'], message: 'name at least one device' }]);
  const failures = options.only ? [] : unknownDeviceFailures(targets.unknown, appIds);
  const started =
    pairs.length + failures.length > blockSize
      ? await startInBlocks(context, tx, request, options)
      : await startSmall(context, tx, request, pairs, failures, options);
  await recordAudit(context, tx, {
    action: options.retryOf === undefined ? 'app.install' : 'task.retry',
    subject: `task:${started.taskId}`,
    taskId: started.taskId,
    data: { appIds, devices: targets.devices.length, keepLicenses: request.keepLicenses ?? false },
  });
  return started;
}

/** Devices and licenses are found block by block, by the task of the licenses. */
async function startInBlocks(
  context: Context,
  tx: Tx,
  request: InstallRequest,
  { retryOf }: InstallationOptions,
): Promise<Installation> {
  if (request.onError === 'ATOMIC')
    throw new InvalidInputError([
      { path: ['onError'], message: `is ATOMIC for at most ${blockSize} pairs of app and device` },
    ]);
  const { keepLicenses, ...wish } = request;
  const install = { keepLicenses: keepLicenses ?? false, needed: true, asked: request, retryOf };
  const started = await startLicensing(context, tx, wish, { audit: false, install });
  return { taskId: started.installsTaskId!, licensesTaskId: started.taskId };
}

async function startSmall(
  context: Context,
  tx: Tx,
  request: InstallRequest,
  pairs: readonly Pair[],
  failures: readonly TaskFailure[],
  { retryOf, refuseAlike }: InstallationOptions,
): Promise<Installation> {
  const { keepLicenses: keep, ...wish } = request;
  const terms = { keepLicenses: keep ?? false };
  const alone = refuseAlike === true && failures.length === 0;
  const needed = await neededPairs(context, tx, request, pairs, alone);
  if (needed.length === 0) {
    const requested = pairs.length + failures.length;
    const taskId = await openInstalls(context, tx, { requested, terms, asked: request, retryOf });
    await addInstalls(context, tx, { taskId, terms }, pairs);
    await failInstalls(context, tx, taskId, failures);
    await announceInstalls(context, tx, taskId);
    return { taskId, licensesTaskId: null };
  }
  const appIds = [...new Set(needed.map((pair) => pair.appId))];
  const deviceIds = [...new Set(needed.map((pair) => pair.deviceId))];
  const alike = alone && needed.length === pairs.length;
  const install = { ...terms, needed: true, pairs, failures, asked: request, retryOf, refuseAlike: alike };
  const only = new Set(needed.map(pairKey));
  const licenses = { ...wish, appIds, target: { deviceIds } };
  const started = await startLicensing(context, tx, licenses, { audit: false, only, install });
  return { taskId: started.installsTaskId!, licensesTaskId: started.taskId };
}

/** Those that can be installed and lack nothing but a license. ATOMIC throws what stands in the way of another, `alike` what stands in the way of all. */
async function neededPairs(
  context: Context,
  tx: Tx,
  { appIds, onError }: InstallRequest,
  pairs: readonly Pair[],
  alike: boolean,
): Promise<Pair[]> {
  const { organizationId } = context.actor;
  await lockPoolsOf(tx, organizationId, appIds);
  const judged = (await readPairs(context, tx, pairs)).map((facts) => ({ facts, refusal: refusalOf(facts, {}) }));
  const blocking = (error: DomainError | null) => error !== null && !isDone(error);
  const first = judged.find(({ refusal }) => blocking(refusal))?.refusal;
  if (onError === 'ATOMIC' && first) throw first;
  const common = alike ? commonRefusal(judged.map(({ refusal }) => refusal)) : null;
  if (common) throw common;
  return judged.flatMap(({ facts, refusal }) => (refusal === null && lacksLicense(facts) ? [facts] : []));
}

/** The one reason for which all are refused, in the same words: another device is another reason. Null when there is none. */
function commonRefusal(refusals: readonly (DomainError | null)[]): DomainError | null {
  const [first = null] = refusals;
  return first !== null && refusals.every((refusal) => refusal?.message === first.message) ? first : null;
}
