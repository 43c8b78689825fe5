/** What a merge of news made of enrollments. @module */
import type { EnrollmentState } from '../../generated/prisma/enums.ts';
import type { Known } from './fold.ts';

/** An enrollment after the merge. */
export interface Merged {
  id: bigint;
  enrollmentId: string;
  deviceId: bigint | null;
  state: EnrollmentState;
  before: EnrollmentState | null;
  /** Commands that were given to it up to then are gone; null when it did not enroll anew just now. */
  lostAt: Date | null;
  known: Known;
  /** It told something of itself, or comes back: its device is looked at. */
  tells: boolean;
}

/** What a merge brought. */
export interface MergedEnrollments {
  byName: Map<string, Merged>;
  /** Enrollments that gave way to newer ones of the same device. */
  gaveWay: bigint[];
}
