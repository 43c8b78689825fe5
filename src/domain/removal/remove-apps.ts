import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { devicesOfTarget } from '../device-group/devices.ts';
import {
  AppNotInstalledError,
  type DomainError,
  InvalidInputError,
  NotRevocableError,
  OperationInProgressError,
  RevokeInProgressError,
  UnknownDeviceError,
} from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { type Pair, pairKey } from '../install/facts.ts';
import { type Live, lockLive } from '../license/find-live.ts';
import { blockSize, maxIds } from '../license/limits.ts';
import { unknownDeviceFailures } from '../license/refusals.ts';
import { judgeLive } from '../license/revoke.ts';
import { takeBackLicenses } from '../license/take-back.ts';
import { ringQueues } from '../license/wake-queue.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { readApps, resolveDevices } from '../license/world.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { isNothing } from './judge.ts';
import { orderInput } from './order.ts';
import { addRemovals, type JudgedPair, judgePairs, removalFailure } from './start.ts';

const list = <T extends z.ZodType>(item: T) => z.array(item).max(maxIds).nullish();

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one app').max(1000),
  target: z
    .object({
      deviceIds: list(z.bigint()),
      serialNumbers: list(z.string().trim().min(1).max(64)),
      deviceGroupId: z.bigint().nullish(),
    })
    .refine(
      (target) => Object.values(target).filter((value) => value != null).length === 1,
      'name devices by exactly one of deviceIds, serialNumbers, deviceGroupId',
    ),
  keepLicenses: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  order: orderInput.transform((value) => value ?? 'APP_FIRST'),
  onError,
  idempotencyKey,
});

/** How its input is parsed; a plan parses it in the same way. */
export const removalInput = inputSchema;
/** Input of {@link removeApps}. */
export type RemoveAppsInput = z.input<typeof inputSchema>;
/** The parsed request. */
export type RemovalRequest = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

/**
 * Removes apps from devices, with their data. Each removal is done when the device's app list shows the app gone; then the
 * device's license goes back, unless it is to stay or went first.
 * Throws MDM_NOT_CONNECTED, UNKNOWN_DEVICE, DEVICE_NOT_ENROLLED, REMOVAL_NOT_SUPPORTED, APP_NOT_MANAGED, APP_NOT_INSTALLED,
 * OPERATION_IN_PROGRESS, TOKEN_EXPIRED, TOKEN_NOT_USABLE, NOT_FOUND.
 */
export async function removeApps(context: Context, rawInput: RemoveAppsInput): Promise<KeyedResult> {
  requireRight(context, 'devices:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'removeApps', key, input: request }, async () => [
      await startRemoval(context, tx, request),
    ]),
  );
}

/** Options of {@link startRemoval}. */
export interface RemovalOptions {
  /** The task whose failed items are tried again, and which pairs those are. */
  retryOf?: bigint;
  pairs?: readonly Pair[];
  /** Kept for another try: then, an app that another license allows stays. */
  unlessLicensed?: boolean;
}

/** Starts the task inside a transaction. */
export async function startRemoval(
  context: Context,
  tx: Tx,
  request: RemovalRequest,
  { retryOf, pairs: some, unlessLicensed = false }: RemovalOptions = {},
): Promise<bigint> {
  if (!request.keepLicenses) requireRight(context, 'licenses:write');
  await requireConnection(context, tx);
  const { pairs, unknown, appIds } = some
    ? { pairs: some, unknown: [], appIds: request.appIds }
    : await readPairs(context, tx, request);
  const licenses = request.keepLicenses ? [] : await lockLicenses(context, tx, pairs);
  const items = asItems(context, await judgePairs(context, tx, pairs), licenses);
  if (request.onError === 'ATOMIC') throwFirst(items, unknown);

  const goBack = items.flatMap((item) => item.licenses);
  const unknownFailures = unknownDeviceFailures(unknown, appIds);
  const { keepLicenses, order } = request;
  const taskId = await startTask(context, tx, {
    kind: 'REMOVE_APPS',
    requested: items.length + unknownFailures.length,
    tokenIds: [...new Set(goBack.map((license) => license.tokenId))],
    request: { keepLicenses, order, ...(unlessLicensed ? { unlessLicensed } : {}) },
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  const { doing, failures } = await begin(context, tx, taskId, request, items);
  const all = [...failures, ...unknownFailures];
  const task = { organizationId: context.actor.organizationId, taskId };
  await recordFailures(tx, task, all);
  const released = items.filter(isReleased);
  await addProgress(tx, task, { failed: all.length, completed: released.length });
  const first = [...released.flatMap((item) => item.licenses), ...doing.flatMap((item) => goesFirst(item, order))];
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'app.remove' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { appIds, removals: doing.length, keepLicenses, order, onError: request.onError },
  });
  await takeBackAndTell(context, tx, taskId, first);
  return taskId;
}

