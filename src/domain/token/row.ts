/** A token as it is read; its secret is not among what is. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';
import type { AccountType, Completeness, TokenSource } from '../../generated/prisma/enums.ts';
import type { TokenFacts } from './state.ts';

/** A token, and how much of its library was read. */
export interface TokenRow extends TokenFacts {
  id: bigint;
  removalTaskId: bigint | null;
  uId: string;
  label: string;
  source: TokenSource;
  providedBy: string | null;
  region: string;
  accountType: AccountType;
  organizationName: string;
  locationName: string | null;
  position: number;
  foreignMdm: { id: string; name: string; metadata: string } | null;
  createdAt: Date;
  renewedAt: Date | null;
  completeness: Completeness | null;
  syncedAt: Date | null;
  /** Whose database it is. */
  marker: string | null;
  fullSyncedAt: Date | null;
  fullDueAt: Date | null;
}

/** Reads {@link tokenTables}. */
export const tokenShape = shape<TokenRow>({
  fields: {
    id: 't.id',
    uId: 't.u_id',
    label: 't.label',
    source: 't.source',
    providedBy: 't.provided_by',
    email: 't.email',
    region: 't.region',
    accountType: 't.account_type',
    organizationName: 't.organization_name',
    locationName: 't.location_name',
    position: 't.position',
    expiresAt: 't.expires_at',
    condition: 't.condition',
    foreignMdm: 't.foreign_mdm',
    createdAt: 't.created_at',
    renewedAt: 't.renewed_at',
    removedAt: 't.removed_at',
    removalTaskId: 't.removal_task_id',
    completeness: 's.completeness',
    syncedAt: 's.synced_at',
    marker: '(SELECT marker FROM installation WHERE installation.id = 1)',
    fullSyncedAt: 's.full_synced_at',
    fullDueAt: 's.full_due_at',
  },
  bigints: ['id', 'removalTaskId'],
  moments: ['expiresAt', 'createdAt', 'renewedAt', 'removedAt', 'syncedAt', 'fullSyncedAt', 'fullDueAt'],
});

/** Token `t` and the state `s` of its sync. */
export const tokenTables = sql`token t LEFT JOIN token_sync s ON s.organization_id = t.organization_id AND s.token_id = t.id`;

/** The tokens with these ids, in no order; removed ones too. */
export function readTokens(reader: Rows, organizationId: bigint, tokenIds: readonly bigint[]): Promise<TokenRow[]> {
  return reader.rows<TokenRow>(sql`
    SELECT ${tokenShape.columns} FROM ${tokenTables} WHERE t.organization_id = ${organizationId} AND t.id = ANY (${ids(tokenIds)})`);
}

/** The tokens that are present, or the removed ones, in the order in which they are tried. */
export function listTokens(reader: Rows, organizationId: bigint, removed: boolean): Promise<TokenRow[]> {
  const state = removed ? sql`t.removed_at IS NOT NULL` : sql`t.removed_at IS NULL`;
  return reader.rows<TokenRow>(sql`
    SELECT ${tokenShape.columns} FROM ${tokenTables} WHERE t.organization_id = ${organizationId} AND ${state} ORDER BY t.position, t.id`);
}

/** The tokens that tasks work with, each with its task, in the order in which they are tried. */
export function readTokensOfTasks(
  reader: Rows,
  organizationId: bigint,
  taskIds: readonly bigint[],
): Promise<(TokenRow & { taskId: bigint })[]> {
  return reader.rows(sql`
    SELECT ${tokenShape.columns}, k.task_id AS "taskId" FROM ${tokenTables}
    JOIN task_token k ON k.organization_id = t.organization_id AND k.token_id = t.id
    WHERE t.organization_id = ${organizationId} AND k.task_id = ANY (${ids(taskIds)}) ORDER BY t.position, t.id`);
}
