/**
 * Which state of a seat may follow which, and what each step moves in its subscription, in the kind (renewing or expiring)
 * that the seat is of. Data only: the database applies it in `transition.ts`, and a test holds it to what the states say.
 * @module
 */
import type { SeatState } from '../../generated/prisma/enums.ts';

/** One step of a seat. */
export interface SeatRule {
  from: readonly SeatState[];
  /** `BEFORE`: as it was before somebody wanted it back, so one that was to leave at the end of the period still is. */
  to: SeatState | 'BEFORE';
  /** What it adds to the subscription's seats that are held and reserved. */
  held: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
  /** The holding period is over. */
  ends: boolean;
}

const asked = ['REQUESTED', 'PENDING_AT_APPLE'] as const;
const leaving = ['REMOVAL_REQUESTED', 'REMOVAL_PENDING'] as const;
const present = ['CONFIRMED', 'REMOVAL_DEFERRED'] as const;

/** The states that `BEFORE` stands for. */
export const before = present;

/** Every step there is. */
export const rules = {
  SEND: { from: ['REQUESTED'], to: 'PENDING_AT_APPLE', held: 0, reserved: 0, ends: false },
  CONFIRM: { from: asked, to: 'CONFIRMED', held: 1, reserved: -1, ends: false },
  FAIL: { from: asked, to: 'FAILED', held: 0, reserved: -1, ends: true },
  CANCEL: { from: ['REQUESTED'], to: 'FAILED', held: 0, reserved: -1, ends: true },
  RESEND: { from: asked, to: 'REQUESTED', held: 0, reserved: 0, ends: false },
  REQUEST_REMOVAL: { from: present, to: 'REMOVAL_REQUESTED', held: 0, reserved: 0, ends: false },
  SEND_REMOVAL: { from: ['REMOVAL_REQUESTED'], to: 'REMOVAL_PENDING', held: 0, reserved: 0, ends: false },
  RESEND_REMOVAL: { from: leaving, to: 'REMOVAL_REQUESTED', held: 0, reserved: 0, ends: false },
  DEFER: { from: leaving, to: 'REMOVAL_DEFERRED', held: 0, reserved: 0, ends: false },
  REMOVE: { from: leaving, to: 'REMOVED', held: -1, reserved: 0, ends: true },
  KEEP: { from: leaving, to: 'BEFORE', held: 0, reserved: 0, ends: false },
  /** The period ended and Apple took back what was to leave then. */
  LEAVE: { from: ['REMOVAL_DEFERRED'], to: 'REMOVED', held: -1, reserved: 0, ends: true },
  /** The period ended and the seat is still there. */
  STAY: { from: ['REMOVAL_DEFERRED'], to: 'CONFIRMED', held: 0, reserved: 0, ends: false },
  EXPIRE: { from: ['CONFIRMED'], to: 'EXPIRED', held: -1, reserved: 0, ends: true },
  GONE: { from: present, to: 'GONE_AT_APPLE', held: -1, reserved: 0, ends: true },
  REMOVE_HELD: { from: [...present, ...leaving], to: 'TOKEN_REMOVED', held: -1, reserved: 0, ends: true },
  REMOVE_RESERVED: { from: asked, to: 'TOKEN_REMOVED', held: 0, reserved: -1, ends: true },
} as const satisfies Record<string, SeatRule>;

/** The name of a step; also the `kind` of its ledger lines. REQUEST, OPENING, FOUND and TURN come from elsewhere. */
export type SeatTransition = keyof typeof rules;
