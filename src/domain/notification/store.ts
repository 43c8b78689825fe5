/** Writes what came in. @module */
import { enqueue } from '../../db/enqueue.ts';
import { ids, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { NotificationHead } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';

/** A notification at a webhook. */
export interface Incoming extends NotificationHead {
  webhookId: string;
  bodyHash: string;
}

/** Milliseconds between two notes of when a notification last came: nobody needs it more exactly. */
const noteInterval = 10_000;

/** Milliseconds for which what Apple posts to an address from before a rotation is taken at most. */
const retiredFor = 86_400_000;

/** Stores what is new, and wakes who applies it. Gives the webhooks that exist. */
export function storeNotifications(services: Services, rows: readonly Incoming[]): Promise<Set<string>> {
  const now = services.clock.now();
  return transaction(services, async (tx) => {
    const known = await insert(tx, rows, now);
    const tokens = new Map(known.filter((row) => row.stored).map((row) => [row.tokenId, row]));
    const sorted = [...tokens.values()].sort((a, b) => (a.tokenId < b.tokenId ? -1 : 1));
    if (sorted.length > 0) await noteReceived(tx, sorted, now);
    for (const token of sorted) await wakeApplying(tx, token);
    return new Set(known.map((row) => row.webhookId));
  });
}

function insert(tx: Tx, rows: readonly Incoming[], now: Date) {
  const at = moment(now);
  // Sorted, so that two processes that are sent the same wait for each other and not in a circle.
  return tx.$queryRaw<(TokenKey & { webhookId: string; stored: boolean })[]>(sql`
    WITH given AS (
      SELECT * FROM unnest(${texts(rows.map((row) => row.webhookId))}::uuid[], ${texts(rows.map((row) => row.id))}, ${texts(rows.map((row) => row.bodyHash))},
        ${texts(rows.map((row) => row.type))}, ${texts(rows.map((row) => row.body))}) AS g(webhook_id, apple_id, body_hash, type, body)
    ), known AS (
      SELECT g.*, w.organization_id, w.token_id FROM given g JOIN LATERAL (
        SELECT organization_id, token_id FROM token_webhook WHERE webhook_id = g.webhook_id
        UNION ALL SELECT organization_id, token_id FROM token_webhook
          WHERE retired_webhook_id = g.webhook_id AND retired_at > ${moment(new Date(now.getTime() - retiredFor))}
      ) w ON true
      JOIN token t ON t.organization_id = w.organization_id AND t.id = w.token_id AND t.removed_at IS NULL
    ), stored AS (
      INSERT INTO notification (organization_id, token_id, apple_id, body_hash, type, body, received_at, due_at)
      SELECT organization_id, token_id, apple_id, body_hash, type, body, ${at}, ${at} FROM known
      ORDER BY organization_id, token_id, apple_id, body_hash ON CONFLICT DO NOTHING
      RETURNING organization_id, token_id
    )
    SELECT DISTINCT k.webhook_id::text AS "webhookId", k.organization_id AS "organizationId", k.token_id AS "tokenId",
      EXISTS (SELECT 1 FROM stored s WHERE s.token_id = k.token_id AND s.organization_id = k.organization_id) AS stored
    FROM known k`);
}

async function noteReceived(tx: Tx, tokens: readonly TokenKey[], now: Date): Promise<void> {
  const before = moment(new Date(now.getTime() - noteInterval));
  await tx.$executeRaw(sql`
    UPDATE token_webhook w SET last_received_at = ${moment(now)} FROM (
      SELECT organization_id, token_id FROM token_webhook
      WHERE organization_id = ANY (${ids(tokens.map((token) => token.organizationId))}) AND token_id = ANY (${ids(tokens.map((token) => token.tokenId))})
        AND (last_received_at IS NULL OR last_received_at < ${before})
      ORDER BY token_id FOR NO KEY UPDATE SKIP LOCKED
    ) o WHERE w.organization_id = o.organization_id AND w.token_id = o.token_id`);
}

/** Asks a worker to apply what the token was told. */
export async function wakeApplying(tx: Tx, { organizationId, tokenId }: TokenKey, at?: Date): Promise<void> {
  const payload = { organizationId: String(organizationId), tokenId: String(tokenId) };
  await enqueue(tx, {
    name: 'apply-notifications',
    payload,
    key: `notify:${organizationId}:${tokenId}`,
    ...(at ? { runAt: at } : {}),
  });
}
