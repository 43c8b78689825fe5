/** What the store has for a device: the newest version that its OS can run, and whether it holds a license. @module */
import type { OrganizationalUnit } from '../apple/organizational-unit.ts';
import { inStorefront } from '../apple/storefront.ts';
import type { World } from '../apple/world.ts';
import type { CatalogItem, CatalogVariant, EarlierVersion } from '../scenarios/types.ts';
import { type AppVersion, compareVersions, type SimulatedDevice } from './device.ts';
import { chanceOf, findScript } from './scripts.ts';

/** What the store has. */
export type StoreAnswer =
  | { kind: 'version'; item: CatalogItem; bundleId: string; version: AppVersion; releasedAt: number }
  | { kind: 'unknown' | 'not-an-app' }
  | { kind: 'unsupported'; item: CatalogItem };

/** Looks an app up for a device; `asToldToDevice` gives what the device would say of updates by itself. */
export function lookUp(world: World, device: SimulatedDevice, adamId: string): StoreAnswer {
  const item = world.catalog.get(adamId);
  const sold = item && (item.storefronts?.includes(device.storefront) ?? true);
  if (!item || !sold) return { kind: 'unknown' };
  if (item.productType === 'Book') return { kind: 'not-an-app' };
  const variant = variantFor(item, device);
  const found = variant && newest(world, device, adamId, inStorefront(variant, device.storefront));
  if (!variant || !found) return { kind: 'unsupported', item };
  const { version, externalId, releasedAt } = found;
  return {
    kind: 'version',
    item,
    bundleId: variant.bundleId,
    version: { version, externalId },
    releasedAt: releasedAt === undefined ? 0 : Date.parse(releasedAt),
  };
}

/** The item with a bundle id on the device's platform. */
export function itemByBundleId(world: World, device: SimulatedDevice, bundleId: string): CatalogItem | undefined {
  for (const item of world.catalog.values()) if (variantFor(item, device)?.bundleId === bundleId) return item;
  return undefined;
}

/** What the device itself says of updates; null for what is not from the store. */
export function knowsOfUpdate(
  world: World,
  device: SimulatedDevice,
  app: { adamId: string | null; installed: AppVersion | null },
): boolean | null {
  if (app.adamId === null || app.installed === null) return null;
  const found = lookUp(world, device, app.adamId);
  if (found.kind !== 'version' || found.version.externalId === app.installed.externalId) return false;
  const staged = findScript(device.scripts, 'stagedRollout', { serialNumber: device.serialNumber, adamId: app.adamId });
  return world.now() >= found.releasedAt + (staged?.delayMs ?? world.options.fleet.updateNoticeMs);
}

/** Whether the device may have an app: its own license, its person's, one the store does not know of yet, or none. */
export function licenseFor(
  world: World,
  { serialNumber, storeAccount }: SimulatedDevice,
  adamId: string,
): 'device' | 'user' | 'propagating' | null {
  for (const unit of world.units.values()) {
    if (!holds(unit, adamId, 'serialNumber', serialNumber)) continue;
    const { propagationMs, propagationJitterMs } = world.options.fleet;
    const wait = propagationMs + propagationJitterMs * chanceOf(world.seed, 'propagation', serialNumber, adamId);
    const since = unit.grants.since(adamId, `s:${serialNumber}`);
    return since !== undefined && world.now() < since + wait ? 'propagating' : 'device';
  }
  if (storeAccount === null) return null;
  for (const unit of world.units.values()) {
    for (const user of unit.users.all()) {
      if (user.idHash === storeAccount && holds(unit, adamId, 'clientUserId', user.clientUserId)) return 'user';
    }
  }
  return null;
}

function holds(unit: OrganizationalUnit, adamId: string, kind: 'serialNumber' | 'clientUserId', id: string): boolean {
  const asset = unit.asset(adamId);
  const target = asset && unit.targetNo({ kind, id });
  return target !== undefined && unit.table.find(asset!.no, target) !== undefined;
}

function variantFor(item: CatalogItem, { family }: SimulatedDevice): CatalogVariant | undefined {
  const families = { IPAD: ['ipad', 'iphone'], IPHONE: ['iphone'], APPLE_TV: ['tvos'], MAC: ['mac'] }[family];
  return item.variants.find((variant) => variant.deviceFamilies.some((one) => families.includes(one)));
}

function newest(
  world: World,
  device: SimulatedDevice,
  adamId: string,
  variant: CatalogVariant,
): EarlierVersion | undefined {
  const staged = findScript(device.scripts, 'stagedRollout', { serialNumber: device.serialNumber, adamId });
  const delay = staged?.store ? staged.delayMs : 0;
  const isOut = ({ releasedAt }: EarlierVersion) =>
    releasedAt === undefined || world.now() >= Date.parse(releasedAt) + delay;
  const runs = ({ minimumOSVersion }: EarlierVersion) => compareVersions(device.osVersion, minimumOSVersion) >= 0;
  return [variant, ...(variant.earlier ?? []).toReversed()].find((one) => runs(one) && isOut(one));
}
