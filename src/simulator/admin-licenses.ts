/** Control of assets, seats and claims, and the truth about them. @module */
import type { AssetKey, AssetTruth, EventTruth, SimulatorAdmin, UnitTruth } from './admin-types.ts';
import type { AppleEvent } from './apple/events.ts';
import type { Asset, OrganizationalUnit } from './apple/organizational-unit.ts';
import { deviceTarget, userTarget, type World } from './apple/world.ts';

type Verb =
  | 'purchase'
  | 'refund'
  | 'transfer'
  | 'setAsset'
  | 'addAsset'
  | 'removeAsset'
  | 'assign'
  | 'unassign'
  | 'setMdmInfo'
  | 'truth';

type SeatOrder = AssetKey & { serialNumber?: string; clientUserId?: string };

/** The verbs on libraries. */
export function licenseVerbs(world: World): Pick<SimulatorAdmin, Verb> {
  return {
    purchase: ({ count, ...key }) => purchase(world, key, count),
    refund: ({ count, ...key }) => purchase(world, key, -count),
    transfer: ({ to, count, ...key }) => transfer(world, key, to, count),
    setAsset: ({ uId, adamId, pricingParam, ...change }) => {
      const { unit, asset } = touch(world, { uId, adamId, pricingParam });
      unit.changeAsset(asset, change, world.now());
      return assetTruth(unit, asset);
    },
    addAsset: ({ uId, item, ...spec }) => {
      const unit = unitOf(world, uId);
      if (item) world.catalog.set(item.adamId, item);
      world.changes++;
      return assetTruth(unit, unit.putAsset(spec));
    },
    removeAsset: (key) => {
      const { unit, asset } = touch(world, key);
      unit.removeAsset(asset);
    },
    assign: (order) => moveSeat(world, order, 'associate'),
    unassign: (order) => moveSeat(world, order, 'disassociate'),
    setMdmInfo: ({ uId, mdmInfo }) => {
      const { mdmInfo: _, ...rest } = unitOf(world, uId).config;
      unitOf(world, uId).config = mdmInfo ? { ...rest, mdmInfo } : rest;
      world.changes++;
    },
    truth: ({ uId }) => truth(world, unitOf(world, uId)),
  };
}

function purchase(world: World, key: AssetKey, count: number): AssetTruth {
  const unit = unitOf(world, key.uId);
  const known = unit.asset(key.adamId, key.pricingParam);
  if (!known && count < 0) throw new Error(`${key.uId} does not own ${key.adamId}`);
  const asset = known ?? addBought(world, unit, key);
  const total = Math.max(0, asset.total + count);
  const countDelta = total - asset.total;
  unit.changeAsset(asset, { total }, world.now());
  world.changes++;
  const { adamId, pricingParam } = asset;
  const draft = { uId: unit.uId, type: 'ASSET_COUNT', fields: { adamId, pricingParam, countDelta } };
  if (countDelta !== 0) world.notify(draft, world.now());
  return assetTruth(unit, asset);
}

function transfer(world: World, key: AssetKey, to: string, count: number) {
  const { unit, asset } = touch(world, key);
  const { available } = assetTruth(unit, asset);
  if (available < count) throw new Error(`${key.uId} has only ${available} of ${key.adamId} that are not given`);
  unitOf(world, to);
  return { from: purchase(world, key, -count), to: purchase(world, { ...key, uId: to }, count) };
}

function addBought(world: World, unit: OrganizationalUnit, { adamId, pricingParam }: AssetKey): Asset {
  const item = world.catalog.get(adamId);
  const productType = item?.productType ?? 'App';
  const platforms = item?.variants.map((variant) => variant.platform) ?? [];
  return unit.putAsset({
    adamId,
    pricingParam,
    productType,
    deviceAssignable: productType === 'App' && (item?.deviceLicensing ?? true),
    supportedPlatforms: platforms.length > 0 ? platforms : ['iOS'],
  });
}

function moveSeat(world: World, order: SeatOrder, verb: 'associate' | 'disassociate'): AssetTruth {
  const { unit, asset } = touch(world, order);
  const target = order.serialNumber === undefined ? userTarget(order.clientUserId) : deviceTarget(order.serialNumber);
  const outcome = unit[verb](asset.adamId, asset.pricingParam, target, world.now());
  if (outcome !== 'done') throw new Error(`${verb} ${asset.adamId} ${target.id}: ${outcome}`);
  return assetTruth(unit, asset);
}

function truth(world: World, unit: OrganizationalUnit): UnitTruth {
  world.settle();
  const selection = unit.table.select({});
  return {
    uId: unit.uId,
    name: unit.name,
    mdmInfo: unit.config.mdmInfo ?? null,
    notificationUrl: unit.config.notificationUrl ?? null,
    versions: {
      assets: unit.version('assets'),
      assignments: unit.version('assignments'),
      users: unit.version('users'),
    },
    assets: [...unit.assets.values()].map((asset) => assetTruth(unit, asset)),
    assignments: selection.rows(0, selection.total).map((row) => {
      const { adamId, pricingParam } = unit.assetAt(unit.table.assetOf(row));
      const { kind, id } = unit.targetAt(unit.table.targetOf(row));
      return { adamId, pricingParam, [kind]: id };
    }),
    events: world.engine
      .all()
      .filter((event) => event.uId === unit.uId)
      .map(eventTruth),
  };
}

function assetTruth(unit: OrganizationalUnit, asset: Asset): AssetTruth {
  const { assigned, total } = unit.counts(asset);
  const { adamId, pricingParam, productType, unlimited, retired, deviceAssignable, revocable } = asset;
  const numbers = { unlimited, total, assigned, available: total - assigned, retired };
  return { adamId, pricingParam, productType, ...numbers, deviceAssignable, revocable };
}

function eventTruth(event: AppleEvent): EventTruth {
  const { id: eventId, type, numRequested, processed, succeeded, finishedAt } = event;
  return { eventId, type, numRequested, processed, succeeded, finished: finishedAt !== undefined };
}

/** Finds an asset that is about to change, with all due event work done before. */
function touch(world: World, key: AssetKey): { unit: OrganizationalUnit; asset: Asset } {
  const unit = unitOf(world, key.uId);
  const asset = unit.asset(key.adamId, key.pricingParam);
  if (!asset) throw new Error(`${key.uId} does not own ${key.adamId}`);
  world.changes++;
  return { unit, asset };
}

function unitOf(world: World, uId: string): OrganizationalUnit {
  world.settle();
  const unit = world.units.get(uId);
  if (!unit) throw new Error(`no library ${uId}; known: ${[...world.units.keys()].join(', ')}`);
  return unit;
}
