/**
 * Names, icons and versions from Apps and Books for Organizations, Apple's official catalog. It needs a developer key,
 * and with the library's token as a cookie it also knows custom and withdrawn apps (fact sheet §16A).
 * @see https://developer.apple.com/documentation/appsandbooksfororganizations
 * @module
 */
import { AppleFailure, type MetadataSource, type MetadataVariant } from '../../domain/ports.ts';
import { withQuery } from '../pages.ts';
import { parseRoot } from '../root.ts';
import { createExchange } from '../transport.ts';
import { catalogAnswer, toVariants } from './catalog-resource.ts';
import { createDeveloperTokens, type DeveloperKey } from './developer-token.ts';
import { createStorefrontSource, type MetadataQuery, type SourceOptions } from './storefront-source.ts';

/** Roots of the catalog by kind of account. */
export const catalogRoots = { BUSINESS: 'https://api.ent.apple.com/v1', EDUCATION: 'https://api.edu.apple.com/v1' };

/** Ids in one call: the limit of the public catalog; none is documented for the signed-in one. */
const idsPerCall = 100;

/** Options of {@link createOrganizationCatalog}. */
export interface OrganizationCatalogOptions extends SourceOptions {
  key: DeveloperKey;
  /** One root for both kinds of account. Default {@link catalogRoots}. */
  baseUrl?: string;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** Milliseconds for one call. Default 10 s. */
  timeout?: number;
}

/** Where apps and books stand, and what each call asks for beside the ids. */
const kinds = [
  {
    path: 'stoken-authenticated-apps',
    parameters: {
      platform: 'iphone',
      additionalPlatforms: 'ipad,mac,appletv',
      'extend[apps]': 'latestVersionInfo',
    },
  },
  { path: 'stoken-authenticated-books', parameters: { platform: 'iphone' } },
];

/** A source of metadata. What is no app is asked for among the books. */
export function createOrganizationCatalog(options: OrganizationCatalogOptions): MetadataSource {
  const { timeout = 10_000, clock, baseUrl } = options;
  const exchange = createExchange(options);
  const tokens = createDeveloperTokens(options.key, clock);

  async function read(url: URL, query: MetadataQuery) {
    return exchange({
      operation: 'Apps and Books for Organizations',
      method: 'GET',
      url,
      developerToken: await tokens.current(),
      credential: { text: query.credential, as: 'cookie' },
      answer: catalogAnswer,
      timeout,
    });
  }

  /** Apple may have forgotten a token before its time: a new one is tried once. */
  async function readTwice(url: URL, query: MetadataQuery) {
    try {
      return await read(url, query);
    } catch (error) {
      if (!(error instanceof AppleFailure) || error.httpStatus !== 401) throw error;
      tokens.discard();
      return await read(url, query);
    }
  }

  return createStorefrontSource(
    {
      idsPerCall,
      async ask(adamIds, storefront, query) {
        const root = parseRoot(baseUrl ?? catalogRoots[query.accountType]);
        const found: MetadataVariant[] = [];
        let wanted = adamIds;
        for (const { path, parameters } of kinds) {
          if (wanted.length === 0) break;
          const base = new URL(`catalog/${storefront.toLowerCase()}/${path}`, root);
          const { data } = await readTwice(withQuery(base, { ids: wanted.join(','), ...parameters, l: 'en' }), query);
          const known = data.filter((resource) => wanted.includes(resource.id));
          found.push(...known.flatMap(toVariants));
          const ids = new Set(known.map((resource) => resource.id));
          wanted = wanted.filter((adamId) => !ids.has(adamId));
        }
        return found;
      },
    },
    options,
  );
}
