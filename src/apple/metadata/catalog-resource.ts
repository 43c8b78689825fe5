/** One app or book of Apps and Books for Organizations, and what it says in our words (fact sheet §16A and D). @module */
import { z } from 'zod';
import type { MetadataVariant } from '../../domain/ports.ts';
import { id, list, optional } from '../wire.ts';
import { toIconTemplate } from './icon.ts';
import { familiesOf, platformOfFamily } from './platforms.ts';

const text = optional(z.string().trim().min(1));

/** What the catalog says of one platform; the schema page of Apple's puts it beside the name, the examples do not. */
const detailFields = {
  bundleId: text,
  externalVersionId: optional(id),
  minimumOSVersion: text,
  artwork: optional(z.object({ url: z.string() })),
  latestVersionInfo: optional(z.object({ versionDisplay: text })),
};
const details = z.object(detailFields);

const attributes = z.object({
  ...detailFields,
  name: text,
  artistName: text,
  url: text,
  deviceFamilies: optional(z.array(z.string())),
  isB2BCustomApp: optional(z.boolean()),
  offers: optional(z.array(z.object({ price: optional(z.number()), priceFormatted: text, currencyCode: text }))),
  platformAttributes: optional(z.record(z.string(), optional(details))),
});

const resource = z.object({ id, attributes: optional(attributes) });

/** An answer of the catalog. Ids that it does not know are absent. */
export const catalogAnswer = z.object({ data: list(resource) });

/** One variant a platform. A resource without attributes says nothing and reads as absent. */
export function toVariants({ id: adamId, attributes: found }: z.output<typeof resource>): MetadataVariant[] {
  if (!found) return [];
  const families = found.deviceFamilies ?? [];
  const described = Object.keys(found.platformAttributes ?? {});
  const named = described.length > 0 ? described : families.flatMap((family) => platformOfFamily[family] ?? []);
  const platforms = [...new Set(named.length > 0 ? named : ['ios'])];
  return platforms.map((platform) => describe(adamId, found, platform, familiesOf(platform, families, platforms[0]!)));
}

function describe(
  adamId: string,
  found: z.output<typeof attributes>,
  platform: string,
  deviceFamilies: string[],
): MetadataVariant {
  const own = found.platformAttributes?.[platform];
  const [offer] = found.offers ?? [];
  const artwork = own?.artwork ?? found.artwork;
  return {
    adamId,
    platform,
    name: found.name,
    bundleId: own?.bundleId ?? found.bundleId,
    iconTemplate: artwork ? toIconTemplate(artwork.url) : null,
    version: own?.latestVersionInfo?.versionDisplay ?? found.latestVersionInfo?.versionDisplay ?? null,
    externalVersionId: own?.externalVersionId ?? found.externalVersionId,
    minimumOsVersion: own?.minimumOSVersion ?? found.minimumOSVersion,
    deviceFamilies,
    artistName: found.artistName,
    price: offer?.price ?? null,
    priceFormatted: offer?.priceFormatted ?? null,
    currency: offer?.currencyCode ?? null,
    storeUrl: found.url,
    customApp: found.isB2BCustomApp ?? false,
  };
}
