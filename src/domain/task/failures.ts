import { sql, type Tx, texts } from '../../db/transaction.ts';
import type { TaskKey } from './events.ts';

/** One item that was not done. */
export interface TaskFailure {
  /** An error code of the domain, `APPLE_<number>` for Apple's own, or `CANCELLED`. */
  code: string;
  message: string;
  appId?: bigint | null;
  deviceId?: bigint | null;
  serialNumber?: string | null;
  licenseId?: bigint | null;
  vppUserId?: bigint | null;
  clientUserId?: string | null;
  seatSubscriptionId?: bigint | null;
  seatId?: bigint | null;
  appleErrorNumber?: number | null;
  data?: unknown;
}

/** Keeps the items that were not done, each with its reason. */
export async function recordFailures(tx: Tx, task: TaskKey, failures: readonly TaskFailure[]): Promise<void> {
  if (failures.length === 0) return;
  const optional = (pick: (failure: TaskFailure) => unknown) =>
    texts(
      failures.map((failure) => {
        const value = pick(failure);
        return value === undefined || value === null ? null : String(value);
      }),
    );
  await tx.$executeRaw(sql`
    INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, license_id, vpp_user_id, client_user_id, seat_subscription_id, seat_id, apple_error_number, data)
    SELECT ${task.organizationId}, ${task.taskId}, f.code, f.message, f.app_id::bigint, f.device_id::bigint, f.serial, f.license_id::bigint, f.user_id::bigint, f.client_user_id,
           f.subscription_id::bigint, f.seat_id::bigint, f.apple::int, f.data::jsonb
    FROM unnest(${texts(failures.map((failure) => failure.code))}, ${texts(failures.map((failure) => failure.message))},
      ${optional((failure) => failure.appId)}, ${optional((failure) => failure.deviceId)}, ${optional((failure) => failure.serialNumber)},
      ${optional((failure) => failure.licenseId)}, ${optional((failure) => failure.vppUserId)}, ${optional((failure) => failure.clientUserId)},
      ${optional((failure) => failure.seatSubscriptionId)}, ${optional((failure) => failure.seatId)},
      ${optional((failure) => failure.appleErrorNumber)},
      ${optional((failure) => (failure.data === undefined ? null : stringify(failure.data)))})
      AS f(code, message, app_id, device_id, serial, license_id, user_id, client_user_id, subscription_id, seat_id, apple, data)`);
}

const stringify = (data: unknown) =>
  JSON.stringify(data, (_key, part) => (typeof part === 'bigint' ? part.toString() : part));
