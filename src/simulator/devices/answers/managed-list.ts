/** ManagedApplicationList: a dictionary by bundle id; some statuses are told once and then gone (MDM sheet §1.4). @module */
import type { PlistDict } from '../../../lib/plist.ts';
import { type DeviceAppState, type SimulatedDevice, toldOnce } from '../device.ts';
import { type Answer, acknowledged, type Scene, textsOf } from './types.ts';

/** Answers the command. */
export function managedApplicationList({ device }: Scene, command: PlistDict): Answer {
  const wanted = textsOf(command.Identifiers);
  const list: Record<string, PlistDict> = {};
  for (const app of [...device.apps.values()]) {
    if (app.status === null || (wanted && !wanted.includes(app.bundleId))) continue;
    list[app.bundleId] = describe(app);
    if (toldOnce.has(app.status)) forget(device, app);
  }
  return acknowledged({ ManagedApplicationList: list });
}

function describe(app: DeviceAppState): PlistDict {
  const isOver = toldOnce.has(app.status);
  return {
    Status: app.status!,
    ManagementFlags: isOver ? 0 : app.flags,
    HasConfiguration: false,
    HasFeedback: false,
    IsValidated: app.installed !== null && !isOver,
    ...(app.installed && !isOver ? { ExternalVersionIdentifier: app.installed.externalId } : {}),
  };
}

/** After it was told, an app that is there is what it was before; one that is not there is gone. */
function forget(device: SimulatedDevice, app: DeviceAppState): void {
  if (app.installed === null) device.apps.delete(app.bundleId);
  else app.status = app.status === 'ManagementRejected' ? null : 'Managed';
}
