/** The public store lookup: many ids, no credential; custom and withdrawn items are absent. @module */
import type { CatalogItem, CatalogVariant, Platform } from '../scenarios/types.ts';
import type { Answer, Call } from './call.ts';
import { iconUrl, isVisible, localItem, offerOf, storeUrl, variantOn } from './storefront.ts';
import type { World } from './world.ts';

const windowMs = 60_000;

/** Most ids that one call is answered for. */
const idsMost = 200;

/** Which platforms an `entity` means; without one the first of an item. */
const entities: Record<string, readonly Platform[]> = {
  software: ['iOS'],
  iPadSoftware: ['iOS'],
  macSoftware: ['macOS'],
  desktopSoftware: ['macOS'],
  tvSoftware: ['tvOS'],
};

/** Models that stand for a family in `supportedDevices`. */
const models: Record<string, string[]> = {
  iphone: ['iPhone5s-iPhone5s', 'iPhone15-iPhone15'],
  ipad: ['iPadAir-iPadAir', 'iPadTenthGen-iPadTenthGen'],
  mac: ['MacDesktop-MacDesktop'],
  tvos: ['AppleTV4-AppleTV4'],
};

/** Answers `GET /lookup`. */
export function lookUpPublic({ world, query, now }: Call): Answer {
  const { enforceRate, publicLookupPerMinute, publicLookupRefusal } = world.options;
  if (enforceRate && !world.rate.admit('public lookup', now, publicLookupPerMinute, windowMs)) {
    return { status: publicLookupRefusal, body: { errorMessage: 'Too many requests.' } };
  }
  const country = (query.get('country') ?? 'us').toLowerCase();
  const ids = (query.get('id') ?? '').split(',').filter(Boolean).slice(0, idsMost);
  const limit = Number(query.get('limit') ?? idsMost);
  const results = [...new Set(ids)]
    .flatMap((id) => world.catalog.get(id) ?? [])
    .filter((item) => isVisible(item, country))
    .map((item) => localItem(item, country))
    .flatMap((item) => describe(world, item, query.get('entity')))
    .slice(0, limit);
  return { status: 200, body: { resultCount: results.length, results } };
}

function describe(world: World, item: CatalogItem, entity: string | null): object[] {
  const wanted = entity === null ? undefined : entities[entity];
  const variant = wanted ? variantOn(item, ...wanted) : item.variants[0];
  if (wanted && !variant) return [];
  const { price, priceFormatted } = offerOf(item);
  const common = {
    trackId: Number(item.adamId),
    trackName: item.name,
    artistName: item.artistName,
    sellerName: item.artistName,
    primaryGenreName: item.genre,
    price,
    formattedPrice: price === 0 ? 'Free' : priceFormatted,
    currency: 'USD',
    trackViewUrl: storeUrl(world, item.adamId),
    ...Object.fromEntries([60, 100, 512].map((size) => [`artworkUrl${size}`, iconUrl(world, item.adamId, size)])),
  };
  return [variant ? { ...common, ...describeApp(item, variant) } : { ...common, kind: 'ebook' }];
}

function describeApp(item: CatalogItem, variant: CatalogVariant): object {
  return {
    wrapperType: 'software',
    kind: variant.platform === 'macOS' ? 'mac-software' : 'software',
    bundleId: variant.bundleId,
    version: variant.version,
    minimumOsVersion: variant.minimumOSVersion,
    supportedDevices: variant.deviceFamilies.flatMap((family) => models[family] ?? []),
    isVppDeviceBasedLicensingEnabled: item.deviceLicensing,
  };
}
