import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { AlreadyLicensedError, AlreadyWaitingError, AppNotRequestableError, DomainError } from '../errors.ts';
import { once } from '../idempotency.ts';
import { startAssociation } from '../license/associate.ts';
import { requestAssetRead } from '../license/request-asset-read.ts';
import { parseInput } from '../parse.ts';
import { idempotencyKey } from '../write-input.ts';
import { findHolder, type Holder, holderSchema } from './holder.ts';
import { isGate, refusalOf, whyNot } from './refusal.ts';
import { judge, type StoreApp, showStoreApp } from './show.ts';

const inputSchema = z.object({
  appId: z.bigint(),
  for: holderSchema,
  idempotencyKey,
});

/** What became of a request. */
export interface Requested {
  /** REQUESTED: the license is on its way; the others say what was there before. */
  outcome: 'REQUESTED' | 'ALREADY_LICENSED' | 'ALREADY_WAITING';
  /** The app as its holder sees it now; null when they don't. */
  app: StoreApp | null;
}

/**
 * Gives the holder a license of the app, on their behalf; a second request answers with what is. Throws NOT_FOUND,
 * APP_NOT_RELEASED, APP_NOT_REQUESTABLE.
 */
export async function requestApp(context: Context, rawInput: z.input<typeof inputSchema>): Promise<Requested> {
  requireRight(context, 'storefront:use');
  const { idempotencyKey, ...wish } = parseInput(inputSchema, rawInput);
  try {
    return await transaction(context, async (tx) => {
      const holder = await findHolder(context, tx, wish.for);
      const before = (await judge(context, tx, holder, [wish.appId])).get(wish.appId)!;
      const key = { operation: 'requestApp', key: idempotencyKey, input: wish };
      const found = standing(before.error);
      const { answer } = await once(context, tx, key, async () => {
        if (found) return { answer: found };
        const refusal = isGate(before.error) ? null : whyNot(before, holder);
        if (refusal) throw new AppNotRequestableError(refusal.code, refusal.message);
        const given = await give(context, tx, holder, wish.appId);
        return typeof given === 'bigint' ? [given] : { answer: given };
      });
      const outcome = (answer as Standing | undefined) ?? 'REQUESTED';
      return { outcome, app: await showStoreApp(context, tx, holder, wish.appId) };
    });
  } catch (error) {
    if (error instanceof AppNotRequestableError && error.reason === 'NO_LICENSES_AVAILABLE')
      await transaction(context, (tx) => requestAssetRead(context, tx, [wish.appId]));
    throw error;
  }
}

type Standing = Exclude<Requested['outcome'], 'REQUESTED'>;

/** What a second request finds. */
function standing(error: unknown): Standing | null {
  if (error instanceof AlreadyLicensedError) return 'ALREADY_LICENSED';
  return error instanceof AlreadyWaitingError ? 'ALREADY_WAITING' : null;
}

/** The same way as any other request; what it refuses meanwhile is told in the words of the store. */
async function give(context: Context, tx: Tx, holder: Holder, appId: bigint): Promise<bigint | Standing> {
  const target = holder.kind === 'DEVICE' ? { deviceIds: [holder.id] } : { vppUserIds: [holder.id] };
  try {
    const taskId = await startAssociation(
      context,
      tx,
      { appIds: [appId], target, onError: 'ATOMIC' },
      { audit: false },
    );
    await recordAudit(context, tx, {
      action: 'storefront.request',
      subject: `${holder.kind === 'DEVICE' ? 'device' : 'vpp-user'}:${holder.id}`,
      taskId,
      data: { appId },
    });
    return taskId;
  } catch (error) {
    // Nothing was written: it decides first. Somebody else was quicker.
    const found = standing(error);
    if (found) return found;
    if (!(error instanceof DomainError) || isGate(error)) throw error;
    const { code, message } = refusalOf(error);
    throw new AppNotRequestableError(code, message);
  }
}
