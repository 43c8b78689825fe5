/**
 * Names, icons and versions from the public store lookup: no credential at all, so custom and withdrawn apps are
 * absent (fact sheet §16C). It allows about 20 calls a minute, hence many ids a call and calls one by one.
 * @module
 */
import { z } from 'zod';
import type { MetadataSource, MetadataVariant } from '../../domain/ports.ts';
import type { Clock } from '../../lib/clock.ts';
import { withQuery } from '../pages.ts';
import { createExchange } from '../transport.ts';
import { id, list, optional } from '../wire.ts';
import { toIconTemplate } from './icon.ts';
import { createStorefrontSource, type SourceOptions } from './storefront-source.ts';

/** The lookup of Apple's public store. */
export const publicLookupUrl = 'https://itunes.apple.com/lookup';

/** Milliseconds from one call to the next: 20 calls a minute. */
export const publicLookupPace = 3_000;

/** Ids in one call; peers send up to 150. */
const idsPerCall = 100;

const text = optional(z.string().trim().min(1));

const result = z.object({
  trackId: optional(id),
  trackName: text,
  bundleId: text,
  artistName: text,
  version: text,
  minimumOsVersion: text,
  kind: text,
  artworkUrl512: text,
  artworkUrl100: text,
  supportedDevices: optional(z.array(z.string())),
  price: optional(z.number()),
  formattedPrice: text,
  currency: text,
  trackViewUrl: text,
});

const lookupAnswer = z.object({ results: list(result) });

/** Options of {@link createPublicLookup}. */
export interface PublicLookupOptions extends Omit<SourceOptions, 'concurrency'> {
  /** Default {@link publicLookupUrl}. */
  url?: string;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** Milliseconds for one lookup. Default 10 s. */
  timeout?: number;
}

/** A source of metadata that sends no token. All lookups of the process keep to one pace. */
export function createPublicLookup(options: PublicLookupOptions): MetadataSource {
  const { url = publicLookupUrl, timeout = 10_000, clock } = options;
  const exchange = createExchange(options);
  const turn = createPace(clock, publicLookupPace);
  return createStorefrontSource(
    {
      idsPerCall,
      async ask(adamIds, storefront) {
        await turn();
        const { results } = await exchange({
          operation: 'Public Store Lookup',
          method: 'GET',
          url: withQuery(new URL(url), {
            id: adamIds.join(','),
            country: storefront.toLowerCase(),
            limit: 200,
          }),
          answer: lookupAnswer,
          timeout,
        });
        return results.flatMap((found) => toVariant(found, adamIds));
      },
    },
    { ...options, concurrency: 1 },
  );
}

/** Waits until it is one's turn: turns are `gap` milliseconds apart. */
function createPace(clock: Clock, gap: number): () => Promise<void> {
  let next = 0;
  return async () => {
    const now = clock.now().getTime();
    const mine = Math.max(now, next);
    next = mine + gap;
    if (mine > now) await clock.sleep(mine - now);
  };
}

function toVariant(found: z.output<typeof result>, asked: readonly string[]): MetadataVariant[] {
  const adamId = found.trackId;
  if (adamId === null || !asked.includes(adamId)) return [];
  const families = familiesOfModels(found.supportedDevices ?? []);
  const artwork = found.artworkUrl512 ?? found.artworkUrl100;
  return [
    {
      adamId,
      platform: platformOf(found.kind, families),
      name: found.trackName,
      bundleId: found.bundleId,
      iconTemplate: artwork ? toIconTemplate(artwork) : null,
      version: found.version,
      externalVersionId: null,
      minimumOsVersion: found.minimumOsVersion,
      deviceFamilies: families,
      artistName: found.artistName,
      price: found.price,
      priceFormatted: found.formattedPrice,
      currency: found.currency,
      storeUrl: found.trackViewUrl,
      customApp: false,
    },
  ];
}

function platformOf(kind: string | null, families: readonly string[]): string {
  if (kind === 'mac-software') return 'osx';
  return families.length > 0 && families.every((family) => family === 'tvos') ? 'appletvos' : 'ios';
}

/** How the names of models begin, and their families in Apple's words of the catalog. */
const familyOfModel: readonly (readonly [RegExp, string])[] = [
  [/^iphone/i, 'iphone'],
  [/^ipad/i, 'ipad'],
  [/^ipod/i, 'ipod'],
  [/^appletv/i, 'tvos'],
  [/^mac/i, 'mac'],
  [/^(apple)?watch/i, 'watch'],
];

function familiesOfModels(models: readonly string[]): string[] {
  return familyOfModel.filter(([pattern]) => models.some((model) => pattern.test(model))).map(([, family]) => family);
}
