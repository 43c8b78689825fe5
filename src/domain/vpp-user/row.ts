/** A person in a token's library, as read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import type { VppUserStatus } from '../../generated/prisma/enums.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';

/** Where a person stands: what Apple says, what Russet has asked for, or that only a license names them. */
export type VppUserStanding = VppUserStatus | 'RETIRING' | 'UNKNOWN';

/** One person. */
export interface VppUserRow {
  id: bigint;
  tokenId: bigint;
  clientUserId: string;
  status: VppUserStanding;
  idHash: string | null;
  email: string | null;
  managedAppleId: string | null;
  name: string | null;
  externalId: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** In SQL what `standing` is in TypeScript. */
const standing = `CASE WHEN u.retiring THEN 'RETIRING' ELSE coalesce(u.status::text, 'UNKNOWN') END`;

/** Reads table `u`. */
export const vppUserShape = shape<VppUserRow>({
  fields: {
    id: 'u.id',
    tokenId: 'u.token_id',
    clientUserId: 'u.client_user_id',
    status: standing,
    idHash: 'u.id_hash',
    email: 'u.email',
    managedAppleId: 'u.managed_apple_id',
    name: 'u.name',
    externalId: 'u.external_id',
    createdAt: 'u.created_at',
    updatedAt: 'u.updated_at',
  },
  bigints: ['id', 'tokenId'],
  moments: ['createdAt', 'updatedAt'],
});

/** The people with these ids, in no order. */
export function readVppUsers(reader: Rows, organizationId: bigint, userIds: readonly bigint[]): Promise<VppUserRow[]> {
  return reader.rows<VppUserRow>(sql`
    SELECT ${vppUserShape.columns} FROM vpp_user u WHERE u.organization_id = ${organizationId} AND u.id = ANY (${ids(userIds)})`);
}

/** Which people. */
export interface VppUserFilter {
  organizationId: bigint;
  tokenId: bigint | null;
  statuses: readonly VppUserStanding[] | null;
  /** Part of name, e-mail address, external id or clientUserId, whatever the case. */
  search: string | null;
}

/** A page of people, in the order in which they were met. Those of removed tokens are left out. */
export async function listVppUsers(reader: Rows, filter: VppUserFilter, window: IdWindow): Promise<VppUserRow[]> {
  const rows = await reader.rows<VppUserRow>(sql`
    SELECT ${vppUserShape.columns} FROM vpp_user u WHERE ${matches(filter)} ${idWindow(window, sql`u.id`)} ${idOrder(window, sql`u.id`)}`);
  return inOrder(rows, window);
}

/** How many people there are. */
export async function countVppUsers(reader: Rows, filter: VppUserFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM vpp_user u WHERE ${matches(filter)}`,
  );
  return row!.count;
}

function matches({ organizationId, tokenId, statuses, search }: VppUserFilter): Sql {
  const pattern = search === null ? '' : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return sql`u.organization_id = ${organizationId}
    AND EXISTS (SELECT 1 FROM token t WHERE t.organization_id = u.organization_id AND t.id = u.token_id AND t.removed_at IS NULL)
    ${tokenId === null ? nothing : sql`AND u.token_id = ${tokenId}`}
    ${statuses === null ? nothing : sql`AND CASE WHEN u.retiring THEN 'RETIRING' ELSE coalesce(u.status::text, 'UNKNOWN') END = ANY (${texts(statuses)})`}
    ${search === null ? nothing : sql`AND (u.name ILIKE ${pattern} OR u.email ILIKE ${pattern} OR u.external_id ILIKE ${pattern} OR u.client_user_id ILIKE ${pattern})`}`;
}

/** One record that Apple has or had of a clientUserId. */
export interface VppUserRecordRow {
  id: bigint;
  status: VppUserStatus;
  idHash: string | null;
  firstSeenAt: Date;
  changedAt: Date;
}

/** The same page of the records of each person, oldest first, in one statement. */
export async function listVppUserRecordsOf(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, VppUserRecordRow[]>> {
  const rows = await reader.rows<VppUserRecordRow & Owned>(sql`
    SELECT o.id AS "ownerId", r.* FROM unnest(${ids(userIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.id, n.status::text AS status, n.id_hash AS "idHash", n.first_seen_at AS "firstSeenAt", n.changed_at AS "changedAt"
      FROM vpp_user_record n WHERE n.organization_id = ${organizationId} AND n.user_id = o.id ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) r ORDER BY r.id`);
  return byOwner(rows);
}

/** How many records each person has. */
export async function countVppUserRecordsOf(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT user_id AS "ownerId", count(*) AS count FROM vpp_user_record
    WHERE organization_id = ${organizationId} AND user_id = ANY (${ids(userIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}
