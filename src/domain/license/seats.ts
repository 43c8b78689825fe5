/** Hands out the seats of one app, token by token in their order. Pure. @module */
import { runsOn } from '../device/eligibility.ts';
import {
  type DomainError,
  NoLicensesAvailableError,
  NoTokenForAppError,
  QuotaExceededError,
  type SkippedToken,
  type SkipReason,
} from '../errors.ts';
import { isUsable, tokenRefusal } from '../token/state.ts';
import type { Applicant, Candidate, CandidateToken, Grant, Reserve, WantedApp } from './allocation.ts';
import type { QuotaRoom } from './quota-room.ts';

/** One token with its pools of the app, standard quality first. */
interface Source {
  token: CandidateToken;
  pools: Candidate[];
  /** Free seats that only requests get which name the token. */
  reserve: bigint;
}

/** What the seats of an app are handed out from. */
export interface SeatsInput {
  tokens: readonly CandidateToken[];
  candidates: readonly Candidate[];
  reserves?: readonly Reserve[];
}

const inOrder = (a: CandidateToken, b: CandidateToken) => a.position - b.position || (a.id < b.id ? -1 : 1);

/** The seats of one app while they are handed out. */
export class Seats {
  readonly #app: WantedApp;
  readonly #sources: Source[];
  readonly #left = new Map<bigint, bigint | null>();
  readonly #room: QuotaRoom;
  /** Tokens of which somebody who waits is to get a seat. */
  readonly #promised = new Set<bigint>();

