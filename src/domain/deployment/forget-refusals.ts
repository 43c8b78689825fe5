import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { inGroup } from '../device-group/rule.ts';
import { wakeDeployments } from './wake.ts';

/** Who may get apps that are not released has changed: devices `r` that were refused because of it are tried again now. */
export async function forgetUnreleased(tx: Tx, organizationId: bigint, now: Date, which: Sql): Promise<void> {
  const gone = await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal r WHERE r.organization_id = ${organizationId} AND r.code = 'APP_NOT_RELEASED' AND (${which})`);
  if (gone > 0) await wakeDeployments(tx, organizationId, now);
}

/** A deployment is new or has changed: what was refused to the devices of its group is tried again at the next comparison. */
export async function forgetOfGroup(
  tx: Tx,
  organizationId: bigint,
  { appId, groupId }: { appId: bigint; groupId: bigint },
): Promise<void> {
  await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal x USING (
      SELECT r.device_id FROM deployment_refusal r
      JOIN device_group g ON g.organization_id = r.organization_id AND g.id = ${groupId}
      JOIN device d ON d.organization_id = r.organization_id AND d.id = r.device_id
      WHERE r.organization_id = ${organizationId} AND r.app_id = ${appId} AND ${inGroup}
      ORDER BY r.device_id FOR UPDATE OF r) gone
    WHERE x.organization_id = ${organizationId} AND x.app_id = ${appId} AND x.device_id = gone.device_id`);
}

/** What was refused of an app is tried again at the next comparison, on the given devices. */
export async function forgetRefusals(
  tx: Tx,
  organizationId: bigint,
  appId: bigint,
  deviceIds: readonly bigint[],
): Promise<void> {
  await tx.$executeRaw(sql`
    DELETE FROM deployment_refusal WHERE organization_id = ${organizationId} AND app_id = ${appId} AND device_id = ANY (${ids(deviceIds)})`);
}
