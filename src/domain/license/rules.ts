/**
 * Which state of a license may follow which, and what each step moves in its pool. Data only: the database applies it in
 * `transition.ts`, and a test walks through it a hundred thousand times.
 * @module
 */
import type { LicenseState } from '../../generated/prisma/enums.ts';

/** One step of a license. */
export interface Rule {
  from: readonly LicenseState[];
  to: LicenseState;
  /** What it adds to the pool's seats that are held and reserved. */
  held: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  /** The holding period is over. */
  ends: boolean;
}

const asked = ['REQUESTED', 'PENDING_AT_APPLE'] as const;
const revoking = ['REVOKE_REQUESTED', 'REVOKE_PENDING'] as const;

/** Every step there is. */
export const rules = {
  SEND: { from: ['REQUESTED'], to: 'PENDING_AT_APPLE', held: 0, reserved: 0, ends: false },
  CONFIRM: { from: asked, to: 'CONFIRMED', held: 1, reserved: -1, ends: false },
  FAIL: { from: asked, to: 'FAILED', held: 0, reserved: -1, ends: true },
  CANCEL: { from: ['REQUESTED'], to: 'FAILED', held: 0, reserved: -1, ends: true },
  RESEND: { from: ['PENDING_AT_APPLE'], to: 'REQUESTED', held: 0, reserved: 0, ends: false },
  REQUEST_REVOKE: { from: ['CONFIRMED'], to: 'REVOKE_REQUESTED', held: 0, reserved: 0, ends: false },
  SEND_REVOKE: { from: ['REVOKE_REQUESTED'], to: 'REVOKE_PENDING', held: 0, reserved: 0, ends: false },
  RESEND_REVOKE: { from: ['REVOKE_PENDING'], to: 'REVOKE_REQUESTED', held: 0, reserved: 0, ends: false },
  REVOKE: { from: revoking, to: 'REVOKED', held: -1, reserved: 0, ends: true },
  KEEP: { from: revoking, to: 'CONFIRMED', held: 0, reserved: 0, ends: false },
  GONE: { from: ['CONFIRMED'], to: 'GONE_AT_APPLE', held: -1, reserved: 0, ends: true },
  REMOVE_HELD: { from: ['CONFIRMED', ...revoking], to: 'TOKEN_REMOVED', held: -1, reserved: 0, ends: true },
  REMOVE_RESERVED: { from: asked, to: 'TOKEN_REMOVED', held: 0, reserved: -1, ends: true },
} as const satisfies Record<string, Rule>;

/** The name of a step; also the `kind` of its ledger lines. */
export type TransitionKind = keyof typeof rules;

/** How a license comes to be: asked for, met in a library's first sync, or met later. */
export const births = {
  REQUEST: { to: 'REQUESTED', held: 0, reserved: 1 },
  OPENING: { to: 'CONFIRMED', held: 1, reserved: 0 },
  FOUND: { to: 'CONFIRMED', held: 1, reserved: 0 },
} as const satisfies Record<string, { to: LicenseState; held: 0 | 1; reserved: 0 | 1 }>;

/** Every kind of ledger line. `ADOPT` moves nothing: a license made elsewhere counts as ours from then on. */
export type LedgerKind = TransitionKind | keyof typeof births | 'ADOPT';
