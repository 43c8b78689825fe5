/** The verbs of {@link SimulatorAdmin}, over the memory of a simulator. @module */
import type { VirtualClock } from '../lib/clock.ts';
import { catalogVerbs } from './admin-catalog.ts';
import { deliveryVerbs } from './admin-deliveries.ts';
import { fleetVerbs } from './admin-fleet.ts';
import { licenseVerbs } from './admin-licenses.ts';
import { mdmVerbs } from './admin-mdm.ts';
import { subscriptionVerbs } from './admin-subscriptions.ts';
import { tokenVerbs } from './admin-tokens.ts';
import type { ScenarioOrder, SimulatorAdmin } from './admin-types.ts';
import { userVerbs } from './admin-users.ts';
import { advanceWorld } from './advance.ts';
import type { World } from './apple/world.ts';
import type { Fleet } from './devices/fleet.ts';
import { buildScenario } from './scenarios/index.ts';
import type { Scenario } from './scenarios/types.ts';

/** Makes the verbs. */
export function createAdmin(world: World, fleet: Fleet): SimulatorAdmin {
  return {
    loadScenario: (order) => {
      world.load(scenarioOf(world, order));
      return { name: world.scenario.name };
    },
    reset: () => {
      world.load(world.scenario);
      world.journal.clear();
    },
    ...tokenVerbs(world),
    ...licenseVerbs(world),
    ...deliveryVerbs(world),
    ...userVerbs(world),
    ...catalogVerbs(world),
    ...subscriptionVerbs(world),
    ...mdmVerbs(world),
    ...fleetVerbs(world, fleet),
    options: () => world.options,
    setOptions: (patch) => {
      world.setOptions(patch);
      return world.options;
    },
    faults: {
      add: ({ match, fault }) => world.faults.add(match ?? {}, fault),
      list: () => world.faults.list(),
      clear: (id) => world.faults.clear(id),
    },
    journal: (query) => world.journal.list(query),
    clearJournal: () => world.journal.clear(),
    advance: async (milliseconds) => {
      const clock = virtualClockOf(world);
      await advanceWorld(world, fleet, world.now() + milliseconds, (moment) => clock.set(new Date(moment)));
    },
    devices: () => world.devices,
  };
}

function scenarioOf(world: World, { scenario, licenses, devices, seed }: ScenarioOrder): Scenario {
  if (typeof scenario === 'object') return scenario;
  return buildScenario(scenario ?? 'school-district', seed ?? world.seed, { licenses, devices });
}

function virtualClockOf(world: World): VirtualClock {
  if (!('advance' in world.clock)) throw new Error('advance needs a virtual clock');
  return world.clock as VirtualClock;
}
