/** What an explanation is taken from: plain values, read at one moment. @module */
import type { AvailabilityRow } from '../update/availability.ts';

/** The last thing that went wrong with an operation. */
interface OperationWords {
  code?: string;
  message?: string;
  domain?: string;
  number?: number;
  waits?: string;
}

/** One app and one device. */
export interface ExplainFacts {
  now: Date;
  osVersion: string | null;
  family: string;
  /** What the storefront says for the device's platform; null where nothing is known. */
  store: { storefront: string; minimumOsVersion: string | null; fitsSystem: boolean; fitsFamily: boolean } | null;
  /** The tokens' storefronts do not have the app, and another country's has it. */
  elsewhere: string | null;
  /** The newest license. */
  license: { state: string; startedAt: Date; endedAt: Date | null; endReason: string | null } | null;
  /** What a request would be refused for now. */
  refusal: { code: string; message: string; evidence: Record<string, unknown> } | null;
  wait: { position: number; since: Date; reason: string; message: string; expiresAt: Date } | null;
  deployment: { mode: string; refusal: { code: string; message: string; retryAt: Date } | null } | null;
  enrollment: { state: string; lastSeenAt: Date | null; listedAt: Date | null; goneAt: Date | null } | null;
  installed: { installing: boolean; managedStatus: string | null; shortVersion: string | null } | null;
  availability: AvailabilityRow | null;
  /** Russet's own removal, when nothing was begun with the app since; what was before it says nothing any more. */
  removal: { endedAt: Date; taskKind: string } | null;
  /** A removal that is under way. */
  removing: {
    state: string;
    taskKind: string;
    attempts: number;
    since: Date;
    dueAt: Date | null;
    cause: OperationWords | null;
  } | null;
  /** The newest install or update. */
  operation: {
    state: string;
    attempts: number;
    changedAt: Date;
    dueAt: Date | null;
    endedAt: Date | null;
    cause: OperationWords | null;
    /** It took the license for itself, and gave it back when it came to nothing. */
    gaveBack: boolean;
  } | null;
  /** The newest command that concerns the app. */
  command: {
    state: string;
    notNows: number;
    notNowAt: Date | null;
    sentAt: Date | null;
    endedAt: Date | null;
    answer: { rejectionReason?: string | null; errors?: { domain: string; number: number; message: string }[] } | null;
  } | null;
}
