/** Builds the driver that names, icons and versions come from. @module */
import { createLegacyLookup } from '../apple/metadata/legacy-lookup.ts';
import { createOrganizationCatalog } from '../apple/metadata/organization-catalog.ts';
import { createPublicLookup } from '../apple/metadata/public-lookup.ts';
import type { MetadataSource, SharedPause } from '../domain/ports.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetadataConfig } from './config/metadata.ts';

/** `legacyUrl` tells where Apple has the legacy lookup now. */
export function createMetadataSource(
  config: MetadataConfig,
  common: { clock: Clock; logger: Logger; pause: SharedPause },
  legacyUrl: () => Promise<string>,
): MetadataSource {
  switch (config.source) {
    case 'legacy':
      return createLegacyLookup({ ...common, url: config.url ?? legacyUrl });
    case 'public':
      return createPublicLookup({ ...common, ...at(config.url, 'url') });
    case 'organization':
      return createOrganizationCatalog({ ...common, key: config.key, ...at(config.url, 'baseUrl') });
  }
}

const at = <Name extends string>(url: string | undefined, name: Name) =>
  (url === undefined ? {} : { [name]: url }) as Partial<Record<Name, string>>;
