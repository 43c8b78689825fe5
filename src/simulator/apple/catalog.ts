/**
 * Apps and Books for Organizations: the official catalog. Every call needs a developer token; the `stoken-authenticated`
 * paths need the content token as a cookie too, and know what its library owns. @module
 */
import type { CatalogItem, CatalogVariant, Platform } from '../scenarios/types.ts';
import type { Answer, Call } from './call.ts';
import { catalogError } from './catalog-error.ts';
import { isDeveloperToken } from './developer-keys.ts';
import {
  cookieToken,
  familiesOf,
  iconTemplate,
  isVisible,
  localItem,
  offerOf,
  ownedAdamIds,
  storeUrl,
} from './storefront.ts';
import { bearerOf } from './validate.ts';
import type { World } from './world.ts';

/** Apps or books. */
export type CatalogKind = 'apps' | 'books';

/** What a path of the catalog asks for. */
export interface CatalogRequest {
  kind: CatalogKind;
  /** Whether the path needs the cookie. */
  authenticated: boolean;
  storefront: string;
  /** Of a path for a single item. */
  id?: string;
}

const platforms = ['iphone', 'ipad', 'mac', 'appletv', 'realityDevice', 'web'];

/** Reads a path below `/v1/catalog`, or says undefined when it is none of ours. */
export function readCatalogPath(path: string): CatalogRequest | undefined {
  const parts = /^\/v1\/catalog\/([a-z]{2})\/(stoken-authenticated-)?(apps|books)(?:\/(\d+))?$/.exec(path);
  if (!parts || (parts[2] && parts[4])) return undefined;
  const [, storefront = '', authenticated, kind, id] = parts;
  return { storefront, authenticated: Boolean(authenticated), kind: kind as CatalogKind, ...(id ? { id } : {}) };
}

/** Answers a call of the catalog. */
export async function readCatalog(call: Call): Promise<Answer> {
  const request = readCatalogPath(call.path)!;
  const refused = await refusalOf(call, request);
  if (refused) return refused;
  const owned = request.authenticated ? ownedAdamIds(call.world, call.headers) : new Set<string>();
  const items = wantedIds(call, request)
    .flatMap((id) => call.world.catalog.get(id) ?? [])
    .filter((item) => item.productType === (request.kind === 'apps' ? 'App' : 'Book'))
    .filter((item) => isVisible(item, request.storefront, owned))
    .map((item) => localItem(item, request.storefront));
  if (request.id !== undefined && items.length === 0) return catalogError(404, 40400, 'Resource Not Found');
  return { status: 200, body: { data: items.map((item) => resource(call.world, item, request)) } };
}

async function refusalOf(call: Call, request: CatalogRequest): Promise<Answer | undefined> {
  const { world, query, now } = call;
  const { catalogDeveloperToken, catalogPerSecond, catalogAppsIdsMax, catalogBooksIdsMax, stokenIdsMax } =
    world.options;
  const bearer = bearerOf(call.headers.authorization);
  const verified = bearer !== undefined && (await isDeveloperToken(bearer, world.developerKeys, now));
  if (catalogDeveloperToken === 'required' && !verified) return catalogError(401, 40100, 'Unauthenticated');
  if (catalogPerSecond !== null && !world.rate.admit('catalog', now, catalogPerSecond)) {
    const wait = world.options.retryAfterOn429;
    return catalogError(429, 42900, 'Too Many Requests', wait === null ? undefined : { 'retry-after': String(wait) });
  }
  const token = cookieToken(world, call.headers);
  if (request.authenticated && (token === undefined || token === 'bad')) return catalogError(403, 40300, 'Forbidden');
  const ids = wantedIds(call, request);
  if (ids.length === 0) return request.authenticated ? catalogError(403, 40300, 'Forbidden') : missing('ids');
  if (!platforms.includes(query.get('platform') ?? '')) return missing('platform');
  const most = request.kind === 'apps' ? catalogAppsIdsMax : catalogBooksIdsMax;
  const bound = request.authenticated ? stokenIdsMax : most;
  return bound !== null && ids.length > bound ? catalogError(400, 40005, 'Too many ids') : undefined;
}

function missing(parameter: string): Answer {
  return catalogError(400, 40005, `Invalid Parameter Value: ${parameter}`);
}

function wantedIds({ query }: Call, { id }: CatalogRequest): string[] {
  return id === undefined ? [...new Set((query.get('ids') ?? '').split(',').filter(Boolean))] : [id];
}

const platformKeys: Record<Platform, string> = {
  iOS: 'ios',
  macOS: 'osx',
  tvOS: 'appletvos',
  watchOS: 'watchos',
  visionOS: 'xros',
};

function resource(world: World, item: CatalogItem, { kind, storefront }: CatalogRequest): object {
  const href = `/v1/catalog/${storefront}/${kind}/${item.adamId}`;
  const { price, ...offer } = offerOf(item, item.variants[0]);
  const common = {
    name: item.name,
    artistName: item.artistName,
    url: storeUrl(world, item.adamId),
    genreDisplayName: item.genre,
    offers: [{ ...offer, price, currencyCode: 'USD' }],
  };
  const attributes =
    kind === 'books' ? { ...common, artwork: artwork(world, item) } : { ...common, ...appAttributes(world, item) };
  return { id: item.adamId, type: kind, href, attributes, relationships: { genres: { data: [] } } };
}

function appAttributes(world: World, item: CatalogItem): object {
  const described = item.variants.map(
    (one) => [platformKeys[one.platform], platformAttributes(world, item, one)] as const,
  );
  const nested = world.options.catalogAttributes === 'nested';
  return {
    deviceFamilies: familiesOf(item),
    isB2BCustomApp: item.customApp,
    isVppDeviceBasedLicensingEnabled: item.deviceLicensing,
    ...(nested ? { platformAttributes: Object.fromEntries(described) } : described[0]?.[1]),
  };
}

function platformAttributes(world: World, item: CatalogItem, variant: CatalogVariant): object {
  return {
    bundleId: variant.bundleId,
    externalVersionId: variant.externalId,
    minimumOSVersion: variant.minimumOSVersion,
    seller: item.artistName,
    artwork: artwork(world, item),
    // A blank in front was seen on the live service.
    latestVersionInfo: { versionDisplay: ` ${variant.version}` },
  };
}

function artwork(world: World, { adamId }: CatalogItem): object {
  return { url: iconTemplate(world, adamId), width: 1024, height: 1024, bgColor: 'ffffff', textColor1: '000000' };
}
