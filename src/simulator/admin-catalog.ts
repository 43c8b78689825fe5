/** Control of store items and of the developer keys that open the catalog. @module */
import type { MetadataChange, SimulatorAdmin } from './admin-types.ts';
import { createDeveloperKey } from './apple/developer-keys.ts';
import type { World } from './apple/world.ts';
import type { CatalogItem } from './scenarios/types.ts';

type Verb =
  | 'setMetadata'
  | 'catalog'
  | 'developerKeys'
  | 'addDeveloperKey'
  | 'createDeveloperKey'
  | 'removeDeveloperKey';

/** The verbs on the catalog. */
export function catalogVerbs(world: World): Pick<SimulatorAdmin, Verb> {
  return {
    setMetadata: (change) => changeItem(world, change),
    catalog: () => [...world.catalog.values()],
    developerKeys: () => [...world.developerKeys],
    addDeveloperKey: (key) => {
      world.developerKeys = [...world.developerKeys.filter((one) => one.keyId !== key.keyId), key];
      world.changes++;
    },
    createDeveloperKey: async (wish = {}) => {
      const { key, privateKey } = await createDeveloperKey(world.random, wish);
      world.developerKeys = [...world.developerKeys.filter((one) => one.keyId !== key.keyId), key];
      world.changes++;
      return { ...key, privateKey };
    },
    removeDeveloperKey: ({ keyId }) => {
      world.developerKeys = world.developerKeys.filter((key) => key.keyId !== keyId);
      world.changes++;
    },
  };
}

function changeItem(world: World, { adamId, variant, ...change }: MetadataChange): CatalogItem {
  const item = world.catalog.get(adamId);
  if (!item) throw new Error(`no store item ${adamId}`);
  const variants = item.variants.map((one) =>
    variant && (variant.platform ?? one.platform) === one.platform ? { ...one, ...variant } : one,
  );
  const changed = { ...item, ...change, variants };
  world.catalog.set(adamId, changed);
  world.changes++;
  return changed;
}
