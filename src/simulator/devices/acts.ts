/** What happens to a device from outside: people, networks, and whoever erases it. @module */
import type { DeviceAct } from '../admin-fleet-types.ts';
import type { World } from '../apple/world.ts';
import type { SimulatedDevice } from './device.ts';
import type { Fleet } from './fleet.ts';
import { putApp } from './make.ts';

type Handlers = { [Kind in DeviceAct['kind']]: (scene: Stage, act: Extract<DeviceAct, { kind: Kind }>) => void };

interface Stage {
  world: World;
  fleet: Fleet;
  device: SimulatedDevice;
}

const handlers: Handlers = {
  connect: ({ fleet, device }) => fleet.plan(0, { kind: 'connect', device }),
  goOffline: ({ fleet, device }, { forMs, keepsPush = false }) => fleet.goOffline(device, forMs, keepsPush),
  comeOnline: ({ fleet, device }) => fleet.comeOnline(device),
  reenroll: ({ fleet, device }, { keepsApps, awaitingConfiguration = false }) => {
    if (keepsApps !== true) forgetManaged(device);
    device.awaitingConfiguration = awaitingConfiguration;
    fleet.plan(0, { kind: 'enroll', device });
  },
  unenroll: ({ fleet, device }, { silently }) => {
    forgetManaged(device);
    device.enrolled = false;
    if (!silently) fleet.plan(0, { kind: 'check-out', device });
  },
  leaveSetup: ({ fleet, device }) => {
    device.awaitingConfiguration = false;
    fleet.plan(0, { kind: 'leave-setup', device });
  },
  removeApp: ({ device }, which) => removeApp(device, which),
  putApp: ({ world, device }, { app }) => putApp(world, device, app),
  updateSystem: ({ device }, { osVersion }) => {
    device.osVersion = osVersion;
  },
  signIn: ({ device }, { idHash, account }) => {
    if (idHash !== undefined) device.storeAccount = idHash;
    if (account !== undefined) device.account = account;
  },
};

/** Lets it happen. */
export function act(world: World, fleet: Fleet, device: SimulatedDevice, order: DeviceAct): void {
  const handle = handlers[order.kind] as (scene: Stage, act: DeviceAct) => void;
  handle({ world, fleet, device }, order);
}

/** Managed apps go with their management. */
function forgetManaged(device: SimulatedDevice): void {
  for (const app of device.apps.values()) app.round++;
  device.apps = new Map([...device.apps].filter(([, app]) => app.status === null));
  device.unsent = null;
}

function removeApp(device: SimulatedDevice, { adamId, bundleId }: { adamId?: string; bundleId?: string }): void {
  for (const app of device.apps.values()) {
    if (app.bundleId !== bundleId && (adamId === undefined || app.adamId !== adamId)) continue;
    if (!app.removable) continue;
    app.round++;
    app.target = null;
    if (app.status === null) device.apps.delete(app.bundleId);
    else Object.assign(app, { installed: null, status: 'ManagedButUninstalled' });
  }
}
