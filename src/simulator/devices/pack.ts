/** Devices as JSON and back. @module */
import type { DeviceAppState, SimulatedDevice } from './device.ts';

/** A device in a state file. */
export type PackedDevice = Omit<SimulatedDevice, 'apps'> & { apps: DeviceAppState[] };

/** What of a fleet survives a restart. */
export interface FleetSnapshot {
  random: number;
  devices: PackedDevice[];
}

/** As JSON. */
export function pack(device: SimulatedDevice): PackedDevice {
  return { ...device, apps: [...device.apps.values()], talking: false, wokenAgain: false };
}

/** From JSON. */
export function unpack({ apps, ...device }: PackedDevice): SimulatedDevice {
  return { ...device, apps: new Map(apps.map((app) => [app.bundleId, app])) };
}
