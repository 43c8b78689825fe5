/** Which person gets a license from which pool. A person belongs to one token, so there is nothing to choose: pure. @module */
import {
  AlreadyLicensedError,
  AppNotReleasedError,
  type DomainError,
  NoLicensesAvailableError,
  NoTokenForAppError,
  RevokeInProgressError,
} from '../errors.ts';
import { isUsable, tokenRefusal } from '../token/state.ts';
import { type FoundUser, refuseInactive } from '../vpp-user/find.ts';
import type { Candidate, CandidateToken, Reserve, WantedApp } from './allocation.ts';
import { reserveOf } from './seats.ts';

/** One seat for one person. */
export interface UserGrant {
  candidate: Candidate;
  user: FoundUser;
  /** The request named the token. */
  named: boolean;
}

/** One pair that gets none, and why. */
export interface UserRefusal {
  appId: bigint;
  user: FoundUser;
  error: DomainError;
}

/** What {@link allocateUsers} found. */
export interface UserAllocation {
  grants: UserGrant[];
  refusals: UserRefusal[];
}

/** A license that a person already holds, or is being given or taken. */
export interface UserHolding {
  appId: bigint;
  vppUserId: bigint;
  tokenId: bigint;
  revoking: boolean;
}

/** What there is to decide on. */
export interface UserAllocationInput {
  apps: readonly WantedApp[];
  users: readonly FoundUser[];
  tokens: readonly CandidateToken[];
  candidates: readonly Candidate[];
  holdings: readonly UserHolding[];
  reserves: readonly Reserve[];
  /** The request named the token: it may have the seats that are kept for such. */
  named: boolean;
  /** Only these pairs, as `app:user`; all of them by default. */
  only?: ReadonlySet<string>;
}

/** Gives every person their seat of every app from their own token. Neither their devices nor the app's platforms matter (S5, S30). */
export function allocateUsers(input: UserAllocationInput): UserAllocation {
  const held = new Map(input.holdings.map((one) => [`${one.appId}:${one.vppUserId}`, one]));
  const left = new Map(input.candidates.map((pool) => [pool.poolId, pool.free]));
  const result: UserAllocation = { grants: [], refusals: [] };
  for (const app of input.apps) {
    for (const user of input.users) {
      const pair = `${app.id}:${user.id}`;
      if (input.only && !input.only.has(pair)) continue;
      const found = refuseHolder(app, user, held.get(pair)) ?? take(input, app, user, left);
      if ('poolId' in found) result.grants.push({ candidate: found, user, named: input.named });
      else result.refusals.push({ appId: app.id, user, error: found });
    }
  }
  return result;
}

/**
 * Seats of the pools of one app and token that may be given out together, without the reserve; null when unlimited. A pool
 * with more used than total gives nothing, and takes nothing from the others.
 */
function spare(
  { reserves, named }: UserAllocationInput,
  pools: readonly Candidate[],
  left: ReadonlyMap<bigint, bigint | null>,
): bigint | null {
  const free = pools.map(({ poolId }) => left.get(poolId) ?? null);
  if (free.includes(null)) return null;
  const all = free.reduce<bigint>((sum, seats) => sum + (seats !== null && seats > 0n ? seats : 0n), 0n);
  const [pool] = pools;
  return named || !pool ? all : all - reserveOf(reserves, pool.token.id, pool.appId);
}

function refuseHolder(app: WantedApp, user: FoundUser, holding: UserHolding | undefined): DomainError | null {
  if (holding?.revoking) return new RevokeInProgressError(app.name);
  if (holding) return new AlreadyLicensedError(app.name, holding.tokenId);
  // No group holds people, and a person's license serves whatever devices they use: they get what is released.
  if (app.status && app.status !== 'RELEASE') return new AppNotReleasedError(app.name, app.status, 'people');
  return refuseInactive(user, ['target']);
}

function take(
  input: UserAllocationInput,
  app: WantedApp,
  user: FoundUser,
  left: Map<bigint, bigint | null>,
): Candidate | DomainError {
  const token = input.tokens.find((one) => one.id === user.tokenId);
  if (!token) return new NoTokenForAppError(app.name, []);
  if (!isUsable(token.state)) return tokenRefusal(token, token.state);
  const pools = input.candidates
    .filter((pool) => pool.appId === app.id && pool.token.id === token.id && !pool.gone)
    .sort((a, b) => Number(b.pricingParam === 'STDQ') - Number(a.pricingParam === 'STDQ'));
  if (pools.length === 0) {
    return new NoTokenForAppError(app.name, [{ tokenId: token.id, label: token.label, reason: 'APP_NOT_HELD' }]);
  }
  const pool = pools.find(({ poolId }) => left.get(poolId) === null || left.get(poolId)! > 0n);
  const together = spare(input, pools, left);
  if (!pool || (together !== null && together <= 0n)) return shortage(input, app, pools);
  const free = left.get(pool.poolId)!;
  if (free !== null) left.set(pool.poolId, free - 1n);
  return pool;
}

function shortage(input: UserAllocationInput, app: WantedApp, pools: readonly Candidate[]): DomainError {
  const together = spare(input, pools, new Map(pools.map((pool) => [pool.poolId, pool.free]))) ?? 0n;
  const seats = together > 0n ? together : 0n;
  const asOf = new Date(Math.min(...pools.map((pool) => pool.asOf.getTime())));
  const tokenId = pools[0]!.token.id;
  const asked = input.users.filter((user) => user.tokenId === tokenId).length;
  return new NoLicensesAvailableError(app.name, asked, seats, asOf);
}
