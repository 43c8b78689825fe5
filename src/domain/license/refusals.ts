import {
  AlreadyLicensedError,
  AlreadyWaitingError,
  AppNotReleasedError,
  type DomainError,
  NoLicensesAvailableError,
  OsTooOldError,
  QuotaExceededError,
  TokenNotUsableError,
  UnknownDeviceError,
} from '../errors.ts';
import type { TaskFailure } from '../task/failures.ts';
import type { Refusal } from './allocation.ts';

/** A refused pair as an item of the task. */
export function describeRefusal(refusal: Refusal): TaskFailure {
  return {
    code: refusal.error.code,
    message: refusal.error.message,
    appId: refusal.appId,
    deviceId: refusal.device.id,
    serialNumber: refusal.device.serialNumber,
    data: dataOf(refusal.error),
  };
}

/** Devices that do not exist fail once for each app. */
export function unknownDeviceFailures(
  unknown: readonly string[],
  appIds: readonly bigint[],
): (TaskFailure & { appId: bigint; data: { device: string } })[] {
  return unknown.flatMap((device) => {
    const { code, message } = new UnknownDeviceError([device]);
    return appIds.map((appId) => ({ code, message, appId, data: { device } }));
  });
}

/** What a refusal knows beside its code, for the item of a task. */
export function dataOf(error: DomainError): Record<string, unknown> | null {
  if (error instanceof NoLicensesAvailableError) {
    return { requested: error.requested, available: error.available, asOf: error.asOf, skipped: error.skipped };
  }
  if (error instanceof QuotaExceededError) {
    const { groupId, group, appId, quota, used } = error;
    return { groupId, group, appId, quota, used };
  }
  if (error instanceof AlreadyWaitingError) return { taskId: error.taskId };
  if (error instanceof OsTooOldError) return { required: error.required, actual: error.actual };
  if (error instanceof AppNotReleasedError) return { status: error.status };
  if (error instanceof AlreadyLicensedError) return { tokenId: error.tokenId };
  if (error instanceof TokenNotUsableError) return { tokenId: error.tokenId, state: error.state };
  return null;
}
