/** Makes devices by the seed: what they are, and what is on them already. @module */
import { createHash } from 'node:crypto';
import type { World } from '../apple/world.ts';
import { createRandom, type Random } from '../random.ts';
import type { DeviceSpec } from '../scenarios/types.ts';
import type { AppVersion, DeviceAppState, SimulatedDevice } from './device.ts';
import { licenseFor, lookUp } from './store.ts';

/** An app that devices have from the start. */
export interface InitialApp {
  /** Of the store; or an in-house app with the next three. */
  adamId?: string;
  bundleId?: string;
  name?: string;
  version?: string;
  /** Part of the devices that have it; all unless said. */
  share?: number;
  /** How many versions behind the newest one. */
  behind?: number;
  /** False for one that the person installed. */
  managed?: boolean;
}

/** Which devices to make. */
export interface FleetOrder {
  /** So many of the scenario's devices that are no Macs and not in the fleet yet, spread evenly; all unless said. */
  devices?: number;
  /** These instead. */
  serialNumbers?: string[];
  /** Devices that the scenario does not have. */
  specs?: DeviceSpec[];
  /** Part of them that is supervised; all unless said. */
  supervised?: number;
  /** Zones that they are spread over; `America/New_York` unless said. */
  timeZones?: string[];
  /** Lower-case countries that they are spread over; `us` unless said. */
  storefronts?: string[];
  /** Slowest and fastest; 1 and 1 unless said. */
  speed?: [number, number];
  apps?: InitialApp[];
  /** They begin in Setup Assistant. */
  awaitingConfiguration?: boolean;
  /** Whether they enroll at once; true unless said. */
  enroll?: boolean;
  /** 1 more than the simulator's unless said. */
  seed?: number;
}

/** Makes the devices of an order; those of `taken` are not made again. */
export function makeDevices(world: World, order: FleetOrder, taken: ReadonlySet<string>): SimulatedDevice[] {
  const random = createRandom(order.seed ?? world.seed + 1);
  const free = world.devices.filter(({ serialNumber, family }) => family !== 'MAC' && !taken.has(serialNumber));
  const wanted = order.serialNumbers && new Set(order.serialNumbers);
  const known = wanted
    ? free.filter(({ serialNumber }) => wanted.has(serialNumber))
    : spread(free, order.devices ?? free.length);
  if (wanted && known.length < wanted.size)
    throw new Error('a serial number is unknown, a Mac, or in the fleet already');
  const specs = order.specs ?? known;
  const repeated = specs.find(({ serialNumber }) => taken.has(serialNumber));
  if (repeated) throw new Error(`${repeated.serialNumber} is in the fleet already`);
  return specs.map((spec) => makeDevice(world, order, random, spec));
}

/** Some of a list, from all over it: in a scenario old devices stand together. */
function spread<T>(list: readonly T[], count: number): T[] {
  if (count >= list.length) return [...list];
  return Array.from({ length: count }, (_, place) => list[Math.floor((place * list.length) / count)]!);
}

function makeDevice(world: World, order: FleetOrder, random: Random, spec: DeviceSpec): SimulatedDevice {
  const [slowest, fastest] = order.speed ?? [1, 1];
  const device: SimulatedDevice = {
    ...spec,
    udid: udidOf(spec.serialNumber),
    supervised: random.next() < (order.supervised ?? 1),
    timeZone: random.pick(order.timeZones ?? ['America/New_York']),
    storefront: random.pick(order.storefronts ?? ['us']).toLowerCase(),
    speed: slowest + random.next() * (fastest - slowest),
    storeAccount: null,
    account: null,
    invitations: [],
    enrolled: false,
    awaitingConfiguration: order.awaitingConfiguration ?? false,
    offlineUntil: 0,
    keepsPush: false,
    missedPush: false,
    apps: new Map(),
    scripts: [],
    unsent: null,
    seen: [],
    counts: {},
    talking: false,
    wokenAgain: false,
  };
  for (const app of order.apps ?? []) {
    if (random.next() < (app.share ?? 1)) putApp(world, device, app);
  }
  return device;
}

/** Puts an app on a device as if it had always been there; nothing happens when it does not run there. */
export function putApp(world: World, device: SimulatedDevice, app: InitialApp): void {
  const common = { target: null, flags: 0, removable: true, round: 0 };
  const status = app.managed === false ? null : ('Managed' as const);
  if (app.adamId === undefined) {
    const { bundleId = 'example.inhouse.app', name = 'In-house', version = '1.0' } = app;
    const installed = { version, externalId: 0 };
    device.apps.set(bundleId, { ...common, bundleId, adamId: null, name, installed, status, license: null });
    return;
  }
  const found = lookUp(world, device, app.adamId);
  if (found.kind !== 'version') return;
  const held = licenseFor(world, device, app.adamId);
  const state: DeviceAppState = {
    ...common,
    bundleId: found.bundleId,
    adamId: app.adamId,
    name: found.item.name,
    installed: behind(found.version, app.behind ?? 0),
    status,
    license: status === null || held === 'propagating' ? null : held,
  };
  device.apps.set(state.bundleId, state);
}

/** Made-up versions of before. */
function behind({ version, externalId }: AppVersion, count: number): AppVersion {
  if (count === 0) return { version, externalId };
  const [major = 1] = version.split('.').map(Number);
  return { version: `${Math.max(0, major - 1)}.${count}`, externalId: externalId - count };
}

/** In the form of hardware since 2018, always the same for a serial number. */
export function udidOf(serialNumber: string): string {
  const hex = createHash('sha256').update(`udid ${serialNumber}`).digest('hex').toUpperCase();
  return `0000${hex.slice(0, 4)}-${hex.slice(4, 20)}`;
}
