/** Reserves of tokens: as they are set, and as they are read. @module */
import { z } from 'zod';
import type { Rows } from '../../db/rows.ts';
import { ids, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import type { Reserve } from '../license/allocation.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { readApps } from '../license/world.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import { parseInput } from '../parse.ts';
import { findToken, lockTokens } from './find.ts';

const inputSchema = z.object({
  tokenId: z.bigint(),
  appId: z.bigint().nullish(),
  seats: z.number().int().min(0).max(1_000_000_000).nullish(),
});

/**
 * Sets how many free seats of an app a request must leave in the token unless it names the token; without an app, of each
 * app that has no number of its own. Without `seats` the number is forgotten. Throws NOT_FOUND.
 */
export async function setTokenReserve(context: Context, rawInput: z.input<typeof inputSchema>): Promise<bigint> {
  requireRight(context, 'tokens:write');
  const { tokenId, appId = null, seats = null } = parseInput(inputSchema, rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    await findToken(context, tx, tokenId);
    if (appId !== null) await readApps(context, tx, [appId]);
    const mine = sql`organization_id = ${organizationId} AND token_id = ${tokenId} AND app_id IS NOT DISTINCT FROM ${appId}::bigint`;
    await tx.$executeRaw(sql`DELETE FROM token_reserve WHERE ${mine}`);
    if (seats !== null)
      await tx.$executeRaw(sql`
        INSERT INTO token_reserve (organization_id, token_id, app_id, seats) VALUES (${organizationId}, ${tokenId}, ${appId}::bigint, ${seats})`);
    await wakeQueues(tx, organizationId, sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, { action: 'token.reserve', subject: `token:${tokenId}`, data: { appId, seats } });
  });
  return tokenId;
}

/** A reserve and its place in the list of its token: the app's id, or 0 for the number of all apps. */
export type ReserveRow = Omit<Reserve, 'tokenId'> & { id: bigint };

/** The same page of the reserves of each token, that of all apps first, in one statement. */
export async function listReservesOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, ReserveRow[]>> {
  const place = sql`coalesce(n.app_id, 0)`;
  const rows = await reader.rows<ReserveRow & Owned>(sql`
    SELECT o.id AS "ownerId", r.* FROM unnest(${ids(tokenIds)}) o(id) CROSS JOIN LATERAL (
      SELECT ${place} AS id, n.app_id AS "appId", n.seats FROM token_reserve n
      WHERE n.organization_id = ${organizationId} AND n.token_id = o.id ${idWindow(window, place)} ${idOrder(window, place)}
    ) r ORDER BY r.id`);
  return byOwner(rows);
}

/** How many reserves each token has. */
export async function countReservesOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT token_id AS "ownerId", count(*) AS count FROM token_reserve
    WHERE organization_id = ${organizationId} AND token_id = ANY (${ids(tokenIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}
