/** What an allocation is decided on and what it finds: plain values, no database. @module */

import type { AppStatus } from '../../generated/prisma/enums.ts';
import type { Trials } from '../app/gate.ts';
import type { Family } from '../device/eligibility.ts';
import type { DomainError, SkippedToken } from '../errors.ts';
import type { TokenState } from '../token/state.ts';
import type { CountedQuota, Quota } from './quota-room.ts';

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

/** Seats of an app in a token that automatic allocation leaves alone. */
export interface Reserve {
  tokenId: bigint;
  /** Null for each app that has no number of its own. */
  appId: bigint | null;
  seats: bigint;
}

/** Somebody who waits for a seat of an app. */
export interface Claim {
  appId: bigint;
  device: Applicant;
  /** Only from this token. */
  tokenId: bigint | null;
}

/** A pair that waits already, and the task that asked for it. */
export interface WaitingPair {
  appId: bigint;
  deviceId: bigint;
  taskId: bigint;
}

/** One seat for one device. */
export interface Grant {
  candidate: Candidate;
  device: Applicant;
  /** The request named the token. */
  named: boolean;
  /** It was one of the seats that are kept for requests which name the token. */
  fromReserve: boolean;
  /** The quotas that it counts for, as they stand with it. */
  quotas: readonly CountedQuota[];
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
  /** Where it stands; RELEASE when absent. */
  status?: AppStatus;
}

/** What the organization has, as far as a decision needs it. */
export interface AllocationWorld {
  /** All tokens of the organization. */
  tokens: readonly CandidateToken[];
  candidates: readonly Candidate[];
  holdings: readonly Holding[];
  /** None by default. */
  reserves?: readonly Reserve[];
  /** None by default. */
  quotas?: readonly Quota[];
  /** Which devices may get apps that are not released. None by default. */
  trials?: Trials;
}

/** What there is to decide on. */
export interface AllocationInput extends AllocationWorld {
  apps: readonly WantedApp[];
  devices: readonly Applicant[];
  /** Who waits and comes before this request, in order: seats that they can have are theirs. None by default. */
  ahead?: readonly Claim[];
  /** Which of the pairs wait already. None by default. */
  waiting?: readonly WaitingPair[];
  /** Take from exactly this token (S76). */
  tokenId: bigint | null;
  /** Only these pairs, as `app:device`; all of them by default. */
  only?: ReadonlySet<string>;
}
