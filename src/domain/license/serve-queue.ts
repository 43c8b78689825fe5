/** Gives seats that came up to those who wait for them, in their order. @module */
import { ids, moment, nothing, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { readTrials } from '../app/gate.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { AlreadyLicensedError, type DomainError } from '../errors.ts';
import { publishProgress } from '../task/events.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { isUsable } from '../token/state.ts';
import { allocateQueue } from './allocate.ts';
import type { Allocation, Applicant, Grant, Refusal } from './allocation.ts';
import { endLapsed, removal } from './end-lapsed.ts';
import { blockSize } from './limits.ts';
import { readQuotas } from './read-quotas.ts';
import { reserve } from './reserve.ts';
import { endEach } from './wait.ts';
import type { WaitingPlace } from './waiting-row.ts';
import { keepDevices, readApps, readHoldings, readSupply, type Supply } from './world.ts';

/** The queue of one app. */
export interface QueueKey {
  organizationId: bigint;
  appId: bigint;
}

/** Somebody came into the queue while its tasks were being locked. */
class QueueMovedError extends Error {
  override readonly name = 'QueueMovedError';
}

/** Most tries before the line is left to the next sweep. */
const tries = 10;

/**
 * Serves the app's queue once, in blocks while there are seats. May be called at any time, twice, and on two machines: the
 * pools' locks put one after the other, and who was served is no longer in the queue.
 */
export async function serveQueue(services: Services, queue: QueueKey, correlationId: string): Promise<void> {
  const context = systemContext(services, queue.organizationId, 'queue', correlationId);
  // The lines are known before anything is read: what is rung for from here on stays for the next time.
  const lines = await readLines(context, queue.appId);
  await publish(context, await transaction(context, (tx) => endLapsed(context, tx, queue.appId)));
  let after: WaitingPlace | null = null;
  do {
    const served: Served | null = await serveBlock(context, { ...queue, after, lines });
    if (!served) return;
    await publish(context, served.touched);
    after = served.next;
  } while (after);
}

async function publish(context: Context, taskIds: readonly bigint[]): Promise<void> {
  const { organizationId } = context.actor;
  for (const taskId of taskIds) await publishProgress(context, { organizationId, taskId }, { force: true });
}

/** Lines of the bell that are due, by their ids. */
async function readLines(context: Context, appId: bigint): Promise<bigint[]> {
  const rows = await context.prisma.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM license_wake WHERE organization_id = ${context.actor.organizationId} AND app_id = ${appId}
      AND due_at <= ${moment(context.clock.now())}`);
  return rows.map((row) => row.id);
}

/** A piece of the queue. */
interface Block extends QueueKey {
  /** It begins behind this place. */
  after: WaitingPlace | null;
  /** Lines that are answered once the whole queue was served. */
  lines: readonly bigint[];
}

interface Served {
  /** Tasks whose counts moved. */
  touched: bigint[];
  /** Those behind this place can be served too; null when nobody is there, or no seat is left. */
  next: WaitingPlace | null;
}

/** Serves a block; null when it kept moving, and the lines are left to the next sweep. */
async function serveBlock(context: Context, block: Block): Promise<Served | null> {
  for (let left = tries; left > 0; left--) {
    try {
      return await transaction(context, (tx) => serve(context, tx, block));
    } catch (error) {
      if (!(error instanceof QueueMovedError)) throw error;
    }
  }
  return null;
}

interface Wait extends Applicant {
  waitId: bigint;
  taskId: bigint;
  tokenId: bigint | null;
  priority: number;
  since: Date;
  expiresAt: Date;
}

async function serve(context: Context, tx: Tx, { appId, after, lines }: Block): Promise<Served> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const locked = new Set((await readWaits(tx, organizationId, appId, after)).map((wait) => wait.taskId));
  await lockTasks(tx, organizationId, [...locked]);
  const supply = await readSupply(context, tx, [appId]);
  const waits = await readWaits(tx, organizationId, appId, after);
  if (waits.some((wait) => !locked.has(wait.taskId))) throw new QueueMovedError();
  const { grants, refusals, gone } = await decide(context, tx, appId, waits, supply);

  const byDevice = new Map(waits.map((wait) => [wait.id, wait]));
  const over = refusals.filter(({ error }) => !staysInQueue(error));
  const ended = [
    ...gone.map(({ waitId }) => ({ waitId, ...removal })),
    ...over.map(({ device, error }) => ({ waitId: byDevice.get(device.id)!.waitId, ...toldOf(error) })),
  ];
  await endEach(tx, organizationId, ended, now);
  await noteReasons(tx, organizationId, appId, refusals);
  const granted = grants.map((grant) => ({ grant, wait: byDevice.get(grant.device.id)! }));
  await tx.$executeRaw(sql`
    DELETE FROM license_wait WHERE organization_id = ${organizationId} AND id = ANY (${ids(granted.map(({ wait }) => wait.waitId))})`);
  const last = waits.length === blockSize && seatsLeft(supply, grants) ? waits.at(-1)! : null;
  if (!last) await answerLines(tx, organizationId, appId, lines);
  await reserve(
    context,
    tx,
    granted.map(({ grant, wait }) => ({ ...grant, taskId: wait.taskId, waitedSince: wait.since })),
  );
  context.failpoint('reserved');
  await endSettledTasks(tx, organizationId, [...locked], now);
  return { touched: [...locked], next: last && { priority: last.priority, id: last.waitId } };
}

/** Who gets a seat and who gets none; `gone` are those whose device was removed a moment ago. */
async function decide(
  context: Context,
  tx: Tx,
  appId: bigint,
  waits: readonly Wait[],
  supply: Supply,
): Promise<Allocation & { gone: Wait[] }> {
  const quotas = await readQuotas(context, tx, [appId], idsOf(waits));
  const { devices } = await keepDevices(context, tx, { devices: [...waits], unknown: [], bySerial: false });
  const present = new Set(devices.map((device) => device.id));
  const [app] = await readApps(context, tx, [appId]);
  const claims = waits
    .filter(({ id }) => present.has(id))
    .map((wait) => ({ appId, device: wait, tokenId: wait.tokenId }));
  const holdings = await readHoldings(context, tx, [appId], [...present]);
  const trials = await readTrials(context, tx, [app!], [...present]);
  const decided = allocateQueue(app!, claims, { ...supply, quotas, holdings, trials });
  return { ...decided, gone: waits.filter(({ id }) => !present.has(id)) };
}

const idsOf = (waits: readonly Wait[]) => waits.map((wait) => wait.id);

/** Whether somebody further behind can be served still. */
function seatsLeft({ candidates }: Supply, grants: readonly Grant[]): boolean {
  const given = new Map<bigint, bigint>();
  for (const { candidate } of grants) given.set(candidate.poolId, (given.get(candidate.poolId) ?? 0n) + 1n);
  return candidates.some(({ poolId, free, gone, deviceAssignable, token }) => {
    const usable = !gone && deviceAssignable && isUsable(token.state);
    return usable && (free === null || free > (given.get(poolId) ?? 0n));
  });
}

/** A block of the queue, with the devices, removed ones too. */
function readWaits(tx: Tx, organizationId: bigint, appId: bigint, after: WaitingPlace | null): Promise<Wait[]> {
  const behind = after
    ? sql`AND w.priority <= ${after.priority} AND (w.priority < ${after.priority} OR w.id > ${after.id})`
    : nothing;
  return tx.$queryRaw<Wait[]>(sql`
    SELECT w.id AS "waitId", w.task_id AS "taskId", w.token_id AS "tokenId", w.priority, w.created_at AS since, w.expires_at AS "expiresAt",
      d.id, d.serial_number AS "serialNumber", d.family::text AS family, d.os_version AS "osVersion"
    FROM license_wait w JOIN device d ON d.organization_id = w.organization_id AND d.id = w.device_id
    WHERE w.organization_id = ${organizationId} AND w.app_id = ${appId} ${behind} ORDER BY w.priority DESC, w.id LIMIT ${blockSize}`);
}

/** Refusals that time can mend. The others end the waiting: the device has the app by now, or can't have it. */
const passing = new Set([
  'NO_LICENSES_AVAILABLE',
  'QUOTA_EXCEEDED',
  'NO_TOKEN_FOR_APP',
  'TOKEN_EXPIRED',
  'TOKEN_NOT_USABLE',
  'REVOKE_IN_PROGRESS',
]);
const staysInQueue = (error: DomainError): boolean => passing.has(error.code);

function toldOf(error: DomainError): { code: string; message: string } {
  const message =
    error instanceof AlreadyLicensedError
      ? 'The device came to the license in another way while it waited.'
      : error.message;
  return { code: error.code, message };
}

/** Why each of those who go on waiting waits now. */
async function noteReasons(tx: Tx, organizationId: bigint, appId: bigint, refusals: readonly Refusal[]): Promise<void> {
  const staying = refusals.filter(({ error }) => staysInQueue(error));
  if (staying.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE license_wait w SET reason = q.reason, message = q.message
    FROM unnest(${ids(staying.map(({ device }) => device.id))}, ${texts(staying.map(({ error }) => error.code))},
                ${texts(staying.map(({ error }) => error.message))}) AS q(device_id, reason, message)
    WHERE w.organization_id = ${organizationId} AND w.app_id = ${appId} AND w.device_id = q.device_id AND w.reason <> q.reason`);
}

/** The lines are answered; the queue is looked at again when the first waiting ends, if nothing comes up before. */
async function answerLines(tx: Tx, organizationId: bigint, appId: bigint, lines: readonly bigint[]): Promise<void> {
  const mine = sql`organization_id = ${organizationId} AND app_id = ${appId}`;
  await tx.$executeRaw(sql`
    DELETE FROM license_wake WHERE organization_id = ${organizationId} AND id = ANY (${ids(lines)})`);
  await tx.$executeRaw(sql`
    INSERT INTO license_wake (organization_id, app_id, due_at)
    SELECT ${organizationId}, ${appId}, n.at FROM (SELECT min(expires_at) AS at FROM license_wait WHERE ${mine}) n
    WHERE n.at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM license_wake WHERE ${mine} AND due_at = n.at)`);
}
