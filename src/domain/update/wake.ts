/** The bell of updates: what changed, so that only that is looked at. @module */
import { enqueue } from '../../db/enqueue.ts';
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';

/** The job that looks after the updates of an organization. */
export function updateJob(organizationId: bigint) {
  return {
    name: 'run-updates' as const,
    payload: { organizationId: String(organizationId) },
    key: `updates:${organizationId}`,
  };
}

/** Apps of these devices may have news: their lists were read, or commands of theirs ended. Nothing without policies. */
export async function wakeUpdates(tx: Tx, organizationId: bigint, deviceIds: readonly bigint[]): Promise<void> {
  if (deviceIds.length === 0) return;
  const woken = await tx.$executeRaw(sql`
    INSERT INTO update_wake (organization_id, device_id)
    SELECT s.organization_id, d.id FROM update_schedule s CROSS JOIN unnest(${ids([...new Set(deviceIds)])}) AS d(id)
    WHERE s.organization_id = ${organizationId}`);
  if (woken > 0) await enqueue(tx, updateJob(organizationId));
}

/** A run is to be looked at now, with nothing new of any device. Takes no lock. */
export async function ringUpdates(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$executeRaw(sql`INSERT INTO update_wake (organization_id, device_id) VALUES (${organizationId}, 0)`);
  await enqueue(tx, updateJob(organizationId));
}

/** Everything may have changed: a policy, or what was paused. */
export async function wakeAllUpdates(tx: Tx, organizationId: bigint, now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO update_schedule (organization_id, looked_at) VALUES (${organizationId}, ${moment(now)}) ON CONFLICT DO NOTHING`);
  await tx.$executeRaw(sql`INSERT INTO update_wake (organization_id) VALUES (${organizationId})`);
  await enqueue(tx, updateJob(organizationId));
}
