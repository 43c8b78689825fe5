import { z } from 'zod';
import { sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { AlreadyLicensedError, AlreadyWaitingError, AppNotRequestableError, DomainError } from '../errors.ts';
import { once } from '../idempotency.ts';
import { startInstalls } from '../install/start.ts';
import { startLicensing } from '../license/associate.ts';
import { requestAssetRead } from '../license/request-asset-read.ts';
import { parseInput } from '../parse.ts';
import { idempotencyKey } from '../write-input.ts';
import { findHolder, type Holder, holderSchema } from './holder.ts';
import { isInstalling, readInstallable } from './installs.ts';
import { isGate, refusalOf, whyNot } from './refusal.ts';
import { judge, type StoreApp, showStoreApp } from './show.ts';

const inputSchema = z.object({
  appId: z.bigint(),
  for: holderSchema,
  idempotencyKey,
});

/** What became of a request. */
export interface Requested {
  /** REQUESTED: something is on its way because of it; the others say what was there before. */
  outcome: 'REQUESTED' | 'ALREADY_LICENSED' | 'ALREADY_WAITING';
  /** The app is being installed on the holder's device, or will be as soon as its license is there. */
  installs: boolean;
  /** The app as its holder sees it now; null when they don't. */
  app: StoreApp | null;
}

/**
 * Gives the holder a license of the app, on their behalf, and installs it where that can be; a second request answers with
 * what is. Throws NOT_FOUND, APP_NOT_RELEASED, APP_NOT_REQUESTABLE.
 */
export async function requestApp(context: Context, rawInput: z.input<typeof inputSchema>): Promise<Requested> {
  requireRight(context, 'storefront:use');
  const { idempotencyKey, ...wish } = parseInput(inputSchema, rawInput);
  const { appId } = wish;
  try {
    return await transaction(context, async (tx) => {
      const holder = await findHolder(context, tx, wish.for);
      const before = (await judge(context, tx, holder, [appId])).get(appId)!;
      const key = { operation: 'requestApp', key: idempotencyKey, input: wish };
      const found = standing(before.error);
      const { answer } = await once(context, tx, key, async () => {
        const install = (await readInstallable(context, tx, holder, [appId])).has(appId);
        if (found && install && holder.kind === 'DEVICE') return [await installOn(context, tx, holder.id, appId)];
        if (found) return { answer: found };
        const refusal = isGate(before.error) ? null : whyNot(before, install);
        if (refusal) throw new AppNotRequestableError(refusal.code, refusal.message);
        const given = await give(context, tx, holder, appId, install);
        return Array.isArray(given) ? given : { answer: given };
      });
      return {
        outcome: (answer as Standing | undefined) ?? 'REQUESTED',
        installs: await isInstalling(tx, context.actor.organizationId, holder, appId),
        app: await showStoreApp(context, tx, holder, appId),
      };
    });
  } catch (error) {
    if (error instanceof AppNotRequestableError && error.reason === 'NO_LICENSES_AVAILABLE')
      await transaction(context, (tx) => requestAssetRead(context, tx, [appId]));
    throw error;
  }
}

type Standing = Exclude<Requested['outcome'], 'REQUESTED'>;

/** What a second request finds. */
function standing(error: unknown): Standing | null {
  if (error instanceof AlreadyLicensedError) return 'ALREADY_LICENSED';
  return error instanceof AlreadyWaitingError ? 'ALREADY_WAITING' : null;
}

/** The license is there, or waited for: the app follows. */
async function installOn(context: Context, tx: Tx, deviceId: bigint, appId: bigint): Promise<bigint> {
  const taskId = await startInstalls(context, tx, { pairs: [{ deviceId, appId }] });
  await leaveAudit(context, tx, { kind: 'DEVICE', id: deviceId }, taskId, { appId, install: true });
  return taskId;
}

/** The same way as any other request; what it refuses meanwhile is told in the words of the store. Gives its tasks. */
async function give(
  context: Context,
  tx: Tx,
  holder: Holder,
  appId: bigint,
  install: boolean,
): Promise<bigint[] | Standing> {
  const target = holder.kind === 'DEVICE' ? { deviceIds: [holder.id] } : { vppUserIds: [holder.id] };
  try {
    const options = { audit: false, ...(install ? { install: {} } : {}) };
    const wish = { appIds: [appId], target, onError: 'ATOMIC' as const };
    const { taskId, installsTaskId } = await startLicensing(context, tx, wish, options);
    if (installsTaskId !== null) await requireGranted(context, tx, taskId);
    await leaveAudit(context, tx, holder, taskId, { appId, install });
    return installsTaskId === null ? [taskId] : [taskId, installsTaskId];
  } catch (error) {
    // Nothing was written: it decides first. Somebody else was quicker.
    const found = standing(error);
    if (found) return found;
    if (!(error instanceof DomainError) || isGate(error) || error instanceof AppNotRequestableError) throw error;
    const { code, message } = refusalOf(error);
    throw new AppNotRequestableError(code, message);
  }
}

/** With an install a refused license is a failure of the task; here it ends all of it. */
async function requireGranted(context: Context, tx: Tx, taskId: bigint): Promise<void> {
  const [failure] = await tx.$queryRaw<{ code: string }[]>(sql`
    SELECT code FROM task_failure WHERE organization_id = ${context.actor.organizationId} AND task_id = ${taskId} AND code <> 'ALREADY_LICENSED' LIMIT 1`);
  if (!failure) return;
  const { code, message } = refusalOf(failure);
  throw new AppNotRequestableError(code, message);
}

function leaveAudit(
  context: Context,
  tx: Tx,
  { kind, id }: Pick<Holder, 'kind' | 'id'>,
  taskId: bigint,
  data: { appId: bigint; install: boolean },
): Promise<void> {
  const subject = `${kind === 'DEVICE' ? 'device' : 'vpp-user'}:${id}`;
  return recordAudit(context, tx, { action: 'storefront.request', subject, taskId, data });
}
