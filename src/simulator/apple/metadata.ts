/** The legacy lookup (`contentMetadataLookup`): name, icon, version and bundle id of one item in one country. @module */
import type { CatalogItem, CatalogVariant, Platform } from '../scenarios/types.ts';
import type { Answer, Call } from './call.ts';
import {
  familiesOf,
  iconTemplate,
  iconUrl,
  isVisible,
  localItem,
  offerOf,
  ownedAdamIds,
  storeUrl,
  variantOn,
} from './storefront.ts';
import type { World } from './world.ts';

/** Answers `GET /WebObjects/MZStorePlatform.woa/wa/lookup`. Empty results mean no access or no such item. */
export function lookUp({ world, query, headers }: Call): Answer {
  const country = (query.get('cc') ?? 'us').toLowerCase();
  const ids = (query.get('id') ?? '').split(',').filter(Boolean);
  const asked = world.options.lookupIds === 'all' ? ids : ids.slice(0, 1);
  const owned = ownedAdamIds(world, headers);
  const wellAsked = query.get('p') === 'mdm-lockup' && query.get('version') === '2';
  const items = wellAsked ? asked.flatMap((id) => world.catalog.get(id) ?? []) : [];
  const visible = items.filter((item) => isVisible(item, country, owned)).map((item) => localItem(item, country));
  const platform = query.get('platform') ?? '';
  const body = {
    version: 2,
    isAuthenticated: false,
    meta: { storefront: { id: storefrontId(country), cc: country.toUpperCase() }, language: { tag: 'en-us' } },
    results: Object.fromEntries(visible.map((item) => [item.adamId, describeItem(world, item, platform)])),
  };
  return { status: 200, body };
}

const platformNames: Record<string, Platform> = {
  iphone: 'iOS',
  ipad: 'iOS',
  mac: 'macOS',
  osx: 'macOS',
  atv9: 'tvOS',
  appletv: 'tvOS',
};

const kinds: Record<Platform, string> = {
  iOS: 'iosSoftware',
  macOS: 'desktopApp',
  tvOS: 'iosSoftware',
  watchOS: 'iosSoftware',
  visionOS: 'iosSoftware',
};

/** A portal's name as `platform` (`volumestore`) means the first variant. */
function describeItem(world: World, item: CatalogItem, platform: string): object {
  const variant = variantOn(item, platformNames[platform]) ?? item.variants[0];
  const common = {
    id: item.adamId,
    name: item.name,
    artistName: item.artistName,
    genreNames: [item.genre],
    isB2BCustomApp: item.customApp,
    isVppDeviceBasedLicensingEnabled: item.deviceLicensing,
    url: storeUrl(world, item.adamId),
    artwork: artwork(world, item.adamId),
  };
  if (!variant) return { ...common, kind: 'ebook', offers: [offerOf(item)] };
  return {
    ...common,
    bundleId: variant.bundleId,
    kind: kinds[variant.platform],
    deviceFamilies: familiesOf(item),
    minimumOSVersion: variant.minimumOSVersion,
    is32bitOnly: false,
    offers: [{ ...offerOf(item, variant), version: versionOf(variant) }],
  };
}

function versionOf({ version, externalId }: CatalogVariant): object {
  return { display: version, externalId };
}

function artwork(world: World, adamId: string): object {
  if (world.options.artworkShape === 'template') {
    return { url: iconTemplate(world, adamId), width: 1024, height: 1024 };
  }
  return [60, 100, 512].map((size) => ({ url: iconUrl(world, adamId, size), width: size, height: size }));
}

function storefrontId(country: string): string {
  const known: Record<string, string> = {
    us: '143441',
    fr: '143442',
    de: '143443',
    gb: '143444',
    it: '143450',
    es: '143454',
  };
  return known[country] ?? '143499';
}
