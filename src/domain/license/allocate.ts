/** Which device gets its license from which pool: pure, so that it can be tested against thousands of worlds. @module */
import { noTrials, type Trials, trialKey } from '../app/gate.ts';
import { requiredOs, runsOn } from '../device/eligibility.ts';
import {
  AlreadyLicensedError,
  AlreadyWaitingError,
  AppNotReleasedError,
  type DomainError,
  NotDeviceAssignableError,
  OsTooOldError,
  PlatformNotSupportedError,
  RevokeInProgressError,
} from '../errors.ts';
import type {
  Allocation,
  AllocationInput,
  AllocationWorld,
  Applicant,
  Candidate,
  Claim,
  Grant,
  Holding,
  WantedApp,
} from './allocation.ts';
import { QuotaRoom } from './quota-room.ts';
import { Seats } from './seats.ts';

/** Gives every device its seat of every app: from the first usable token in order with a free seat (S79). */
export function allocate(input: AllocationInput): Allocation {
  const held = holdingsByPair(input.holdings);
  const waiting = new Map((input.waiting ?? []).map((pair) => [`${pair.appId}:${pair.deviceId}`, pair.taskId]));
  const room = new QuotaRoom(input.quotas ?? []);
  const result: Allocation = { grants: [], refusals: [] };
  for (const app of input.apps) {
    const seats = new Seats(app, input, room);
    for (const claim of input.ahead ?? []) {
      if (claim.appId === app.id) seats.promise(claim.device, claim.tokenId);
    }
    const eligible: Applicant[] = [];
    for (const device of input.devices) {
      const pair = `${app.id}:${device.id}`;
      if (input.only && !input.only.has(pair)) continue;
      const error =
        refuse(app, device, seats.pools(input.tokenId), held.get(pair), input.trials) ?? waits(app, waiting.get(pair));
      if (error) result.refusals.push({ appId: app.id, device, error });
      else eligible.push(device);
    }
    const open = seats.open(input.tokenId);
    for (const device of eligible) {
      note(result, app, device, seats.take(device, input.tokenId, eligible.length, open));
    }
  }
  return result;
}

/** The pools without the seats that those who wait can have: what is left for whoever is decided on in another way. */
export function setAside(
  apps: readonly WantedApp[],
  world: Omit<AllocationWorld, 'holdings'>,
  ahead: readonly Claim[],
): Candidate[] {
  const room = new QuotaRoom(world.quotas ?? []);
  return apps.flatMap((app) => {
    const seats = new Seats(app, world, room);
    for (const claim of ahead) if (claim.appId === app.id) seats.promise(claim.device, claim.tokenId);
    const own = world.candidates.filter((candidate) => candidate.appId === app.id);
    return own.map((pool) => (pool.gone ? pool : { ...pool, free: seats.leftOf(pool.poolId) }));
  });
}

/** Serves those who wait for one app, in their order: who can't be served keeps nobody behind from being served. */
export function allocateQueue(app: WantedApp, claims: readonly Claim[], world: AllocationWorld): Allocation {
  const held = holdingsByPair(world.holdings);
  const seats = new Seats(app, world, new QuotaRoom(world.quotas ?? []));
  const result: Allocation = { grants: [], refusals: [] };
  for (const { device, tokenId } of claims) {
    const error = refuse(app, device, seats.pools(tokenId), held.get(`${app.id}:${device.id}`), world.trials);
    note(result, app, device, error ?? seats.take(device, tokenId));
  }
  return result;
}

function note(result: Allocation, app: WantedApp, device: Applicant, found: Grant | DomainError): void {
  if ('candidate' in found) result.grants.push(found);
  else result.refusals.push({ appId: app.id, device, error: found });
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

const waits = (app: WantedApp, taskId: bigint | undefined): DomainError | null =>
  taskId === undefined ? null : new AlreadyWaitingError(app.name, taskId);

/** Why this device can't have the app, whatever seats there are. */
function refuse(
  app: WantedApp,
  device: Applicant,
  pools: readonly Candidate[],
  holding: Holding | undefined,
  trials: Trials = noTrials,
): DomainError | null {
  if (holding) {
    return holding.revoking ? new RevokeInProgressError(app.name) : new AlreadyLicensedError(app.name, holding.tokenId);
  }
  if (app.status && app.status !== 'RELEASE' && !trials.has(trialKey(app.status, device.id))) {
    return new AppNotReleasedError(app.name, app.status, `device ${device.serialNumber}`);
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
