/** Control of store items and of the developer keys that open the catalog. @module */
import type { MetadataChange, SimulatorAdmin, VersionOrder } from './admin-types.ts';
import { createDeveloperKey } from './apple/developer-keys.ts';
import type { World } from './apple/world.ts';
import type { CatalogItem, CatalogVariant } from './scenarios/types.ts';

type Verb =
  | 'setMetadata'
  | 'publishVersion'
  | 'catalog'
  | 'developerKeys'
  | 'addDeveloperKey'
  | 'createDeveloperKey'
  | 'removeDeveloperKey';

/** The verbs on the catalog. */
export function catalogVerbs(world: World): Pick<SimulatorAdmin, Verb> {
  return {
    setMetadata: (change) => changeItem(world, change),
    publishVersion: (order) => publish(world, order),
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
    variant && (variant.platform ?? one.platform) === one.platform
      ? { ...one, ...variant, ...history(one, variant) }
      : one,
  );
  const changed = { ...item, ...change, variants };
  world.catalog.set(adamId, changed);
  world.changes++;
  return changed;
}

/** A new version leaves the one before it to older devices. */
function history(old: CatalogVariant, change: Partial<CatalogVariant>): Partial<CatalogVariant> {
  if (change.externalId === undefined || change.externalId === old.externalId) return {};
  const { version, externalId, minimumOSVersion, releasedAt } = old;
  const before = { version, externalId, minimumOSVersion, ...(releasedAt === undefined ? {} : { releasedAt }) };
  return { earlier: [...(old.earlier ?? []), before] };
}

/** Releases a version of an app, everywhere or in one country. */
function publish(world: World, order: VersionOrder): CatalogItem {
  const { adamId, storefront, platform, ...rest } = order;
  const item = world.catalog.get(adamId);
  const old = item?.variants.find((one) => platform === undefined || one.platform === platform);
  if (!old) throw new Error(`no app ${adamId}${platform ? ` for ${platform}` : ''}`);
  const local = storefront === undefined ? undefined : old.storefronts?.[storefront];
  const before = { ...old, ...local };
  const next = {
    version: rest.version ?? raised(before.version),
    externalId: rest.externalId ?? before.externalId + 1,
    minimumOSVersion: rest.minimumOSVersion ?? before.minimumOSVersion,
    releasedAt: world.clock.now().toISOString(),
  };
  const variant =
    storefront === undefined ? next : { storefronts: { ...old.storefronts, [storefront.toLowerCase()]: next } };
  return changeItem(world, { adamId, variant: { platform: old.platform, ...variant } });
}

function raised(version: string): string {
  const parts = version.split('.').map(Number);
  parts[parts.length - 1] = (parts.at(-1) ?? 0) + 1;
  return parts.join('.');
}
