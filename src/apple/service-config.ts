/**
 * Apple's own settings: today's limits, and where metadata is looked up (fact sheet §4). Asked without a token, kept
 * for five minutes.
 * @see https://developer.apple.com/documentation/devicemanagement/service-config
 * @module
 */
import { z } from 'zod';
import { AppleFailure, type AppleLimits, type SharedPause } from '../domain/ports.ts';
import type { Clock } from '../lib/clock.ts';
import { isLoopback } from './root.ts';
import type { Exchange } from './transport.ts';
import { optional, wholeNumber } from './wire.ts';

/** How long an answer is good, in milliseconds. Apple asks to read it again every five minutes. */
export const serviceConfigMaxAge = 5 * 60 * 1000;

/** How long the last known answer is used without asking again when Apple did not give a new one, in milliseconds. */
const retryPause = 10_000;

/** What holds for a limit that the answer does not name; small enough to be inside any limit seen so far. */
export const conservativeLimits: AppleLimits = {
  maxAssets: 10,
  maxSerialNumbers: 100,
  maxClientUserIds: 100,
  maxUsers: 50,
  maxSeatSubscriptions: 10,
  maxSeatUsers: 100,
  maxRequestsPerSecond: 10,
  maxMdmIdLength: 100,
  maxMdmNameLength: 100,
  maxMdmMetadataLength: 255,
};

/** Where metadata is looked up when the answer does not say (fact sheet §1). */
export const appleLookupUrl = 'https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup';

/** Stands for the code in the template of an invitation: `%inviteCode%`, percent-encoded (fact sheet §4). */
const invitePlaceholder = '%25inviteCode%25';

/** Milliseconds for which a process remembers the pause that all share. */
const pauseMaxAge = 30_000;

/** Options of {@link createServiceConfig}. */
export interface ServiceConfigOptions {
  exchange: Exchange;
  /** Root of version 2, with a slash at its end. Plain http means a sandbox. */
  root: URL;
  clock: Clock;
  /** Milliseconds for the exchange. */
  timeout: number;
  /** What other processes were told to wait. */
  pause?: SharedPause | undefined;
}

/** How new the limits have to be. */
export interface LimitsOptions {
  /** Asks at once. */
  fresh?: boolean;
  /** An answer that was asked for before this moment is not good enough. */
  since?: Date;
}

/** Apple's settings. Every method may throw AppleFailure. */
export interface ServiceConfig {
  limits(options?: LimitsOptions): Promise<AppleLimits>;
  /** Where the legacy lookup of metadata is (`contentMetadataLookup`): the one address that is taken from Apple's answer. */
  metadataLookupUrl(): Promise<string>;
  /** Apple moved: what is known is asked for again before it is used. */
  forget(): void;
  /** The address that a user opens to accept an invitation (`invitationEmail`). */
  invitationUrl(inviteCode: string): Promise<string>;
}

const limit = optional(wholeNumber.pipe(z.int().min(1)));

const serviceConfigAnswer = z.object({
  limits: optional(
    z.object({
      maxAssets: limit,
      maxSerialNumbers: limit,
      maxClientUserIds: limit,
      maxUsers: limit,
      maxSubscriptions: limit,
      maxSubscriptionClientUserIds: limit,
      maxRequestPerSecond: limit,
      maxMdmIdLength: limit,
      maxMdmNameLength: limit,
      maxMdmMetadataLength: limit,
    }),
  ),
  urls: optional(z.object({ contentMetadataLookup: optional(z.string()), invitationEmail: optional(z.string()) })),
});

type Answer = z.output<typeof serviceConfigAnswer>;

/**
 * Apple's settings behind a cache; callers at the same time share one exchange. When Apple gives no new answer the last
 * one goes on being used, and Apple is not asked again before it allows that.
 */
