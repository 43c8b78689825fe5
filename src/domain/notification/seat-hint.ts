/**
 * Apple told of a purchase, a transfer or a refund. Its own list may lag behind that by minutes, so the asset is read
 * several times until its numbers have moved.
 * @module
 */
import { enqueue } from '../../db/enqueue.ts';
import { moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/** When it is read after the hint, in milliseconds. */
const steps = [0, 5_000, 30_000, 120_000, 600_000] as const;

/** The numbers that a purchase moves, as one text: of the pools of an asset `a`. */
const numbers = (token: TokenKey) => sql`coalesce((
  SELECT string_agg(p.pricing_param || ':' || p.total || ':' || p.retired || ':' || p.unlimited, ',' ORDER BY p.pricing_param)
  FROM license_pool p WHERE p.organization_id = ${token.organizationId} AND p.token_id = ${token.tokenId} AND p.adam_id = a.adam_id
    AND p.gone_at IS NULL), '')`;

/** Makes the assets due to be read. A second hint begins the row of reads anew. */
export async function hintSeats(tx: Tx, token: TokenKey, adamIds: readonly string[], now: Date): Promise<void> {
  const distinct = [...new Set(adamIds)].sort();
  const at = moment(now);
  await tx.$executeRaw(sql`
    INSERT INTO asset_hint AS h (organization_id, token_id, adam_id, since, due_at, before)
    SELECT ${token.organizationId}, ${token.tokenId}, a.adam_id, ${at}, ${at}, ${numbers(token)}
    FROM unnest(${texts(distinct)}) AS a(adam_id) ORDER BY a.adam_id
    ON CONFLICT (organization_id, token_id, adam_id) DO UPDATE SET since = excluded.since, step = 0, due_at = excluded.due_at`);
  for (const adamId of distinct) await wakeRead(tx, token, adamId);
}

/** Whether Apple told of the asset and its numbers are waited for. */
export async function isHinted(tx: Tx, token: TokenKey, adamId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM asset_hint WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND adam_id = ${adamId}`);
  return rows.length > 0;
}

/** The asset was read, or could not be: done with it when its numbers moved or this was the last time. True when they moved. */
export async function stepHint(tx: Tx, token: TokenKey, adamId: string, now: Date): Promise<boolean> {
  const key = sql`a.organization_id = ${token.organizationId} AND a.token_id = ${token.tokenId} AND a.adam_id = ${adamId}`;
  const [hint] = await tx.$queryRaw<{ since: Date; step: number; moved: boolean }[]>(sql`
    SELECT a.since, a.step, a.before <> ${numbers(token)} AS moved FROM asset_hint a WHERE ${key} AND a.due_at <= ${moment(now)} FOR UPDATE`);
  if (!hint) return false;
  const next = steps[hint.step + 1];
  if (hint.moved || next === undefined) {
    await tx.$executeRaw(sql`DELETE FROM asset_hint a WHERE ${key}`);
    return hint.moved;
  }
  const at = new Date(hint.since.getTime() + next);
  await tx.$executeRaw(sql`UPDATE asset_hint a SET step = step + 1, due_at = ${moment(at)} WHERE ${key}`);
  await wakeRead(tx, token, adamId, at);
  return false;
}

/** Asks a worker to read an asset's numbers, now or at `at`. */
async function wakeRead(tx: Tx, { organizationId, tokenId }: TokenKey, adamId: string, at?: Date): Promise<void> {
  const payload = { organizationId: String(organizationId), tokenId: String(tokenId), adamId };
  const key = `asset:${organizationId}:${tokenId}:${adamId}`;
  await enqueue(tx, { name: 'refresh-asset', payload, key, ...(at ? { runAt: at } : {}) });
}
