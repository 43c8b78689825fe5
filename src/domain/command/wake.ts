import { enqueue, type Job } from '../../db/enqueue.ts';
import { ring } from '../../db/notify.ts';
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';

/** The job that looks after an organization's devices. */
export function devicesJob(organizationId: bigint): Pick<Job, 'name' | 'payload' | 'key'> {
  return {
    name: 'drive-devices',
    payload: { organizationId: String(organizationId) },
    key: `devices:${organizationId}`,
  };
}

/** Asks a worker to look after the organization's devices, now or at `at`; never puts off what is due earlier. */
export async function wakeDevices(tx: Tx, organizationId: bigint, at?: Date): Promise<void> {
  await enqueue(tx, { ...devicesJob(organizationId), ...(at ? { runAt: at } : {}) });
}

/** Commands of these enrollments that waited for their device are looked at again. */
export async function unpark(
  tx: Tx,
  organizationId: bigint,
  enrollmentIds: readonly bigint[],
  now: Date,
): Promise<void> {
  if (enrollmentIds.length === 0) return;
  const woken = await tx.$executeRaw(sql`
    UPDATE device_command c SET due_at = ${moment(now)} FROM (
      SELECT id FROM device_command WHERE organization_id = ${organizationId} AND enrollment_id = ANY (${ids(enrollmentIds)})
        AND state = 'PLANNED' AND due_at IS NULL
      ORDER BY id FOR NO KEY UPDATE
    ) o WHERE c.organization_id = ${organizationId} AND c.id = o.id`);
  if (woken > 0) await ring(tx, { organizationId, kind: 'commands' });
}
