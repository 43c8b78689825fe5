/**
 * Names, icons and versions from the legacy lookup, which needs no developer key and also knows the custom and
 * withdrawn apps of a library (fact sheet §16B).
 * @see https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy
 * @module
 */
import { AppleFailure, type MetadataSource, type MetadataVariant } from '../../domain/ports.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { withQuery } from '../pages.ts';
import { createExchange } from '../transport.ts';
import { eachLimited } from './each-limited.ts';
import { lookupAnswer, toVariants } from './lookup-result.ts';

/** Where an app is looked for that the library's own storefront does not have, in this order. */
export const fallbackStorefronts = ['US', 'GB', 'DE', 'FR', 'IT', 'ES'];

/** So many failures with no answer between them end a lookup: the service is down, and each one costs a timeout. */
export const maxFailuresInARow = 10;

/** Options of {@link createLegacyLookup}. */
export interface LegacyLookupOptions {
  /** The address of the lookup, or a way to learn it (`metadataLookupUrl` of the library driver). */
  url: string | (() => Promise<string>);
  clock: Clock;
  logger?: Logger;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** Lookups at the same time. Default 5. */
  concurrency?: number;
  /** Milliseconds for one lookup. Default 10 s. */
  timeout?: number;
  /** Default {@link fallbackStorefronts}; an empty list asks the library's own storefront alone. */
  fallbacks?: readonly string[];
}

type Query = Parameters<MetadataSource['lookup']>[0];

/**
 * A source of metadata. One id a call; an id that fails is left out of the answer like an unknown one, and logged.
 * `lookup` throws AppleFailure only when it got no answer for any id.
 */
export function createLegacyLookup(options: LegacyLookupOptions): MetadataSource {
  const { logger = silentLogger, concurrency = 5, timeout = 10_000, fallbacks = fallbackStorefronts } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency must be a positive integer');
  const exchange = createExchange(options);

  async function lookupOne(base: URL, adamId: string, storefront: string, query: Query): Promise<MetadataVariant[]> {
    const answer = await exchange({
      operation: 'Content Metadata Lookup',
      method: 'GET',
      url: withQuery(base, {
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
  }

  return {
    async lookup(query) {
      const base = new URL(typeof options.url === 'string' ? options.url : await options.url());
      const run = createRun();
      let wanted = [...new Set(query.adamIds)];
      for (const storefront of new Set([query.storefront, ...fallbacks].map((country) => country.toUpperCase()))) {
        const absent: string[] = [];
        await eachLimited(wanted, concurrency, async (adamId) => {
          const variants = await run.attempt(() => lookupOne(base, adamId, storefront, query));
          if (variants?.length === 0) absent.push(adamId);
          else run.found.push(...(variants ?? []));
        });
        wanted = absent;
      }
      const { failures, found } = run;
      if (failures.length > 0)
        logger.warn({ failed: failures.length, kind: failures[0]?.kind }, 'metadata lookups failed');
      if (run.answered === 0 && failures[0]) throw failures[0];
      return found;
    },
  };
}

/** What one lookup has seen so far: it stops asking when Apple wants a pause or does not answer at all. */
function createRun() {
  const run = { found: [] as MetadataVariant[], failures: [] as AppleFailure[], answered: 0, attempt };
  let inARow = 0;

  /** The result of `work`; undefined when it failed or is not worth trying. */
  async function attempt(work: () => Promise<MetadataVariant[]>): Promise<MetadataVariant[] | undefined> {
    if (inARow >= maxFailuresInARow || run.failures.some(({ kind }) => kind === 'RATE_LIMITED')) return undefined;
    try {
      const variants = await work();
      run.answered += 1;
      inARow = 0;
      return variants;
    } catch (error) {
      if (!(error instanceof AppleFailure)) throw error;
      run.failures.push(error);
      inARow += 1;
      return undefined;
    }
  }
  return run;
}
