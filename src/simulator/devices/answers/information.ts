/** DeviceInformation: what was asked for, as far as the device knows it (MDM sheet §1.6). @module */
import type { PlistDict, PlistValue } from '../../../lib/plist.ts';
import { compareVersions, type SimulatedDevice } from '../device.ts';
import { type Answer, acknowledged, malformed, type Scene, textsOf } from './types.ts';

/** Answers the command. */
export function deviceInformation({ device }: Scene, command: PlistDict): Answer {
  const queries = textsOf(command.Queries);
  if (!queries) return malformed;
  const known = factsOf(device);
  return acknowledged({
    QueryResponses: Object.fromEntries(queries.filter((name) => name in known).map((name) => [name, known[name]!])),
  });
}

/** Apple's words for the families. */
export const modelNames = { IPAD: 'iPad', IPHONE: 'iPhone', APPLE_TV: 'Apple TV', MAC: 'Mac' } as const;

function factsOf(device: SimulatedDevice): Record<string, PlistValue> {
  const since = (version: string, facts: Record<string, PlistValue>) =>
    compareVersions(device.osVersion, version) >= 0 ? facts : {};
  return {
    UDID: device.udid,
    SerialNumber: device.serialNumber,
    DeviceName: device.name,
    OSVersion: device.osVersion,
    BuildVersion: buildOf(device),
    ModelName: modelNames[device.family],
    Model: 'SIM000LL',
    ProductName: device.model,
    IsSupervised: device.supervised,
    DeviceCapacity: 64.5,
    AvailableDeviceCapacity: 21.5,
    BatteryLevel: 0.8,
    iTunesStoreAccountIsActive: device.storeAccount !== null,
    ...(device.storeAccount === null ? {} : { iTunesStoreAccountHash: device.storeAccount }),
    ...since('9', { AwaitingConfiguration: device.awaitingConfiguration }),
    ...since('9.3', { IsMultiUser: false }),
    ...since('14', { TimeZone: device.timeZone }),
    ...since('16.4', { ModelNumber: 'SIM000' }),
  };
}

/** A made-up build that follows from the version. */
export function buildOf({ osVersion }: SimulatedDevice): string {
  const [major = 0, minor = 0] = osVersion.split('.').map(Number);
  return `${major + 4}${String.fromCharCode(65 + (minor % 26))}100`;
}