  constructor(app: WantedApp, { tokens, candidates, reserves = [] }: SeatsInput, room: QuotaRoom) {
    const pools = candidates
      .filter((candidate) => candidate.appId === app.id && !candidate.gone)
      .sort((a, b) => Number(b.pricingParam === 'STDQ') - Number(a.pricingParam === 'STDQ'));
    this.#app = app;
    this.#room = room;
    this.#sources = [...tokens].sort(inOrder).map((token) => ({
      token,
      pools: pools.filter((pool) => pool.token.id === token.id),
      reserve: reserveOf(reserves, token.id, app.id),
    }));
    for (const pool of pools) this.#left.set(pool.poolId, pool.free);
  }

  /** The app's pools that a request may be served from, in token order. */
  pools(tokenId: bigint | null): Candidate[] {
    return this.#sourcesOf(tokenId).flatMap((source) => source.pools);
  }

  /** Sets a seat aside for somebody who waits, if there is one. */
  promise(device: Applicant, tokenId: bigint | null): void {
    const grant = this.take(device, tokenId);
    if ('candidate' in grant) this.#promised.add(grant.candidate.token.id);
  }

  /** A seat for the device, or why there is none; `requested` says for how many was asked together. */
  take(device: Applicant, tokenId: bigint | null, requested = 1, open = this.open(tokenId)): Grant | DomainError {
    const blocking = this.#room.blocking(this.#app.id, device.id);
    if (blocking) return new QuotaExceededError(this.#app.name, blocking.quota, blocking.used);
    const named = tokenId !== null;
    const sources = this.#sourcesOf(tokenId);
    const at = sources.findIndex((source) => this.#poolFor(source, device, named) !== undefined);
    if (at < 0) return this.#refusal(device, tokenId, requested, open);
    const source = sources[at]!;
    const candidate = this.#poolFor(source, device, named)!;
    const free = this.#left.get(candidate.poolId)!;
    const fromReserve = named && free !== null && this.#leftIn(source)! <= source.reserve;
    const skipped = sources.slice(0, at).map((before) => this.#skip(before, device));
    if (free !== null) this.#left.set(candidate.poolId, free - 1n);
    return { candidate, device, named, fromReserve, skipped, quotas: this.#room.take(this.#app.id, device.id) };
  }

  /** What is left of a pool; null when it never runs out. */
  leftOf(poolId: bigint): bigint | null {
    return this.#left.get(poolId) ?? null;
  }

  /** How many seats can be given out now; unlimited ones are not counted. */
  open(tokenId: bigint | null): bigint {
    const usable = this.#sourcesOf(tokenId).filter(({ token }) => isUsable(token.state));
    return usable.reduce((sum, source) => {
      const left = this.#leftIn(source) ?? 0n;
      const kept = tokenId === null ? source.reserve : 0n;
      return sum + (left > kept ? left - kept : 0n);
    }, 0n);
  }

  #sourcesOf(tokenId: bigint | null): Source[] {
    return tokenId === null ? this.#sources : this.#sources.filter((source) => source.token.id === tokenId);
  }

  /** Free seats of the app in the token; null when one of its pools never runs out. */
  #leftIn({ pools }: Source): bigint | null {
    let sum = 0n;
    for (const pool of pools) {
      if (!pool.deviceAssignable) continue;
      const left = this.#left.get(pool.poolId)!;
      if (left === null) return null;
      if (left > 0n) sum += left;
    }
    return sum;
  }

  #poolFor(source: Source, device: Applicant, named: boolean): Candidate | undefined {
    if (!isUsable(source.token.state)) return undefined;
    const left = this.#leftIn(source);
    if (!named && left !== null && left <= source.reserve) return undefined;
    return source.pools.find((pool) => {
      const free = this.#left.get(pool.poolId)!;
      return pool.deviceAssignable && runsOn(device, pool.supportedPlatforms) && (free === null || free > 0n);
    });
  }

  /** Why no token serves: it can't be used, or its seats are gone. */
  #refusal(device: Applicant, tokenId: bigint | null, requested: number, open: bigint): DomainError {
    const sources = this.#sourcesOf(tokenId);
    const holders = sources.filter(({ pools }) => pools.some((pool) => pool.deviceAssignable));
    const usable = holders.filter(({ token }) => isUsable(token.state));
    const [only] = holders;
    const skipped = sources.map((source) => this.#skip(source, device));
    if (usable.length === 0) {
      if (only && holders.length === 1) return tokenRefusal(only.token, only.token.state);
      return new NoTokenForAppError(this.#app.name, skipped);
    }
    const pools = usable.flatMap((source) => source.pools).filter((pool) => pool.deviceAssignable);
    const asOf = new Date(Math.min(...pools.map((pool) => pool.asOf.getTime())));
    return new NoLicensesAvailableError(this.#app.name, requested, open, asOf, tokenId === null ? skipped : []);
  }

  /** Why a token did not serve: what keeps all of its pools of the app from it. */
  #skip(source: Source, device: Applicant): SkippedToken {
    const { token, pools } = source;
    const said = (reason: SkipReason | CandidateToken['state']): SkippedToken => ({
      tokenId: token.id,
      label: token.label,
      reason,
    });
    if (pools.length === 0) return said('APP_NOT_HELD');
    if (!isUsable(token.state)) return said(token.state);
    const assignable = pools.filter((pool) => pool.deviceAssignable);
    if (assignable.length === 0) return said('NOT_DEVICE_ASSIGNABLE');
    const fitting = assignable.filter((pool) => runsOn(device, pool.supportedPlatforms));
    if (fitting.length === 0) return said('PLATFORM_NOT_SUPPORTED');
    if (fitting.some((pool) => (this.#left.get(pool.poolId) ?? 1n) > 0n)) return said('RESERVE');
    return said(this.#promised.has(token.id) ? 'QUEUE' : 'NO_LICENSES_AVAILABLE');
  }
}

/** The app's own number stands before that of the token. */
export function reserveOf(reserves: readonly Reserve[], tokenId: bigint, appId: bigint): bigint {
  const ofToken = reserves.filter((reserve) => reserve.tokenId === tokenId);
  const own = ofToken.find((reserve) => reserve.appId === appId) ?? ofToken.find((reserve) => reserve.appId === null);
  return own?.seats ?? 0n;
}
