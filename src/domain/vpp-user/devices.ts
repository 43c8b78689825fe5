/** Whose device a device is: of whom somebody said so; otherwise of the person whose account it tells of. @module */
import { ids, type Sql, sql } from '../../db/transaction.ts';

/**
 * The devices of people, as rows `device_id`, `vpp_user_id`. An account may be linked in several libraries: then the device
 * is of each of these people.
 */
export function devicesOfPeople(organizationId: bigint, vppUserIds: readonly bigint[]): Sql {
  return sql`
    SELECT d.id AS device_id, d.vpp_user_id FROM device d
    WHERE d.organization_id = ${organizationId} AND d.vpp_user_id = ANY (${ids(vppUserIds)}) AND d.removed_at IS NULL
    UNION ALL
    SELECT d.id, u.id FROM vpp_user u
    JOIN enrollment e ON e.organization_id = u.organization_id AND e.store_account_hash = u.id_hash AND e.state <> 'GONE'
    JOIN device d ON d.organization_id = e.organization_id AND d.id = e.device_id AND d.vpp_user_id IS NULL AND d.removed_at IS NULL
    WHERE u.organization_id = ${organizationId} AND u.id = ANY (${ids(vppUserIds)}) AND u.status = 'ASSOCIATED'`;
}
