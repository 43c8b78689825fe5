/** Notifications that wait to be applied. @module */
import { ids, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { AppleNews } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';

/** Most notifications that are looked at together: at most 100 items each. */
const block = 250;

/** One that is due. */
export interface DueNotification {
  id: bigint;
  type: string;
  receivedAt: Date;
  attempts: number;
  /** The library it is about, where it says so. */
  uId: string | null;
  news: AppleNews;
}

/** One of a certain kind. */
export type Told<Kind extends AppleNews['kind']> = DueNotification & { news: Extract<AppleNews, { kind: Kind }> };

/** The notifications of the token that are due, oldest first. */
export async function readDue(context: Context, { organizationId, tokenId }: TokenKey): Promise<DueNotification[]> {
  const rows = await context.prisma.$queryRaw<
    { id: bigint; type: string; receivedAt: Date; attempts: number; body: string }[]
  >(sql`
    SELECT id, type, received_at AS "receivedAt", attempts, body FROM notification
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND applied_at IS NULL AND due_at <= ${moment(context.clock.now())}
    ORDER BY due_at, id LIMIT ${block}`);
  return rows.map(({ body, ...row }) => ({ ...row, ...newsOf(context, body) }));
}

/** One that can't be read must not keep the others from being read. */
function newsOf(context: Context, body: string): ReturnType<Context['apple']['notificationNews']> {
  try {
    return context.apple.notificationNews(body);
  } catch (error) {
    context.logger.error({ error }, 'a notification could not be read');
    return { uId: null, news: { kind: 'UNREADABLE', reason: 'Russet could not read it' } };
  }
}

/** What became of a notification. */
export type NotificationOutcome =
  | 'TEST'
  | 'APPLIED'
  /** What it names was, or is, read again. */
  | 'READ_AGAIN'
  /** So much was named that a sync reads it all. */
  | 'SYNC'
  | 'NOT_READ'
  | 'IGNORED'
  | 'UNREADABLE'
  /** Applying it met errors of Russet's own, again and again; a sync reads what it was about. */
  | 'SET_ASIDE'
  | 'OTHER_LIBRARY';

/** Marks them as applied; ones that are stay as they are. */
export async function markApplied(
  tx: Tx,
  organizationId: bigint,
  rows: readonly { id: bigint }[],
  outcome: NotificationOutcome,
  now: Date,
): Promise<void> {
  if (rows.length === 0) return;
  await change(tx, organizationId, rows, sql`applied_at = ${moment(now)}, outcome = ${outcome}`);
}

/** Looks at them again at `at`. */
export async function putOff(
  tx: Tx,
  organizationId: bigint,
  rows: readonly { id: bigint }[],
  at: Date,
  failed = false,
): Promise<void> {
  await change(tx, organizationId, rows, sql`due_at = ${moment(at)}, attempts = attempts + ${failed ? 1 : 0}`);
}

function change(tx: Tx, organizationId: bigint, rows: readonly { id: bigint }[], set: Sql): Promise<number> {
  return tx.$executeRaw(sql`
    UPDATE notification n SET ${set} FROM (
      SELECT id FROM notification WHERE organization_id = ${organizationId} AND id = ANY (${ids(rows.map((row) => row.id))}) AND applied_at IS NULL
      ORDER BY id FOR UPDATE
    ) o WHERE n.organization_id = ${organizationId} AND n.id = o.id`);
}

/** Makes what waits for an answer of Apple due now: it has come. Whether anything did wait. */
export async function hurryWaiting(tx: Tx, { organizationId, tokenId }: TokenKey, now: Date): Promise<boolean> {
  const rows = await tx.$executeRaw(sql`
    UPDATE notification n SET due_at = ${moment(now)} FROM (
      SELECT id FROM notification WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND applied_at IS NULL
        AND due_at > ${moment(now)} AND attempts = 0
      ORDER BY id FOR UPDATE
    ) o WHERE n.organization_id = ${organizationId} AND n.id = o.id`);
  return rows > 0;
}
