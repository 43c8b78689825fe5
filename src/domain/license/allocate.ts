/** Which device gets its license from which pool: pure, so that it can be tested against thousands of worlds. @module */
import { requiredOs, runsOn } from '../device/eligibility.ts';
import type { Family } from '../device/eligibility.ts';
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
import { tokenRefusal, type TokenState, isUsable } from '../token/state.ts';

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
  token: { id: bigint; label: string; state: TokenState; position: number; expiresAt: Date };
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

/** Gives every device its seat of every app: the first usable token in order with a free seat (S79). `tokenId` binds it to one token (S76). */
export function allocate(input: {
  apps: readonly WantedApp[];
  devices: readonly Applicant[];
  candidates: readonly Candidate[];
  holdings: readonly Holding[];
  tokenId: bigint | null;
  /** Only these pairs, as `app:device`; all of them by default. */
  only?: ReadonlySet<string>;
}): Allocation {
  const held = new Map(input.holdings.map((holding) => [`${holding.appId}:${holding.deviceId}`, holding]));
  const result: Allocation = { grants: [], refusals: [] };
  for (const app of input.apps) {
    const pools = poolsOf(app, input.candidates, input.tokenId);
    const seats = new Seats(app, pools, input.candidates.filter((candidate) => candidate.appId === app.id), input.tokenId);
    const eligible: Applicant[] = [];
    for (const device of input.devices) {
      if (input.only && !input.only.has(`${app.id}:${device.id}`)) continue;
      const error = refuse(app, device, pools, held.get(`${app.id}:${device.id}`));
      if (error) result.refusals.push({ appId: app.id, device, error });
      else eligible.push(device);
    }
    seats.serve(eligible, result);
  }
  return result;
}

/** The app's pools in token order; books' other qualities come last. */
function poolsOf(app: WantedApp, candidates: readonly Candidate[], tokenId: bigint | null): Candidate[] {
  return candidates
    .filter((candidate) => candidate.appId === app.id && !candidate.gone && (tokenId === null || candidate.token.id === tokenId))
    .sort((a, b) => a.token.position - b.token.position || Number(a.token.id - b.token.id) || (a.pricingParam === 'STDQ' ? -1 : 1));
}

/** Why this device can't have the app, whatever seats there are. */
function refuse(app: WantedApp, device: Applicant, pools: readonly Candidate[], holding: Holding | undefined): DomainError | null {
  if (holding) return holding.revoking ? new RevokeInProgressError(app.name) : new AlreadyLicensedError(app.name, holding.tokenId);
  const assignable = pools.filter((pool) => pool.deviceAssignable);
  if (pools.length > 0 && assignable.length === 0) return new NotDeviceAssignableError(app.name);
  if (assignable.length > 0 && !assignable.some((pool) => runsOn(device, pool.supportedPlatforms))) {
    return new PlatformNotSupportedError(app.name, device.serialNumber, [...new Set(assignable.flatMap((pool) => [...pool.supportedPlatforms]))]);
  }
  const required = requiredOs(device);
  return required ? new OsTooOldError(device.serialNumber, required, device.osVersion ?? 'an unknown version') : null;
}

/** Hands out one app's seats. */
class Seats {
  readonly #app: WantedApp;
  readonly #pools: Candidate[];
  readonly #skipped: SkippedToken[];
  readonly #refusal: DomainError | null;

  constructor(app: WantedApp, pools: readonly Candidate[], all: readonly Candidate[], tokenId: bigint | null) {
    this.#app = app;
    this.#pools = pools.filter((pool) => pool.deviceAssignable && isUsable(pool.token.state));
    this.#skipped = pools.filter((pool) => !this.#pools.includes(pool)).map((pool) => skip(pool));
    this.#refusal = this.#pools.length === 0 ? this.#noPool(pools, all, tokenId) : null;
  }

  #noPool(pools: readonly Candidate[], all: readonly Candidate[], tokenId: bigint | null): DomainError {
    const [only] = pools.filter((pool) => pool.deviceAssignable);
    if (only && (tokenId !== null || this.#skipped.length === 1)) return tokenRefusal(only.token, only.token.state);
    const others = tokenId === null ? [] : all.filter((candidate) => candidate.token.id !== tokenId);
    if (only?.token.state === 'EXPIRED' && others.length === 0) return tokenRefusal(only.token, only.token.state);
    return new NoTokenForAppError(this.#app.name, this.#skipped);
  }

  serve(devices: readonly Applicant[], result: Allocation): void {
    const unserved: Applicant[] = [];
    const left = new Map(this.#pools.map((pool) => [pool.poolId, pool.free]));
    for (const device of devices) {
      const skipped = [...this.#skipped];
      const pool = this.#pools.find((candidate) => {
        const free = left.get(candidate.poolId)!;
        if (runsOn(device, candidate.supportedPlatforms) && (free === null || free > 0n)) return true;
        skipped.push(skip(candidate, 'NO_SEATS'));
        return false;
      });
      if (!pool) unserved.push(device);
      else {
        const free = left.get(pool.poolId)!;
        if (free !== null) left.set(pool.poolId, free - 1n);
        result.grants.push({ candidate: pool, device, skipped });
      }
    }
    if (unserved.length > 0) this.#refuseRest(unserved, devices.length, result);
  }

  #refuseRest(unserved: readonly Applicant[], requested: number, result: Allocation): void {
    const error = this.#refusal ?? this.#noSeats(requested);
    for (const device of unserved) result.refusals.push({ appId: this.#app.id, device, error });
  }

  #noSeats(requested: number): DomainError {
    const available = this.#pools.reduce((sum, pool) => sum + (pool.free !== null && pool.free > 0n ? pool.free : 0n), 0n);
    const asOf = new Date(Math.min(...this.#pools.map((pool) => pool.asOf.getTime())));
    const full = this.#pools.map((pool) => skip(pool, 'NO_SEATS'));
    return new NoLicensesAvailableError(this.#app.name, requested, available, asOf, [...this.#skipped, ...full]);
  }
}

function skip(candidate: Candidate, reason?: string): SkippedToken {
  const why = candidate.deviceAssignable ? candidate.token.state : 'NOT_DEVICE_ASSIGNABLE';
  return { tokenId: candidate.token.id, label: candidate.token.label, reason: reason ?? why };
}
