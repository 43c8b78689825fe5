/** Which device gets its license from which pool: pure, so that it can be tested against thousands of worlds. @module */

import type { Family } from '../device/eligibility.ts';
import { requiredOs, runsOn } from '../device/eligibility.ts';
import {
  AlreadyLicensedError,
  type DomainError,
  NoLicensesAvailableError,
  NoTokenForAppError,
  NotDeviceAssignableError,
  OsTooOldError,
  PlatformNotSupportedError,
  RevokeInProgressError,
  type SkippedToken,
} from '../errors.ts';
import { isUsable, type TokenState, tokenRefusal } from '../token/state.ts';

/** A pool that might serve, with its token. */
export interface Candidate {
  poolId: bigint;
  appId: bigint;
  adamId: string;
  pricingParam: string;
  /** Null when unlimited. */
  free: bigint | null;
  asOf: Date;
  deviceAssignable: boolean;
  supportedPlatforms: readonly string[];
  gone: boolean;
  token: CandidateToken;
}

/** A token of the organization, whether it holds the app or not. */
export interface CandidateToken {
  id: bigint;
  label: string;
  state: TokenState;
  /** Its place in the organization's order. */
  position: number;
  expiresAt: Date;
}

/** A device that asks. */
export interface Applicant {
  id: bigint;
  serialNumber: string;
  family: Family;
  osVersion: string | null;
}

/** A license that the device already holds, or is being given or taken. */
export interface Holding {
  appId: bigint;
  deviceId: bigint;
  tokenId: bigint;
  revoking: boolean;
}

/** One seat for one device. */
export interface Grant {
  candidate: Candidate;
  device: Applicant;
  /** Tokens before it in the order, and why they did not serve. Empty for a named token. */
  skipped: readonly SkippedToken[];
}

/** One pair that gets none, and why. */
export interface Refusal {
  appId: bigint;
  device: Applicant;
  error: DomainError;
}

/** What {@link allocate} found. */
export interface Allocation {
  grants: Grant[];
  refusals: Refusal[];
}

/** An app that is asked for. */
export interface WantedApp {
  id: bigint;
  name: string;
}

/** What there is to decide on. */
export interface AllocationInput {
  apps: readonly WantedApp[];
  devices: readonly Applicant[];
  /** All tokens of the organization. */
  tokens: readonly CandidateToken[];
  candidates: readonly Candidate[];
  holdings: readonly Holding[];
  /** Take from exactly this token (S76). */
  tokenId: bigint | null;
  /** Only these pairs, as `app:device`; all of them by default. */
  only?: ReadonlySet<string>;
}

/** Gives every device its seat of every app: from the first usable token in order with a free seat (S79). */
export function allocate(input: AllocationInput): Allocation {
  const held = holdingsByPair(input.holdings);
  const result: Allocation = { grants: [], refusals: [] };
  for (const app of input.apps) {
    const seats = new Seats(app, input);
    const eligible: Applicant[] = [];
    for (const device of input.devices) {
      const pair = `${app.id}:${device.id}`;
      if (input.only && !input.only.has(pair)) continue;
      const error = refuse(app, device, seats.pools, held.get(pair));
      if (error) result.refusals.push({ appId: app.id, device, error });
      else eligible.push(device);
    }
    seats.serve(eligible, result);
  }
  return result;
}

/** One holding a pair; one that stays stands before one that is being taken back. */
function holdingsByPair(holdings: readonly Holding[]): Map<string, Holding> {
  const held = new Map<string, Holding>();
  for (const holding of holdings) {
    const pair = `${holding.appId}:${holding.deviceId}`;
    if (!held.has(pair) || !holding.revoking) held.set(pair, holding);
  }
  return held;
}

/** Why this device can't have the app, whatever seats there are. */
function refuse(
  app: WantedApp,
  device: Applicant,
  pools: readonly Candidate[],
  holding: Holding | undefined,
): DomainError | null {
  if (holding) {
    return holding.revoking ? new RevokeInProgressError(app.name) : new AlreadyLicensedError(app.name, holding.tokenId);
  }
  const assignable = pools.filter((pool) => pool.deviceAssignable);
  if (pools.length > 0 && assignable.length === 0) return new NotDeviceAssignableError(app.name);
  if (assignable.length > 0 && !assignable.some((pool) => runsOn(device, pool.supportedPlatforms))) {
    const platforms = [...new Set(assignable.flatMap((pool) => [...pool.supportedPlatforms]))];
    return new PlatformNotSupportedError(app.name, device.serialNumber, platforms);
  }
  const required = requiredOs(device);
  return required ? new OsTooOldError(device.serialNumber, required, device.osVersion ?? 'an unknown version') : null;
}

