import { ids, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { inGroup } from '../device-group/rule.ts';
import { wakeDeployments } from './wake.ts';

/** Lines `r` are taken in the order in which others write them. */
async function forget(tx: Tx, organizationId: bigint, which: Sql): Promise<number> {
  return tx.$executeRaw(sql`
    DELETE FROM deployment_refusal x USING (
      SELECT r.app_id, r.device_id FROM deployment_refusal r WHERE r.organization_id = ${organizationId} AND (${which})
      ORDER BY r.app_id, r.device_id FOR UPDATE) gone
    WHERE x.organization_id = ${organizationId} AND x.app_id = gone.app_id AND x.device_id = gone.device_id`);
}

/** Who may get apps that are not released has changed: devices `r` that were refused because of it are tried again now. */
export async function forgetUnreleased(tx: Tx, organizationId: bigint, now: Date, which: Sql): Promise<void> {
  const gone = await forget(tx, organizationId, sql`r.code = 'APP_NOT_RELEASED' AND (${which})`);
  if (gone > 0) await wakeDeployments(tx, organizationId, now);
}

/** A deployment is new or has changed: what was refused to the devices of its group is tried again at the next comparison. */
export async function forgetOfGroup(
  tx: Tx,
  organizationId: bigint,
  { appId, groupId }: { appId: bigint; groupId: bigint },
): Promise<void> {
  await forget(
    tx,
    organizationId,
    sql`r.app_id = ${appId} AND EXISTS (
      SELECT 1 FROM device_group g JOIN device d ON d.organization_id = g.organization_id AND d.id = r.device_id
      WHERE g.organization_id = ${organizationId} AND g.id = ${groupId} AND ${inGroup})`,
  );
}

/** What was refused of an app is tried again at the next comparison, on the given devices. */
export async function forgetRefusals(
  tx: Tx,
  organizationId: bigint,
  appId: bigint,
  deviceIds: readonly bigint[],
): Promise<void> {
  await forget(tx, organizationId, sql`r.app_id = ${appId} AND r.device_id = ANY (${ids(deviceIds)})`);
}

/** What has had its time, and what no deployment is about any more. */
export async function forgetOver(tx: Tx, organizationId: bigint, now: Date): Promise<void> {
  const wanted = sql`SELECT 1 FROM deployment p WHERE p.organization_id = r.organization_id AND p.app_id = r.app_id`;
  await forget(tx, organizationId, sql`r.retry_at <= ${moment(now)} OR NOT EXISTS (${wanted})`);
}
