/** The right to give commands to an organization's devices. @module */
import { sql, type Tx, transaction } from '../../db/transaction.ts';
import type { MdmKind } from '../../generated/prisma/enums.ts';
import type { Services } from '../context.ts';
import { ClaimLostError } from '../task/claim.ts';

/** The claim of one connection. */
export interface ConnectionClaim {
  organizationId: bigint;
  connectionId: bigint;
  kind: MdmKind;
  /** Whether devices are woken when something was queued for them. */
  push: boolean;
  claim: bigint;
}

/** Takes the organization's connection over; null when it has none. */
export async function claimConnection(services: Services, organizationId: bigint): Promise<ConnectionClaim | null> {
  const [row] = await services.prisma.$queryRaw<Omit<ConnectionClaim, 'organizationId'>[]>(sql`
    UPDATE mdm_connection SET claim = claim + 1 WHERE organization_id = ${organizationId} AND removed_at IS NULL
    RETURNING id AS "connectionId", kind::text AS kind, push, claim`);
  return row ? { organizationId, ...row } : null;
}

/** One transaction of the claim's holder. `first` locks what comes before the connection. Throws {@link ClaimLostError}. */
export function underConnectionClaim<T>(
  services: Services,
  held: ConnectionClaim,
  work: (tx: Tx) => Promise<T>,
  first?: (tx: Tx) => Promise<void>,
): Promise<T> {
  return transaction(services, async (tx) => {
    await first?.(tx);
    const rows = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM mdm_connection WHERE organization_id = ${held.organizationId} AND id = ${held.connectionId}
        AND claim = ${held.claim} AND removed_at IS NULL FOR NO KEY UPDATE`);
    if (rows.length === 0) throw new ClaimLostError(`the devices of organization ${held.organizationId}`);
    return work(tx);
  });
}
