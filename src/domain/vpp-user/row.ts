/** A person in a token's library, as read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';

/** One person. */
export interface VppUserRow {
  id: bigint;
  clientUserId: string;
  /** Apple's status; null when not known. */
  status: string | null;
  createdAt: Date;
}

/** Reads table `u`. */
export const vppUserShape = shape<VppUserRow>({
  fields: { id: 'u.id', clientUserId: 'u.client_user_id', status: 'u.status', createdAt: 'u.created_at' },
  bigints: ['id'],
  moments: ['createdAt'],
});

/** The people with these ids, in no order. */
export function readVppUsers(reader: Rows, organizationId: bigint, userIds: readonly bigint[]): Promise<VppUserRow[]> {
  return reader.rows<VppUserRow>(sql`
    SELECT ${vppUserShape.columns} FROM vpp_user u WHERE u.organization_id = ${organizationId} AND u.id = ANY (${ids(userIds)})`);
}
