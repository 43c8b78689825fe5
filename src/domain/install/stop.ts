/** Which requests for licenses end with the installs that they were made for. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { endWaits } from '../license/wait.ts';
import type { StoredInstalls } from './start.ts';

/** The task that gets the licenses of these installs, if one does. */
export function licensesOf({ kind, request }: Pick<Task, 'kind' | 'request'>): bigint | null {
  const stored = kind === 'INSTALL' ? (request as StoredInstalls | null) : null;
  return stored?.licensesOf == null ? null : BigInt(stored.licensesOf);
}

/** Whether the task of the licenses ends with the installs: it asked for them alone, and they are not to stay. */
export function endsLicenses({ request }: Pick<Task, 'request'>, licenses: Pick<Task, 'reservedAll'>): boolean {
  const { needed, keepLicenses } = request as StoredInstalls;
  return needed === true && (keepLicenses !== true || !licenses.reservedAll);
}

/** Who waits for a license because of these installs alone waits no longer. The tasks are locked. */
export async function endInstallWaits(
  context: Context,
  tx: Tx,
  task: Pick<Task, 'id' | 'request'>,
  failure: { code: string; message: string },
): Promise<void> {
  if ((task.request as StoredInstalls).keepLicenses === true) return;
  const waitsFor = sql`EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = w.organization_id AND o.task_id = ${task.id}
    AND o.licenses_of = w.task_id AND o.release_license AND o.app_id = w.app_id AND o.device_id = w.device_id
    AND o.ended_at IS NULL AND o.license_id IS NULL)`;
  await endWaits(tx, context.actor.organizationId, waitsFor, failure, context.clock.now());
}
