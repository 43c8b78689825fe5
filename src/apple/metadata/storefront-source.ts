/**
 * A source of metadata over a service that answers for one storefront at a time: the token's own first, then the
 * fallbacks for what it did not have (fact sheet §16).
 * @module
 */
import { AppleFailure, type MetadataSource, type MetadataVariant, type SharedPause } from '../../domain/ports.ts';
import { chunk } from '../../lib/chunk.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { eachLimited } from './each-limited.ts';

/** Where an app is looked for that the library's own storefront does not have, in this order. */
export const fallbackStorefronts = ['US', 'GB', 'DE', 'FR', 'IT', 'ES'];

/** So many failures with no answer between them end a lookup: the service is down, and each one costs a timeout. */
export const maxFailuresInARow = 10;

/** What is looked up. */
export type MetadataQuery = Parameters<MetadataSource['lookup']>[0];

/** Milliseconds for which a source is left alone after a 429 that names no time. */
export const defaultPause = 60_000;

/** Options of every source. */
export interface SourceOptions {
  clock: Clock;
  /** The source's own pause, one for all processes. It is another service than the library's, so it holds no call of a token. */
  pause?: SharedPause;
  logger?: Logger;
  /** Default {@link fallbackStorefronts}; an empty list asks the library's own storefront alone. */
  fallbacks?: readonly string[];
  /** Calls at the same time. Default 5. */
  concurrency?: number;
}

/** One service. */
export interface Storefronts {
  /** Most ids in one call. */
  idsPerCall: number;
  /** What one storefront says of these apps, in one call; those that it does not know are absent. */
  ask(adamIds: string[], storefront: string, query: MetadataQuery): Promise<MetadataVariant[]>;
}

/**
 * A source that asks storefront after storefront. Ids whose call fails are left out of the answer like unknown ones,
 * and logged. `lookup` throws AppleFailure only when no call was answered.
 */
export function createStorefrontSource({ idsPerCall, ask }: Storefronts, options: SourceOptions): MetadataSource {
  const { logger = silentLogger, concurrency = 5, fallbacks = fallbackStorefronts } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency must be a positive integer');
  return {
    async lookup(query) {
      await passPause(options);
      const run = createRun(options);
      let wanted = [...new Set(query.adamIds)];
      for (const storefront of new Set([query.storefront, ...fallbacks].map((country) => country.toUpperCase()))) {
        const absent: string[] = [];
        await eachLimited(chunk(wanted, idsPerCall), concurrency, async (adamIds) => {
          const variants = await run.attempt(() => ask(adamIds, storefront, query));
          if (!variants) return;
          const known = new Set(variants.map(({ adamId }) => adamId));
          absent.push(...adamIds.filter((adamId) => !known.has(adamId)));
          run.found.push(...variants);
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

/** Nothing is asked before the source allows it, whichever process was told so. */
async function passPause({ pause, clock }: SourceOptions): Promise<void> {
  const left = ((await pause?.until())?.getTime() ?? 0) - clock.now().getTime();
  if (left > 0) throw new AppleFailure('RATE_LIMITED', 'The source of metadata asked to wait', { retryAfter: left });
}

/** The milliseconds for which the source wants to be left alone; undefined when it said nothing of the kind. */
function pauseAfter({ kind, retryAfter }: AppleFailure): number | undefined {
  return retryAfter ?? (kind === 'RATE_LIMITED' ? defaultPause : undefined);
}

/** What one lookup has seen so far: it stops asking when Apple wants a pause or does not answer at all. */
function createRun({ pause, clock }: SourceOptions) {
  const run = { found: [] as MetadataVariant[], failures: [] as AppleFailure[], answered: 0, attempt };
  let inARow = 0;

  /** The result of `work`; undefined when it failed or is not worth trying. */
  async function attempt(work: () => Promise<MetadataVariant[]>): Promise<MetadataVariant[] | undefined> {
    if (inARow >= maxFailuresInARow || run.failures.some((failure) => pauseAfter(failure) !== undefined))
      return undefined;
    try {
      const variants = await work();
      run.answered += 1;
      inARow = 0;
      return variants;
    } catch (error) {
      if (!(error instanceof AppleFailure)) throw error;
      run.failures.push(error);
      inARow += 1;
      const wait = pauseAfter(error);
      if (wait !== undefined) await pause?.extend(new Date(clock.now().getTime() + wait));
      return undefined;
    }
  }
  return run;
}
