/**
 * Names, icons and versions from the legacy lookup, which needs no developer key and also knows the custom and
 * withdrawn apps of a library (fact sheet §16B).
 * @see https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy
 * @module
 */
import type { MetadataSource } from '../../domain/ports.ts';
import { withQuery } from '../pages.ts';
import { createExchange } from '../transport.ts';
import { lookupAnswer, toVariants } from './lookup-result.ts';
import { createStorefrontSource, type SourceOptions } from './storefront-source.ts';

/** Options of {@link createLegacyLookup}. */
export interface LegacyLookupOptions extends SourceOptions {
  /** The address of the lookup, or a way to learn it (`metadataLookupUrl` of the library driver). */
  url: string | (() => Promise<string>);
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** Milliseconds for one lookup. Default 10 s. */
  timeout?: number;
}

/** A source of metadata. One id a call, since nothing says that it takes more. */
export function createLegacyLookup(options: LegacyLookupOptions): MetadataSource {
  const { timeout = 10_000 } = options;
  const exchange = createExchange(options);
  const address = async () => new URL(typeof options.url === 'string' ? options.url : await options.url());

  return createStorefrontSource(
    {
      idsPerCall: 1,
      async ask([adamId = ''], storefront, query) {
        const answer = await exchange({
          operation: 'Content Metadata Lookup',
          method: 'GET',
          url: withQuery(await address(), {
            version: 2,
            id: adamId,
            p: 'mdm-lockup',
            caller: 'MDM',
            platform: query.accountType === 'EDUCATION' ? 'volumestore' : 'enterprisestore',
            cc: storefront.toLowerCase(),
            l: 'en',
          }),
          credential: { text: query.credential, as: 'cookie' },
          answer: lookupAnswer,
          timeout,
        });
        const found = answer.results?.[adamId];
        return found ? toVariants(adamId, found) : [];
      },
    },
    options,
  );
}
