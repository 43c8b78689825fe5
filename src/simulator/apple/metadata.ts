/** The legacy lookup (`contentMetadataLookup`): name, icon, version and bundle id of one item in one country. @module */
import type { IncomingHttpHeaders } from 'node:http';
import type { CatalogItem, CatalogVariant, Platform } from '../scenarios/types.ts';
import { iconsPath } from './paths.ts';
import { findToken, tokenState } from './tokens.ts';
import type { World } from './world.ts';

/** Answers `GET /WebObjects/MZStorePlatform.woa/wa/lookup`. Empty results mean no access or no such item. */
export function lookUp(world: World, query: URLSearchParams, headers: IncomingHttpHeaders): object {
  const country = (query.get('cc') ?? 'us').toLowerCase();
  const ids = (query.get('id') ?? '').split(',').filter(Boolean);
  const asked = world.options.lookupIds === 'all' ? ids : ids.slice(0, 1);
  const owned = ownedAdamIds(world, headers.cookie);
  const wellAsked = query.get('p') === 'mdm-lockup' && query.get('version') === '2';
  const items = wellAsked ? asked.flatMap((id) => world.catalog.get(id) ?? []) : [];
  const visible = items.filter((item) => isVisible(item, country, owned));
  const platform = query.get('platform') ?? '';
  return {
    version: 2,
    isAuthenticated: false,
    meta: { storefront: { id: storefrontId(country), cc: country.toUpperCase() }, language: { tag: 'en-us' } },
    results: Object.fromEntries(visible.map((item) => [item.adamId, describeItem(world, item, platform)])),
  };
}

/** The content token in the `itvt` cookie opens what its library owns; a bad one opens nothing. */
function ownedAdamIds(world: World, cookie: string | undefined): ReadonlySet<string> {
  const text = /(?:^|;\s*)itvt=([^;\s]+)/.exec(cookie ?? '')?.[1];
  const token = text && findToken(world.tokens, decodeCookie(text), world.options.bearerMatch);
  if (!token || ['expired', 'revoked'].includes(tokenState(token, world.now()))) return new Set();
  return new Set([...(world.units.get(token.uId)?.assets.values() ?? [])].map((asset) => asset.adamId));
}

function decodeCookie(text: string): string {
  try {
    return decodeURIComponent(text.replace(/^"|"$/g, ''));
  } catch {
    return text;
  }
}

function isVisible(item: CatalogItem, country: string, owned: ReadonlySet<string>): boolean {
  const sold = item.storefronts?.includes(country) ?? true;
  return sold && ((!item.customApp && !item.withdrawn) || owned.has(item.adamId));
}

const platformNames: Record<string, Platform> = {
  iphone: 'iOS',
  ipad: 'iOS',
  mac: 'macOS',
  osx: 'macOS',
  atv9: 'tvOS',
  appletv: 'tvOS',
};

/** The variant for a `platform` value; a portal's name (`volumestore`) means the first one. */
function variantFor(item: CatalogItem, platform: string): CatalogVariant | undefined {
  const wanted = platformNames[platform];
  return item.variants.find((variant) => variant.platform === wanted) ?? item.variants[0];
}

const kinds: Record<Platform, string> = {
  iOS: 'iosSoftware',
  macOS: 'desktopApp',
  tvOS: 'iosSoftware',
  watchOS: 'iosSoftware',
  visionOS: 'iosSoftware',
};

function describeItem(world: World, item: CatalogItem, platform: string): object {
  const variant = variantFor(item, platform);
  const common = {
    id: item.adamId,
    name: item.name,
    artistName: item.artistName,
    genreNames: [item.genre],
    isB2BCustomApp: item.customApp,
    isVppDeviceBasedLicensingEnabled: item.deviceLicensing,
    url: `${world.baseUrl}/store/${item.adamId}`,
    artwork: artwork(world, item.adamId),
  };
  if (!variant) return { ...common, kind: 'ebook', offers: [offer(item)] };
  return {
    ...common,
    bundleId: variant.bundleId,
    kind: kinds[variant.platform],
    deviceFamilies: [...new Set(item.variants.flatMap((one) => one.deviceFamilies))],
    minimumOSVersion: variant.minimumOSVersion,
    is32bitOnly: false,
    offers: [offer(item, variant)],
  };
}

function offer(item: CatalogItem, variant?: CatalogVariant): object {
  const free = item.price === 0;
  const version = variant && { display: variant.version, externalId: variant.externalId };
  return {
    type: free ? 'get' : 'buy',
    price: item.price,
    priceFormatted: free ? 'Get' : `$${item.price.toFixed(2)}`,
    buyParams: `productType=C&price=${Math.round(item.price * 1000)}&salableAdamId=${item.adamId}&pricingParameters=STDQ${
      variant ? `&appExtVrsId=${variant.externalId}` : ''
    }`,
    ...(version ? { version } : {}),
  };
}

function artwork(world: World, adamId: string): object {
  const root = `${world.baseUrl}${iconsPath}/${adamId}`;
  if (world.options.artworkShape === 'template') return { url: `${root}/{w}x{h}bb.{f}`, width: 1024, height: 1024 };
  return [60, 100, 512].map((size) => ({ url: `${root}/${size}x${size}bb.png`, width: size, height: size }));
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
