import { ids, moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { AppOperationKind } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import { readyPatience } from './times.ts';
import { wakeDriver } from './wake.ts';

/** One app on one device. */
export interface NewOperation {
  deviceId: bigint;
  appId: bigint;
  /** The license that it needs, or that is to go back. */
  licenseId?: bigint | null;
  /** The task that is to get its license, while there is none. */
  licensesOf?: bigint | null;
  /** An install that fails, or a removal that is done, gives the license back. */
  releaseLicense?: boolean;
  /** External version id that an update is to bring. */
  targetVersion?: string | null;
  /** WAITING_FOR_LICENSE sends nothing before the license allows it; READY when absent. */
  state?: 'WAITING_FOR_LICENSE' | 'READY';
  /** When it may be sent; at once when absent. */
  dueAt?: Date;
  /** Nothing is sent for it from here on: unsent, it is CANCELLED with the cause WINDOW_CLOSED, or what it was recalled for. The window of an update. */
  notAfter?: Date;
}

/** One that was started. */
export interface StartedOperation {
  id: bigint;
  deviceId: bigint;
  appId: bigint;
}

/**
 * Starts operations of a task. Pairs that have an open operation already are passed over; gives the pairs that were
 * started. Asks for `drive-operations`. Counts and end of an UPDATE task are the affair of `src/domain/update`, which reads
 * what its operations came to.
 */
export async function startOperations(
  context: Context,
  tx: Tx,
  of: { kind: AppOperationKind; taskId: bigint },
  items: readonly NewOperation[],
): Promise<StartedOperation[]> {
  if (items.length === 0) return [];
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const times = (pick: (item: NewOperation) => Date | null) =>
    sql`${texts(items.map((item) => pick(item)?.toISOString() ?? null))}::timestamptz[]`;
  const optional = (pick: (item: NewOperation) => bigint | null | undefined) =>
    texts(items.map((item) => pick(item)?.toString() ?? null));
  const due = (item: NewOperation) => (item.state === 'WAITING_FOR_LICENSE' ? null : (item.dueAt ?? now));
  const started = await tx.$queryRaw<StartedOperation[]>(sql`
    INSERT INTO app_operation (organization_id, kind, state, task_id, device_id, app_id, license_id, licenses_of, release_license, target_version,
      due_at, deadline_at, not_after, created_at, changed_at)
    SELECT ${organizationId}, ${of.kind}::"AppOperationKind", n.state::"AppOperationState", ${of.taskId}, n.device_id, n.app_id, n.license_id::bigint, n.licenses_of::bigint,
      n.release, n.target, n.due, n.due + make_interval(secs => ${readyPatience / 1000}::float8), n.not_after, ${moment(now)}, ${moment(now)}
    FROM unnest(${ids(items.map((item) => item.deviceId))}, ${ids(items.map((item) => item.appId))},
      ${optional((item) => item.licenseId)},
      ${optional((item) => item.licensesOf)}, ${items.map((item) => item.releaseLicense ?? false)}::boolean[], ${texts(items.map((item) => item.targetVersion ?? null))},
      ${texts(items.map((item) => item.state ?? 'READY'))}, ${times(due)}, ${times((item) => item.notAfter ?? null)})
      AS n(device_id, app_id, license_id, licenses_of, release, target, state, due, not_after)
    -- Sorted, so that two who want the same wait for each other and not in a circle.
    ORDER BY n.device_id, n.app_id ON CONFLICT (organization_id, device_id, app_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING id, device_id AS "deviceId", app_id AS "appId"`);
  if (started.length > 0) await wakeDriver(tx, organizationId);
  return started;
}

/** Something about the devices changed (enrolled, gone, answered): what waits for them is looked at now. */
export async function wakeOperations(context: Context, tx: Tx, deviceIds: readonly bigint[]): Promise<void> {
  if (deviceIds.length === 0) return;
  const { organizationId } = context.actor;
  const now = moment(context.clock.now());
  await tx.$executeRaw(sql`
    UPDATE app_operation o SET due_at = ${now} FROM (
      SELECT id FROM app_operation WHERE organization_id = ${organizationId} AND device_id = ANY (${ids(deviceIds)}) AND ended_at IS NULL
        AND ((state IN ('READY', 'PROPAGATING') AND cause ->> 'waits' = 'DEVICE') OR state IN ('INSTALLING', 'PROMPTING'))
        AND due_at > ${now}
      ORDER BY id FOR NO KEY UPDATE
    ) w WHERE o.organization_id = ${organizationId} AND o.id = w.id`);
  await wakeDriver(tx, organizationId);
}
