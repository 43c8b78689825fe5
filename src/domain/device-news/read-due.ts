/** Messages that wait to be applied. @module */
import { ids, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { ConnectionClaim } from '../command/claim.ts';
import type { Context } from '../context.ts';
import type { Merged } from '../enrollment/merged.ts';
import type { DeviceNews } from '../mdm-ports.ts';

/** Most messages that are looked at together. */
const block = 500;

/** One that is due. */
export interface DueNews {
  id: bigint;
  attempts: number;
  enrollmentId: string;
  news: DeviceNews;
  /** When it happened, in milliseconds; never later than it came. */
  at: number;
}

/** A message and its enrollment. */
export interface Placed extends DueNews {
  enrollment: Merged;
}

/** The messages that are due, oldest first. */
export async function readDue(context: Context, claim: ConnectionClaim): Promise<DueNews[]> {
  const rows = await context.prisma.$queryRaw<(Omit<DueNews, 'at'> & { receivedAt: Date })[]>(sql`
    SELECT id, attempts, enrollment_id AS "enrollmentId", news, received_at AS "receivedAt" FROM device_news
    WHERE organization_id = ${claim.organizationId} AND connection_id = ${claim.connectionId} AND applied_at IS NULL
      AND due_at <= ${moment(context.clock.now())}
    ORDER BY due_at, id LIMIT ${block}`);
  return rows.map(({ receivedAt, ...row }) => ({ ...row, at: happenedAt(row.news, receivedAt) }));
}

/** Nothing happens after it was told, whatever the clock over there says. */
function happenedAt({ at }: DeviceNews, receivedAt: Date): number {
  const told = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(told) ? receivedAt.getTime() : Math.min(told, receivedAt.getTime());
}

/** What became of a message. */
export type NewsOutcome = 'APPLIED' | 'SET_ASIDE';

/** Marks them as applied; app lists are not kept twice. */
export async function markApplied(
  tx: Tx,
  organizationId: bigint,
  rows: readonly { id: bigint }[],
  outcome: NewsOutcome,
  now: Date,
): Promise<void> {
  const lean = sql`, news = CASE WHEN news ->> 'kind' IN ('ANSWERED', 'INVENTORY') THEN news #- '{result,apps}' #- '{result,managedApps}' #- '{apps}' ELSE news END`;
  await change(
    tx,
    organizationId,
    rows,
    sql`applied_at = ${moment(now)}, outcome = ${outcome} ${outcome === 'APPLIED' ? lean : sql``}`,
  );
}

/** Looks at them again at `at`. */
export async function putOff(tx: Tx, organizationId: bigint, rows: readonly { id: bigint }[], at: Date): Promise<void> {
  await change(tx, organizationId, rows, sql`due_at = ${moment(at)}, attempts = attempts + 1`);
}

async function change(tx: Tx, organizationId: bigint, rows: readonly { id: bigint }[], set: Sql): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE device_news n SET ${set} FROM (
      SELECT id FROM device_news WHERE organization_id = ${organizationId} AND id = ANY (${ids(rows.map((row) => row.id))}) AND applied_at IS NULL
      ORDER BY id FOR UPDATE
    ) o WHERE n.organization_id = ${organizationId} AND n.id = o.id`);
}
