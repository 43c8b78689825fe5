/** Notices of tokens: written once, numbered in the order in which they become visible. @module */
import { ring } from '../../db/notify.ts';
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, json, moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { CursorInvalidError } from '../errors.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import type { TokenKey } from './gate.ts';
import type { NoticeKind } from './ladder.ts';

/** What the token was when a notice was written. */
export interface NoticeFacts {
  cycle: number;
  expiresAt: Date;
  foreignMdm: { id: string; name: string; metadata: string } | null;
  appleErrorNumber: number | null;
}

/** Writes a notice and rings. The last statement of its transaction: it locks the organization's counter. */
export async function writeNotice(
  tx: Tx,
  key: TokenKey,
  notice: NoticeFacts & { kind: NoticeKind; rung: number | null },
  now: Date,
): Promise<void> {
  const { kind, rung, cycle, expiresAt, foreignMdm, appleErrorNumber } = notice;
  const holder = kind === 'TAKEN_OVER' && foreignMdm ? json(foreignMdm) : sql`NULL::jsonb`;
  await ring(tx, { organizationId: key.organizationId, kind: 'notices' });
  await tx.$executeRaw(sql`
    WITH counter AS (
      INSERT INTO organization_counter AS c (organization_id, seq) VALUES (${key.organizationId}, 1)
      ON CONFLICT (organization_id) DO UPDATE SET seq = c.seq + 1 RETURNING seq
    )
    INSERT INTO token_notice (organization_id, token_id, seq, at, cycle, kind, rung, expires_at, foreign_mdm, apple_error_number)
    SELECT ${key.organizationId}, ${key.tokenId}, seq, ${moment(now)}, ${cycle}, ${kind}::"TokenNoticeKind", ${rung}::int,
      ${moment(expiresAt)}, ${holder}, ${kind === 'REVOKED' || kind === 'INVALID' ? appleErrorNumber : null}::int FROM counter`);
}

/** A notice as it is read. */
export interface NoticeRow {
  id: bigint;
  tokenId: bigint;
  seq: bigint;
  at: Date;
  kind: NoticeKind;
  rung: number | null;
  expiresAt: Date;
  foreignMdm: NoticeFacts['foreignMdm'];
  appleErrorNumber: number | null;
}

const noticeShape = shape<NoticeRow>({
  fields: {
    id: 'n.id',
    tokenId: 'n.token_id',
    seq: 'n.seq',
    at: 'n.at',
    kind: 'n.kind',
    rung: 'n.rung',
    expiresAt: 'n.expires_at',
    foreignMdm: 'n.foreign_mdm',
    appleErrorNumber: 'n.apple_error_number',
  },
  bigints: ['id', 'tokenId', 'seq'],
  moments: ['at', 'expiresAt'],
});

/** The notices with these ids, in no order. */
export function readNotices(reader: Rows, organizationId: bigint, noticeIds: readonly bigint[]): Promise<NoticeRow[]> {
  return reader.rows<NoticeRow>(sql`
    SELECT ${noticeShape.columns} FROM token_notice n WHERE n.organization_id = ${organizationId} AND n.id = ANY (${ids(noticeIds)})`);
}

/** Which part of the list; it begins with the newest notice. */
export interface NoticeWindow {
  after: bigint | null;
  before: bigint | null;
  limit: number;
  fromEnd: boolean;
}

const within = ({ after, before }: NoticeWindow): Sql =>
  sql`${after === null ? nothing : sql`AND n.seq < ${after}`} ${before === null ? nothing : sql`AND n.seq > ${before}`}`;
const inOrder = ({ fromEnd, limit }: NoticeWindow): Sql =>
  sql`ORDER BY n.seq ${fromEnd ? sql`ASC` : sql`DESC`} LIMIT ${limit}`;

/** A page of an organization's notices, or of one token's, newest first. */
export async function listNotices(
  reader: Rows,
  organizationId: bigint,
  tokenId: bigint | null,
  window: NoticeWindow,
): Promise<NoticeRow[]> {
  const found = await reader.rows<NoticeRow>(sql`
    SELECT ${noticeShape.columns} FROM token_notice n WHERE n.organization_id = ${organizationId}
      ${tokenId === null ? nothing : sql`AND n.token_id = ${tokenId}`} ${within(window)} ${inOrder(window)}`);
  return window.fromEnd ? found.reverse() : found;
}

/** The same page of the notices of each token, newest first, in one statement. */
export async function listNoticesOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
  window: NoticeWindow,
): Promise<Map<bigint, NoticeRow[]>> {
  const rows = await reader.rows<NoticeRow & Owned>(sql`
    SELECT ${noticeShape.columns}, o.id AS "ownerId" FROM unnest(${ids(tokenIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM token_notice n WHERE n.organization_id = ${organizationId} AND n.token_id = o.id ${within(window)} ${inOrder(window)}
    ) n ORDER BY n.seq DESC`);
  return byOwner(rows);
}

/** How many notices each token has. */
export async function countNoticesOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT n.token_id AS "ownerId", count(*) AS count FROM token_notice n
    WHERE n.organization_id = ${organizationId} AND n.token_id = ANY (${ids(tokenIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}

/** How many notices there are. */
export async function countNotices(reader: Rows, organizationId: bigint, tokenId: bigint | null): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(sql`
    SELECT count(*) AS count FROM token_notice n WHERE n.organization_id = ${organizationId}
      ${tokenId === null ? nothing : sql`AND n.token_id = ${tokenId}`}`);
  return row!.count;
}

/** The next notices above a place, oldest first. */
export function noticesAbove(reader: Rows, organizationId: bigint, after: bigint, limit: number): Promise<NoticeRow[]> {
  return reader.rows<NoticeRow>(sql`
    SELECT ${noticeShape.columns} FROM token_notice n WHERE n.organization_id = ${organizationId} AND n.seq > ${after}
    ORDER BY n.seq LIMIT ${limit}`);
}

/** The place behind everything that was told up to now. */
export async function noticePosition(reader: Rows, organizationId: bigint): Promise<bigint> {
  const [row] = await reader.rows<{ seq: bigint }>(
    sql`SELECT seq FROM organization_counter WHERE organization_id = ${organizationId}`,
  );
  return row?.seq ?? 0n;
}

const prefix = 'notice:';

/** The place behind a notice, opaque to clients: of the list and of the stream alike. */
export const writeNoticeCursor = (seq: bigint): string => Buffer.from(`${prefix}${seq}`).toString('base64url');

/** The number in a cursor, or null of a text that is none. */
export function readNoticeCursor(cursor: string): bigint | null {
  const match = /^notice:(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  return match && writeNoticeCursor(BigInt(match[1]!)) === cursor ? BigInt(match[1]!) : null;
}

/** The place where a stream goes on; null begins with the present. Throws CURSOR_INVALID for a place that is none. */
export async function noticePlace(reader: Rows, organizationId: bigint, after: string | null): Promise<bigint | null> {
  if (after === null) return null;
  const seq = readNoticeCursor(after);
  if (seq === null) throw new CursorInvalidError('MALFORMED');
  if (seq > (await noticePosition(reader, organizationId))) throw new CursorInvalidError('AHEAD');
  return seq;
}
