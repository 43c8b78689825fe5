/** Control of the simulated MDM server. @module */
import type { SimulatorAdmin } from './admin-types.ts';
import type { World } from './apple/world.ts';
import { mdmRoot } from './devices/mdm/server.ts';

/** The verbs on the MDM server. */
export function mdmVerbs(world: World): Pick<SimulatorAdmin, 'mdm'> {
  const { store, messenger } = world.mdm;
  return {
    mdm: {
      access: () => ({
        baseUrl: `${world.baseUrl}${mdmRoot}`,
        ...world.mdm.access,
        apiKey: world.options.mdm.apiKey ?? '',
        doorUrl: `${world.baseUrl}${mdmRoot}/mdm`,
      }),
      enrollments: () =>
        [...store.enrollments.values()].map(({ push, ...rest }) => ({ ...rest, reachable: Boolean(push) })),
      queue: ({ id }) => store.queueOf(id),
      events: (query) => messenger.list(query),
      settle: () => messenger.settle(),
      clear: () => world.mdm.clear(),
    },
  };
}