const inOrder = (a: CandidateToken, b: CandidateToken) => a.position - b.position || (a.id < b.id ? -1 : 1);

/** One token with its pools of the app, standard quality first. */
interface Source {
  token: CandidateToken;
  pools: Candidate[];
}

/** Hands out one app's seats, token by token in their order. */
class Seats {
  readonly #app: WantedApp;
  readonly #sources: Source[];
  readonly #named: boolean;
  readonly #left: Map<bigint, bigint | null>;

  constructor(app: WantedApp, { tokens, candidates, tokenId }: AllocationInput) {
    const pools = candidates
      .filter((candidate) => candidate.appId === app.id && !candidate.gone)
      .sort((a, b) => Number(b.pricingParam === 'STDQ') - Number(a.pricingParam === 'STDQ'));
    this.#app = app;
    this.#named = tokenId !== null;
    this.#sources = tokens
      .filter((token) => tokenId === null || token.id === tokenId)
      .sort(inOrder)
      .map((token) => ({ token, pools: pools.filter((pool) => pool.token.id === token.id) }));
    this.#left = new Map(this.pools.map((pool) => [pool.poolId, pool.free]));
  }

  /** The app's pools that may be looked at, in token order. */
  get pools(): Candidate[] {
    return this.#sources.flatMap((source) => source.pools);
  }

  serve(devices: readonly Applicant[], result: Allocation): void {
    const unserved = devices.filter((device) => !this.#grant(device, result));
    if (unserved.length === 0) return;
    const error = this.#refusal(devices.length);
    for (const device of unserved) result.refusals.push({ appId: this.#app.id, device, error });
  }

  #grant(device: Applicant, result: Allocation): boolean {
    const at = this.#sources.findIndex((source) => this.#poolFor(source, device) !== undefined);
    if (at < 0) return false;
    const candidate = this.#poolFor(this.#sources[at]!, device)!;
    const free = this.#left.get(candidate.poolId)!;
    const skipped = this.#sources.slice(0, at).map((source) => skip(source, device));
    if (free !== null) this.#left.set(candidate.poolId, free - 1n);
    result.grants.push({ candidate, device, skipped });
    return true;
  }

  #poolFor({ token, pools }: Source, device: Applicant): Candidate | undefined {
    if (!isUsable(token.state)) return undefined;
    return pools.find((pool) => {
      const free = this.#left.get(pool.poolId)!;
      return pool.deviceAssignable && runsOn(device, pool.supportedPlatforms) && (free === null || free > 0n);
    });
  }

  /** Why no token serves: it can't be used, or its seats are gone. */
  #refusal(requested: number): DomainError {
    const holders = this.#sources.filter(({ pools }) => pools.some((pool) => pool.deviceAssignable));
    const usable = holders.filter(({ token }) => isUsable(token.state));
    const skipped = this.#sources.map((source) => skip(source));
    const [only] = holders;
    if (usable.length === 0) {
      if (only && holders.length === 1) return tokenRefusal(only.token, only.token.state);
      return new NoTokenForAppError(this.#app.name, skipped);
    }
    const pools = usable.flatMap((source) => source.pools).filter((pool) => pool.deviceAssignable);
    const available = pools.reduce((sum, { free }) => sum + (free !== null && free > 0n ? free : 0n), 0n);
    const asOf = new Date(Math.min(...pools.map((pool) => pool.asOf.getTime())));
    return new NoLicensesAvailableError(this.#app.name, requested, available, asOf, this.#named ? [] : skipped);
  }
}

/** Why a token did not serve: what keeps all of its pools of the app from it. */
function skip({ token, pools }: Source, device?: Applicant): SkippedToken {
  const said = (reason: string): SkippedToken => ({ tokenId: token.id, label: token.label, reason });
  if (pools.length === 0) return said('APP_NOT_HELD');
  if (!isUsable(token.state)) return said(token.state);
  const assignable = pools.filter((pool) => pool.deviceAssignable);
  if (assignable.length === 0) return said('NOT_DEVICE_ASSIGNABLE');
  const fits = !device || assignable.some((pool) => runsOn(device, pool.supportedPlatforms));
  return said(fits ? 'NO_SEATS' : 'PLATFORM_NOT_SUPPORTED');
}
