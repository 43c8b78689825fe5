/** What the three metadata services share: who may see an item, where its icon is, what it costs. @module */
import type { IncomingHttpHeaders } from 'node:http';
import type { CatalogItem, CatalogVariant, Platform } from '../scenarios/types.ts';
import { iconsPath } from './paths.ts';
import { type ContentToken, findToken, tokenState } from './tokens.ts';
import type { World } from './world.ts';

/** The content token in the `itvt` cookie: absent, one that opens nothing, or one that opens its library. */
export function cookieToken(world: World, { cookie }: IncomingHttpHeaders): ContentToken | 'bad' | undefined {
  const text = /(?:^|;\s*)itvt=([^;\s]+)/.exec(cookie ?? '')?.[1];
  if (!text) return undefined;
  const token = findToken(world.tokens, decode(text), world.options.bearerMatch);
  return token && !['expired', 'revoked'].includes(tokenState(token, world.now())) ? token : 'bad';
}

/** What the cookie's library owns; a bad cookie opens nothing. */
export function ownedAdamIds(world: World, headers: IncomingHttpHeaders): ReadonlySet<string> {
  const token = cookieToken(world, headers);
  if (!token || token === 'bad') return new Set();
  return new Set([...(world.units.get(token.uId)?.assets.values() ?? [])].map((asset) => asset.adamId));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/^"|"$/g, ''));
  } catch {
    return text;
  }
}

/** Whether a country sells an item and it is public or owned. */
export function isVisible(item: CatalogItem, country: string, owned: ReadonlySet<string> = new Set()): boolean {
  const sold = item.storefronts?.includes(country) ?? true;
  return sold && ((!item.customApp && !item.withdrawn) || owned.has(item.adamId));
}

/** A variant as a country has it. */
export function inStorefront(variant: CatalogVariant, country: string): CatalogVariant {
  const local = variant.storefronts?.[country.toLowerCase()];
  return local ? { ...variant, ...local } : variant;
}

/** An item as a country has it. */
export function localItem(item: CatalogItem, country: string): CatalogItem {
  return { ...item, variants: item.variants.map((variant) => inStorefront(variant, country)) };
}

/** Every family that an item runs on. */
export function familiesOf(item: CatalogItem): string[] {
  return [...new Set(item.variants.flatMap((one) => one.deviceFamilies))];
}

/** The first variant for one of the platforms. */
export function variantOn(item: CatalogItem, ...platforms: (Platform | undefined)[]): CatalogVariant | undefined {
  return item.variants.find((variant) => platforms.includes(variant.platform));
}

/** What an item costs, with the parameters of a purchase. */
export function offerOf(item: CatalogItem, variant?: CatalogVariant) {
  const free = item.price === 0;
  return {
    type: free ? 'get' : 'buy',
    price: item.price,
    priceFormatted: free ? 'Get' : `$${item.price.toFixed(2)}`,
    buyParams: `productType=C&price=${Math.round(item.price * 1000)}&salableAdamId=${item.adamId}&pricingParameters=STDQ${
      variant ? `&appExtVrsId=${variant.externalId}` : ''
    }`,
  };
}

/** The template of an item's icon. */
export function iconTemplate(world: World, adamId: string): string {
  return `${iconRoot(world, adamId)}/{w}x{h}bb.{f}`;
}

/** An item's icon in one size. */
export function iconUrl(world: World, adamId: string, size: number): string {
  return `${iconRoot(world, adamId)}/${size}x${size}bb.png`;
}

/** The page of an item in the store. */
export function storeUrl(world: World, adamId: string): string {
  return `${world.baseUrl}/store/${adamId}`;
}

function iconRoot(world: World, adamId: string): string {
  return `${world.baseUrl}${iconsPath}/${adamId}`;
}