export function createServiceConfig(options: ServiceConfigOptions): ServiceConfig {
  const { exchange, root, clock, timeout, pause } = options;
  let known: { answer: Answer; askedAt: number } | undefined;
  let refused: { failure: AppleFailure; until: number; seenAt: number } | undefined;
  let underWay: Promise<Answer> | undefined;

  async function read(): Promise<Answer> {
    const askedAt = clock.now().getTime();
    const url = new URL('service/config', root);
    await passPause();
    const request = { operation: 'Service Config', method: 'GET', url, answer: serviceConfigAnswer, timeout } as const;
    try {
      const answer = await exchange(request);
      known = { answer, askedAt };
      return answer;
    } catch (error) {
      if (error instanceof AppleFailure) {
        const wait = error.retryAfter ?? (known ? retryPause : 0);
        refused = { failure: error, until: clock.now().getTime() + wait, seenAt: clock.now().getTime() };
        if (error.retryAfter !== undefined) await pause?.extend(new Date(refused.until));
      }
      throw error;
    }
  }

  /** Another process may have been told to wait. */
  async function passPause(): Promise<void> {
    const until = (await pause?.until())?.getTime() ?? 0;
    const left = until - clock.now().getTime();
    if (left <= 0) return;
    const failure = new AppleFailure('UNAVAILABLE', 'Apple asked to wait with "Service Config"', { retryAfter: left });
    refused = { failure, until, seenAt: clock.now().getTime() };
    throw failure;
  }

  function ask(): Promise<Answer> {
    const now = clock.now().getTime();
    const left = refused ? refused.until - now : 0;
    // A pause that all share may be ended by somebody who knows better: it is looked at again from time to time.
    const current = refused && (!pause || now - refused.seenAt < pauseMaxAge);
    if (refused && current && left > 0) return Promise.reject(refused.failure.withRetryAfter(left));
    underWay ??= read().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  async function current({ fresh = false, since }: LimitsOptions): Promise<Answer> {
    const last = known && known.askedAt >= (since?.getTime() ?? 0) ? known : undefined;
    if (!fresh && last && clock.now().getTime() - last.askedAt < serviceConfigMaxAge) return last.answer;
    try {
      return await ask();
    } catch (error) {
      if (fresh || !last || !(error instanceof AppleFailure)) throw error;
      return last.answer;
    }
  }

  return {
    forget: () => {
      if (known) known.askedAt = Number.NEGATIVE_INFINITY;
    },
    limits: async (how = {}) => toLimits(await current(how)),
    async metadataLookupUrl() {
      const text = (await current({})).urls?.contentMetadataLookup ?? '';
      if (isAcceptable(text, root)) return text;
      // A sandbox's tokens are not shown to the real Apple.
      if (isSandbox(root)) throw new AppleFailure('UNAVAILABLE', 'The sandbox names no address to look up metadata at');
      return appleLookupUrl;
    },
    async invitationUrl(inviteCode) {
      const template = (await current({})).urls?.invitationEmail ?? '';
      const url = template.replaceAll(invitePlaceholder, encodeURIComponent(inviteCode));
      if (url !== template && isAcceptable(url, root)) return url;
      throw new AppleFailure('UNAVAILABLE', 'Apple names no address for invitations');
    },
  };
}

function toLimits(answer: Answer): AppleLimits {
  const {
    maxRequestPerSecond: maxRequestsPerSecond = null,
    maxSubscriptions: maxSeatSubscriptions = null,
    maxSubscriptionClientUserIds: maxSeatUsers = null,
    ...said
  } = answer.limits ?? {};
  const renamed = { maxRequestsPerSecond, maxSeatSubscriptions, maxSeatUsers };
  const named = Object.entries({ ...said, ...renamed }).filter(([, value]) => value !== null);
  return { ...conservativeLimits, ...Object.fromEntries(named) };
}

/** The token goes to this address as a cookie, so it must be encrypted, or stay in the sandbox. */
function isAcceptable(text: string, root: URL): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.protocol === 'https:') return true;
  return isSandbox(root) && url.protocol === 'http:' && (url.hostname === root.hostname || isLoopback(url));
}

function isSandbox(root: URL): boolean {
  return root.protocol === 'http:';
}
