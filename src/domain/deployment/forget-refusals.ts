import { ids, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { wakeDeployments } from './wake.ts';

/** Who may get apps that are not released has changed: devices `r` that were refused because of it are tried again now. */
export async function forgetUnreleased(tx: Tx, organizationId: bigint, now: Date, which: Sql): Promise<void> {
  const gone = await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal r WHERE r.organization_id = ${organizationId} AND r.code = 'APP_NOT_RELEASED' AND (${which})`);
  if (gone > 0) await wakeDeployments(tx, organizationId, now);
}

/** What was refused of an app is tried again at the next comparison, on the given devices or on all. */
export async function forgetRefusals(
  tx: Tx,
  organizationId: bigint,
  appId: bigint,
  deviceIds: readonly bigint[] | null = null,
): Promise<void> {
  await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal WHERE organization_id = ${organizationId} AND app_id = ${appId}
      ${deviceIds === null ? nothing : sql`AND device_id = ANY (${ids(deviceIds)})`}`);
}
