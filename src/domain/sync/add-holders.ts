import { moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/** Makes the devices and users that a sync met and nobody listed; those that exist stay as they are. */
export async function addHolders(
  tx: Tx,
  token: TokenKey,
  kind: 'DEVICE' | 'USER',
  names: readonly string[],
  now: Date,
): Promise<void> {
  if (names.length === 0) return;
  const at = moment(now);
  const distinct = texts([...new Set(names)].sort());
  if (kind === 'DEVICE') {
    await tx.$executeRaw(sql`
      INSERT INTO device (organization_id, serial_number, serial_original, origin, created_at, updated_at)
      SELECT ${token.organizationId}, n.name, n.name, 'LICENSE', ${at}, ${at} FROM unnest(${distinct}) AS n(name)
      ON CONFLICT (organization_id, serial_number) DO NOTHING`);
    return;
  }
  await tx.$executeRaw(sql`
    INSERT INTO vpp_user (organization_id, token_id, client_user_id, created_at, updated_at)
    SELECT ${token.organizationId}, ${token.tokenId}, n.name, ${at}, ${at} FROM unnest(${distinct}) AS n(name)
    ON CONFLICT (organization_id, token_id, client_user_id) DO NOTHING`);
}
