/** Writes what came in. @module */
import { ids, json, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Services } from '../context.ts';
import type { DeviceNews } from '../mdm-ports.ts';

/** A message to be stored. */
export interface IncomingNews {
  organizationId: bigint;
  connectionId: bigint;
  news: DeviceNews;
  hash: string;
}

/** Milliseconds between two notes of when something was last heard: nobody needs it more exactly. */
const noteInterval = 10_000;

/** Stores what is new, and wakes who applies it. */
export function storeNews(services: Services, rows: readonly IncomingNews[]): Promise<void> {
  const now = services.clock.now();
  return transaction(services, async (tx) => {
    await insertNews(tx, rows, now);
    const connections = [...new Map(rows.map((row) => [row.connectionId, row])).values()];
    await noteHeard(tx, connections, now);
  });
}

/** The same in a transaction that knows its connection. */
export async function insertNews(tx: Tx, rows: readonly IncomingNews[], now: Date): Promise<void> {
  const organizations = await insert(tx, rows, now);
  for (const organizationId of organizations.sort((a, b) => (a < b ? -1 : 1))) await wakeDevices(tx, organizationId);
}

/** Gives the organizations that were told something new. */
async function insert(tx: Tx, rows: readonly IncomingNews[], now: Date): Promise<bigint[]> {
  const at = moment(now);
  const stored = await tx.$queryRaw<{ organizationId: bigint }[]>(sql`
    WITH stored AS (
      INSERT INTO device_news (organization_id, connection_id, enrollment_id, news, hash, received_at, due_at)
      SELECT g.organization_id, g.connection_id, n.news ->> 'enrollmentId', n.news, g.hash, ${at}, ${at}
      FROM unnest(${ids(rows.map((row) => row.organizationId))}, ${ids(rows.map((row) => row.connectionId))}, ${texts(rows.map((row) => row.hash))})
        WITH ORDINALITY AS g(organization_id, connection_id, hash, place)
      JOIN jsonb_array_elements(${json(rows.map((row) => row.news))}) WITH ORDINALITY AS n(news, place) USING (place)
      -- Sorted, so that two processes that are told the same wait for each other and not in a circle.
      ORDER BY g.organization_id, g.connection_id, g.hash ON CONFLICT DO NOTHING
      RETURNING organization_id
    ) SELECT DISTINCT organization_id AS "organizationId" FROM stored`);
  return stored.map((row) => row.organizationId);
}

async function noteHeard(tx: Tx, connections: readonly IncomingNews[], now: Date): Promise<void> {
  const before = moment(new Date(now.getTime() - noteInterval));
  await tx.$executeRaw(sql`
    UPDATE mdm_connection m SET heard_at = ${moment(now)} FROM (
      SELECT organization_id, id FROM mdm_connection
      WHERE organization_id = ANY (${ids(connections.map((row) => row.organizationId))}) AND id = ANY (${ids(connections.map((row) => row.connectionId))})
        AND (heard_at IS NULL OR heard_at < ${before})
      ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) o WHERE m.organization_id = o.organization_id AND m.id = o.id`);
}
