/**
 * Apple's Apps and Books service in a box: an HTTP server with its own memory, a clock and a seed. It restates Apple's
 * rules by itself and imports nothing of the product but `lib`. @module
 */
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { createAdmin } from './admin.ts';
import { createAdminRoutes } from './admin-routes.ts';
import type { SimulatorAdmin } from './admin-types.ts';
import { World } from './apple/world.ts';
import { Fleet } from './devices/fleet.ts';
import { applyOptions, defaultOptions, type OptionsPatch } from './options.ts';
import { schoolDistrict } from './scenarios/school-district.ts';
import type { Scenario } from './scenarios/types.ts';
import { createHttpServer, listenNear } from './server.ts';
import { openStateFile, type StateFile } from './state-file.ts';

export type * from './admin-fleet-types.ts';
export type * from './admin-mdm-types.ts';
export type * from './admin-types.ts';
export type { DeveloperKey } from './apple/developer-keys.ts';
export type { EventPlan } from './apple/events.ts';
export type { Fault, FaultMatch, OrderedFault } from './apple/faults.ts';
export type { AppStatus, DeviceAppState, SeenCommand } from './devices/device.ts';
export type { FleetOrder, InitialApp } from './devices/make.ts';
export { udidOf } from './devices/make.ts';
export type { DeviceScript, ScriptedError } from './devices/scripts.ts';
export type { BodySummary, JournalEntry } from './journal.ts';
export type { DeliveryReport } from './notify/courier.ts';
export type { Attempt, DeliveryState, NotificationBody } from './notify/delivery.ts';
export type { DeliveryQuery } from './notify/outbox.ts';
export {
  defaultLimits,
  defaultOptions,
  type Limits,
  type NotificationMisfortunes,
  type OptionsPatch,
  type SimulatorOptions,
} from './options.ts';
export { buildScenario } from './scenarios/index.ts';
export { large } from './scenarios/large.ts';
export { plainApps, school } from './scenarios/school-apps.ts';
export { bookReader, schoolDistrict, schoolUnits, unlistedSerialNumber } from './scenarios/school-district.ts';
export type * from './scenarios/types.ts';

/** What a simulator is made of, beside its options. */
export interface SimulatorParts {
  /** The machine's clock unless given. */
  clock?: Clock;
  /** 1 unless given; equal seeds give equal ids. */
  seed?: number;
  /** The school district unless given. */
  scenario?: Scenario;
  logger?: Logger;
  /** Where the memory is kept between runs; nowhere unless given. */
  stateFile?: string;
}

/** A simulator in this process. */
export interface Simulator {
  /** The same verbs as under `/_admin`. */
  admin: SimulatorAdmin;
  /** Root of all paths, e.g. `http://127.0.0.1:9501`; empty until it listens. */
  readonly url: string;
  /** Listens on the port, or on a free one above it when it is taken; 0 is any free one. */
  listen(port?: number, host?: string): Promise<{ url: string }>;
  /** Cuts all connections and saves the state file. */
  close(): Promise<void>;
}

/** Makes a simulator that does not listen yet. */
export function createSimulator(settings: OptionsPatch & SimulatorParts = {}): Simulator {
  const { clock = systemClock, seed = 1, scenario, logger = silentLogger, stateFile, ...options } = settings;
  const world = new World(clock, seed, applyOptions(defaultOptions, options), scenario ?? schoolDistrict(seed));
  const fleet = new Fleet(world);
  const admin = createAdmin(world, fleet);
  const server = createHttpServer(world, createAdminRoutes(admin), logger);
  const state: StateFile | undefined =
    stateFile === undefined ? undefined : openStateFile(stateFile, world, fleet, logger);

  async function listen(port = 0, host = '127.0.0.1'): Promise<{ url: string }> {
    await listenNear(server, port, host);
    const { port: actual } = server.address() as AddressInfo;
    if (!('advance' in clock)) {
      world.courier.start();
      fleet.start();
    }
    world.baseUrl = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
    return { url: world.baseUrl };
  }

  return {
    admin,
    get url() {
      return world.baseUrl;
    },
    listen,
    close: async () => {
      await world.courier.close();
      await fleet.close();
      await world.mdm.messenger.close();
      state?.close();
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