/** Pairs of the request, at most 10,000, and the devices that nobody knows. */
async function readPairs(
  context: Context,
  tx: Tx,
  request: RemovalRequest,
): Promise<{ pairs: Pair[]; unknown: string[]; appIds: bigint[] }> {
  const appIds = [...new Set(request.appIds)];
  await readApps(context, tx, appIds);
  const { devices, unknown } = await resolveDevices(context, tx, await devicesOfTarget(context, tx, request.target));
  const refuse = (message: string) => {
    throw new InvalidInputError([{ path: ['target'], message }]);
  };
  if (devices.length + unknown.length === 0) refuse('name at least one device');
  if (devices.length * appIds.length > blockSize)
    refuse(`apps times devices must not be more than ${blockSize}; send several requests`);
  const pairs = devices.flatMap(({ id: deviceId }) => appIds.map((appId) => ({ deviceId, appId })));
  return { pairs, unknown, appIds };
}

/** The licenses of the pairs, under the locks of a revoke. */
async function lockLicenses(context: Context, tx: Tx, pairs: readonly Pair[]): Promise<Live[]> {
  if (pairs.length === 0) return [];
  const appIds = [...new Set(pairs.map((pair) => pair.appId))];
  const deviceIds = [...new Set(pairs.map((pair) => pair.deviceId))];
  return (await lockLive(context, tx, { appIds, target: { deviceIds } })).licenses;
}

/** A pair with the licenses that go back: those that can, and that nobody takes back already. */
interface Item extends JudgedPair {
  licenses: Live[];
}

function asItems(context: Context, judged: readonly JudgedPair[], licenses: readonly Live[]): Item[] {
  const { takeable, refused } = judgeLive(context, licenses);
  const mine = new Map<string, Live[]>();
  for (const license of takeable) add(mine, license, license);
  const inTheWay = new Map<string, DomainError[]>();
  for (const { license, error } of refused) {
    // An app may go though its license stays, or goes anyway.
    if (error instanceof NotRevocableError || error instanceof RevokeInProgressError) continue;
    add(inTheWay, license, error);
  }
  return judged.map(({ facts, refusal }) => {
    const key = pairKey(facts);
    return { facts, refusal: refusal ?? inTheWay.get(key)?.[0] ?? null, licenses: mine.get(key) ?? [] };
  });
}

function add<Value>(to: Map<string, Value[]>, { appId, deviceId }: Live, value: Value): void {
  if (deviceId === null) return;
  const key = pairKey({ appId, deviceId });
  to.set(key, [...(to.get(key) ?? []), value]);
}

/** The device has the license and not the app: the license goes back, and that is all. */
const isReleased = ({ refusal, licenses }: Item): boolean =>
  refusal instanceof AppNotInstalledError && licenses.length > 0;

function throwFirst(items: readonly Item[], unknown: string[]): void {
  if (unknown.length > 0) throw new UnknownDeviceError(unknown);
  const refused = items.flatMap((item) => (item.refusal && !isReleased(item) ? [item.refusal] : []));
  const blocking = refused.find((error) => !isNothing(error));
  if (blocking) throw blocking;
  if (refused.length === items.length && refused.length > 0) throw refused[0]!;
}

/** Starts the removals; what is not removed is a failure. */
async function begin(
  context: Context,
  tx: Tx,
  taskId: bigint,
  { order }: RemovalRequest,
  items: readonly Item[],
): Promise<{ doing: Item[]; failures: ReturnType<typeof removalFailure>[] }> {
  const wanted = items.filter((item) => item.refusal === null);
  const removals = wanted.map(({ facts, licenses }) => ({ ...facts, licenseId: lastOf(licenses)?.id ?? null }));
  const started = new Set((await addRemovals(context, tx, taskId, order, removals)).map(pairKey));
  const doing = wanted.filter((item) => started.has(pairKey(item.facts)));
  const late = wanted.filter((item) => !started.has(pairKey(item.facts)));
  const refused = items.filter((item) => item.refusal !== null && !isReleased(item));
  const failures = [
    ...refused.map((item) => removalFailure(item.facts, item.refusal!)),
    ...late.map(({ facts }) =>
      removalFailure(facts, new OperationInProgressError(facts.app, facts.serialNumber, 'REMOVE')),
    ),
  ];
  return { doing, failures };
}

/** Of several licenses of one pair the app needs one until it is gone. */
const lastOf = (licenses: readonly Live[]): Live | undefined => licenses.find((one) => !one.unsent) ?? licenses[0];

const goesFirst = ({ licenses }: Item, order: RemovalRequest['order']): Live[] =>
  order === 'LICENSE_FIRST' ? licenses : licenses.filter((one) => one !== lastOf(licenses));

async function takeBackAndTell(context: Context, tx: Tx, taskId: bigint, licenses: readonly Live[]): Promise<void> {
  const { organizationId } = context.actor;
  const licenseIds = licenses.map((license) => license.id);
  const { askers, tokenIds } = await takeBackLicenses(context, tx, taskId, licenseIds, { counts: false });
  await ringQueues(tx, organizationId, context.clock.now());
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [taskId, ...askers], context.clock.now());
}
