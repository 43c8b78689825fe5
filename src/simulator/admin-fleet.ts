/** Control of simulated devices. @module */
import type { DeviceTruth, FleetAdmin, FleetChoice, FleetState } from './admin-fleet-types.ts';
import type { SimulatorAdmin } from './admin-types.ts';
import { userVerbs } from './admin-users.ts';
import type { World } from './apple/world.ts';
import { act } from './devices/acts.ts';
import type { SimulatedDevice } from './devices/device.ts';
import type { Fleet } from './devices/fleet.ts';
import { chanceOf } from './devices/scripts.ts';
import { licenseFor, lookUp } from './devices/store.ts';

/** The verbs on devices. */
export function fleetVerbs(world: World, fleet: Fleet): Pick<SimulatorAdmin, 'fleet'> {
  fleet.onInvitation = (device, url) => invite(world, device, url);
  const chosen = (choice: FleetChoice = {}) => choose(world, fleet, choice);
  const verbs: FleetAdmin = {
    make: (order = {}) => {
      const made = fleet.make(order);
      return { devices: made.length, serialNumbers: made.map((device) => device.serialNumber) };
    },
    clear: () => fleet.clear(),
    useServer: ({ server }) => fleet.useServer(server),
    authority: () => ({ pem: fleet.authority.pem }),
    script: ({ script, ...choice }) => {
      const seed = choice.seed ?? world.seed + 1;
      const devices = chosen(choice);
      for (const device of devices) device.scripts.push({ script, seed, used: {} });
      world.changes++;
      return { devices: devices.length, seed };
    },
    clearScripts: ({ kind, ...choice } = {}) => {
      const devices = chosen(choice);
      for (const device of devices)
        device.scripts = kind === undefined ? [] : device.scripts.filter(({ script }) => script.kind !== kind);
      return { devices: devices.length };
    },
    act: (order) => {
      const devices = chosen(order);
      for (const device of devices) act(world, fleet, device, order.act);
      world.changes++;
      return { devices: devices.length };
    },
    devices: ({ seen = false, offset = 0, limit, ...choice } = {}) =>
      chosen(choice)
        .slice(offset, limit === undefined ? undefined : offset + limit)
        .map((device) => truthOf(world, device, seen)),
    state: () => stateOf(world, fleet),
    drive: async () => {
      await fleet.drive();
      return stateOf(world, fleet);
    },
  };
  return { fleet: verbs };
}

function choose(world: World, fleet: Fleet, choice: FleetChoice): SimulatedDevice[] {
  const { serialNumbers, family, supervised, share = 1, seed = world.seed + 1 } = choice;
  const all = serialNumbers ? serialNumbers.map((serial) => known(fleet, serial)) : [...fleet.devices.values()];
  return all.filter(
    (device) =>
      (family ?? device.family) === device.family &&
      (supervised ?? device.supervised) === device.supervised &&
      (share >= 1 || chanceOf(seed, 'share', device.serialNumber) < share),
  );
}

function known(fleet: Fleet, serialNumber: string): SimulatedDevice {
  const device = fleet.devices.get(serialNumber);
  if (!device) throw new Error(`no device ${serialNumber} in the fleet`);
  return device;
}

function truthOf(world: World, device: SimulatedDevice, withSeen: boolean): DeviceTruth {
  const { apps, seen, scripts, talking: _, wokenAgain: __, unsent: ___, ...rest } = device;
  return {
    ...rest,
    apps: [...apps.values()].map((app) => {
      const found = app.adamId === null ? undefined : lookUp(world, device, app.adamId);
      const license = app.adamId === null ? null : licenseFor(world, device, app.adamId);
      return { ...app, licensed: license !== null, newest: found?.kind === 'version' ? found.version : null };
    }),
    scripts: scripts.map(({ script, used }) => ({ ...script, used })),
    ...(withSeen ? { seen } : {}),
  };
}

function stateOf(world: World, fleet: Fleet): FleetState {
  const state: FleetState = {
    devices: fleet.devices.size,
    enrolled: 0,
    offline: 0,
    conversations: fleet.counts.conversations,
    broken: fleet.counts.broken,
    ...fleet.open,
    commands: {},
    apps: {},
  };
  for (const device of fleet.devices.values()) {
    if (device.enrolled) state.enrolled++;
    if (device.offlineUntil > world.now()) state.offline++;
    for (const [type, count] of Object.entries(device.counts))
      state.commands[type] = (state.commands[type] ?? 0) + count;
    for (const { status } of device.apps.values()) {
      const name = status ?? 'unmanaged';
      state.apps[name] = (state.apps[name] ?? 0) + 1;
    }
  }
  return state;
}

/** A person who has an account for it accepts at once; the code stands in the link. */
function invite(world: World, device: SimulatedDevice, url: string): void {
  device.invitations.push(url);
  const code = new URL(url).searchParams.get('inviteCode');
  if (device.account === null || code === null) return;
  try {
    const { idHash } = userVerbs(world).acceptInvitation({ inviteCode: code, account: device.account });
    device.storeAccount = idHash ?? null;
  } catch {
    // An invitation that is over opens nothing.
  }
}
