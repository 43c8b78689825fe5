import { moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { AssignmentRow } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';

/** Where users stand, by clientUserId. */
type UserStates = ReadonlyMap<string, NonNullable<AssignmentRow['user']>>;

const rank = { ASSOCIATED: 0, REGISTERED: 1, RETIRED: 2, DELETED: 3 };

/** Where the users of assignments stand. Of several records of one clientUserId the active one counts, which comes first. */
export function userStates(rows: readonly AssignmentRow[]): UserStates {
  const states = new Map<string, NonNullable<AssignmentRow['user']>>();
  for (const { clientUserId, user } of rows) {
    if (clientUserId === null || !user?.status) continue;
    const before = states.get(clientUserId)?.status;
    if (!before || rank[user.status] < rank[before]) states.set(clientUserId, user);
  }
  return states;
}

/**
 * Makes the devices and users that a sync met and nobody listed; those that exist stay as they are. Users stand where their
 * assignments say, until the list of users is read.
 */
export async function addHolders(
  tx: Tx,
  token: TokenKey,
  kind: 'DEVICE' | 'USER',
  names: readonly string[],
  now: Date,
  states: UserStates = new Map(),
): Promise<void> {
  if (names.length === 0) return;
  const at = moment(now);
  const sorted = [...new Set(names)].sort();
  const distinct = texts(sorted);
  if (kind === 'DEVICE') {
    await tx.$executeRaw(sql`
      INSERT INTO device (organization_id, serial_number, serial_original, origin, created_at, updated_at)
      SELECT ${token.organizationId}, n.name, n.name, 'LICENSE', ${at}, ${at} FROM unnest(${distinct}) AS n(name)
      ON CONFLICT (organization_id, serial_number) DO NOTHING`);
    return;
  }
  const statuses = texts(sorted.map((name) => states.get(name)?.status ?? null));
  const hashes = texts(sorted.map((name) => states.get(name)?.idHash ?? null));
  await tx.$executeRaw(sql`
    INSERT INTO vpp_user (organization_id, token_id, client_user_id, status, id_hash, created_at, updated_at)
    SELECT ${token.organizationId}, ${token.tokenId}, n.name, n.status::"VppUserStatus", n.hash, ${at}, ${at}
    FROM unnest(${distinct}, ${statuses}, ${hashes}) AS n(name, status, hash)
    ON CONFLICT (organization_id, token_id, client_user_id) DO NOTHING`);
}
