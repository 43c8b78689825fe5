/** The organization's app store as one holder sees it (S36, S47). @module */
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import type { AppWindow } from '../app/list.ts';
import type { Context } from '../context.ts';
import { type Judgment, judgeDevice, judgeUser } from '../license/judge.ts';
import { parseInput } from '../parse.ts';
import { findHolder, type Holder, holderSchema } from './holder.ts';
import { readInstallable } from './installs.ts';
import { countStore, listStore, type StoreOrderField, type StoreRow } from './list.ts';
import { type StoreRefusal, whyNot } from './refusal.ts';

/** An app in the store of one holder. */
export interface StoreApp extends StoreRow {
  holderHasLicense: boolean;
  /** A license is free for such a holder. */
  available: boolean;
  /** Null when it can be requested. */
  refusal: StoreRefusal | null;
}

/** For whom, and what of it. */
export interface StoreQuestion {
  holder: { deviceId?: bigint | null; vppUserId?: bigint | null };
  search: string | null;
  order: { field: StoreOrderField; descending: boolean };
}

/** A page of the store. Throws NOT_FOUND of the holder. */
export function showStore(context: Context, question: StoreQuestion, window: AppWindow): Promise<StoreApp[]> {
  requireRight(context, 'storefront:use');
  return withHolder(context, question, async (tx, holder) => {
    const filter = { organizationId: context.actor.organizationId, holder, search: question.search };
    return judged(context, tx, holder, await listStore(tx, filter, question.order, window));
  });
}

/** How many apps the holder sees. */
export function countStoreOf(context: Context, question: StoreQuestion): Promise<bigint> {
  requireRight(context, 'storefront:use');
  return withHolder(context, question, (tx, holder) =>
    countStore(tx, { organizationId: context.actor.organizationId, holder, search: question.search }),
  );
}

function withHolder<Result>(
  context: Context,
  { holder }: StoreQuestion,
  work: (tx: Tx, holder: Holder) => Promise<Result>,
): Promise<Result> {
  const wanted = parseInput(holderSchema, holder);
  return transaction(context, async (tx) => work(tx, await findHolder(context, tx, wanted)));
}

/** One app as the holder sees it now; null when they don't. */
export async function showStoreApp(context: Context, tx: Tx, holder: Holder, appId: bigint): Promise<StoreApp | null> {
  const filter = { organizationId: context.actor.organizationId, holder, search: null, appIds: [appId] };
  const window = { after: null, before: null, limit: 1, fromEnd: false };
  const [app] = await judged(
    context,
    tx,
    holder,
    await listStore(tx, filter, { field: 'NAME', descending: false }, window),
  );
  return app ?? null;
}

async function judged(context: Context, tx: Tx, holder: Holder, rows: StoreRow[]): Promise<StoreApp[]> {
  const appIds = rows.map((row) => row.id);
  const judgments = await judge(context, tx, holder, appIds);
  const held = rows.flatMap((row) => (row.licenseState === null ? [] : row.id));
  const installable = await readInstallable(context, tx, holder, held);
  return rows.map((row) => {
    const judgment = judgments.get(row.id)!;
    return {
      ...row,
      holderHasLicense: row.licenseState !== null,
      available: judgment.free,
      refusal: whyNot(judgment, installable.has(row.id)),
    };
  });
}

/** What a request of the holder would be told, app by app. */
export async function judge(
  context: Context,
  tx: Tx,
  holder: Holder,
  appIds: readonly bigint[],
): Promise<Map<bigint, Judgment>> {
  if (appIds.length === 0) return new Map();
  return holder.kind === 'DEVICE'
    ? judgeDevice(context, tx, holder, appIds)
    : judgeUser(context, tx, holder.id, appIds);
}
