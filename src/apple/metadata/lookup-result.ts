/** One app in an answer of the legacy lookup, and what it says in our words (fact sheet §16B and D). @module */
import { z } from 'zod';
import type { MetadataVariant } from '../../domain/ports.ts';
import { id, optional } from '../wire.ts';
import { toIconTemplate } from './icon.ts';
import { familiesOf, platformOfFamily } from './platforms.ts';

const text = optional(z.string().trim().min(1));

const artworkImage = z.object({ url: z.string(), width: optional(z.number()) });

const offer = z.object({
  price: optional(z.number()),
  priceFormatted: text,
  currencyCode: text,
  buyParams: text,
  version: optional(z.object({ display: text, externalId: optional(id) })),
});

const result = z.object({
  name: text,
  bundleId: text,
  artistName: text,
  kind: text,
  deviceFamilies: optional(z.array(z.string())),
  minimumOSVersion: text,
  url: text,
  isB2BCustomApp: optional(z.boolean()),
  artwork: optional(z.union([z.array(artworkImage), artworkImage])),
  offers: optional(z.array(offer)),
});

type LookupResult = z.output<typeof result>;

/** An answer of the lookup. A result of an unknown kind reads as absent. */
export const lookupAnswer = z.object({ results: optional(z.record(z.string(), optional(result))) });

/** Which platform a kind of content is made for. Unknown kinds, and books, count as `ios`. */
const platformOfKind: Record<string, string> = {
  iosSoftware: 'ios',
  desktopApp: 'osx',
  macSoftware: 'osx',
  tvosSoftware: 'appletvos',
  tvOSSoftware: 'appletvos',
  appletvSoftware: 'appletvos',
  tvOS: 'appletvos',
};

/**
 * The variants of one app, its own platform first. The lookup describes one platform in detail: of the others it
 * only names the device families, so their bundle id, version and minimum system stay null.
 */
export function toVariants(adamId: string, found: LookupResult): MetadataVariant[] {
  const families = found.deviceFamilies ?? [];
  const others = families.flatMap((family) => platformOfFamily[family] ?? []);
  const main = mainPlatform(found.kind, others);
  return [...new Set([main, ...others])].map((platform) => ({
    ...describe(adamId, found),
    ...(platform === main ? details(found) : noDetails),
    platform,
    deviceFamilies: familiesOf(platform, families, main),
  }));
}

/** The kind tells, unless no listed family fits it: apps for the TV alone are of kind `iosSoftware` too. */
function mainPlatform(kind: string | null, platforms: string[]): string {
  const ofKind = platformOfKind[kind ?? ''] ?? 'ios';
  return platforms.length === 0 || platforms.includes(ofKind) ? ofKind : platforms[0]!;
}

function describe(adamId: string, found: LookupResult) {
  const [offer] = found.offers ?? [];
  const images = found.artwork === null ? [] : [found.artwork].flat();
  const largest = images.toSorted((a, b) => (b.width ?? 0) - (a.width ?? 0))[0];
  return {
    adamId,
    name: found.name,
    iconTemplate: largest ? toIconTemplate(largest.url) : null,
    artistName: found.artistName,
    price: offer?.price ?? null,
    priceFormatted: offer?.priceFormatted ?? null,
    currency: offer?.currencyCode ?? null,
    storeUrl: found.url,
    customApp: found.isB2BCustomApp ?? false,
  };
}

function details(found: LookupResult) {
  const [offer] = found.offers ?? [];
  return {
    bundleId: found.bundleId,
    version: offer?.version?.display ?? null,
    externalVersionId:
      offer?.version?.externalId ?? /(?:^|&)appExtVrsId=(\d+)/.exec(offer?.buyParams ?? '')?.[1] ?? null,
    minimumOsVersion: found.minimumOSVersion,
  };
}

const noDetails = { bundleId: null, version: null, externalVersionId: null, minimumOsVersion: null };
