import { type Sql, sql, type Tx } from '../../db/transaction.ts';
import { wakeDeployments } from './wake.ts';

/** Who may get apps that are not released has changed: devices `r` that were refused because of it are tried again now. */
export async function forgetUnreleased(tx: Tx, organizationId: bigint, now: Date, which: Sql): Promise<void> {
  const gone = await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal r WHERE r.organization_id = ${organizationId} AND r.code = 'APP_NOT_RELEASED' AND (${which})`);
  if (gone > 0) await wakeDeployments(tx, organizationId, now);
}
