/**
 * How an enrollment stands, from what was told of it in any order and any number of times: each kind of news counts by
 * when the newest of it happened, and the state follows from these moments alone.
 * @module
 */
import type { EnrollmentState, EnrollmentType } from '../../generated/prisma/enums.ts';
import type { DeviceFacts, DeviceNews } from '../mdm-ports.ts';

/** The newest moment of each kind, in milliseconds; null when it was never told. */
export interface Moments {
  /** Enrollment began. */
  authenticatedAt: number | null;
  /** The first time that it could be reached since it enrolled. */
  enrolledAt: number | null;
  reachableAt: number | null;
  checkedOutAt: number | null;
  /** Any other sign of life. */
  seenAt: number | null;
  /** It told what it is. */
  informedAt: number | null;
}

/** What is known of one enrollment. */
export interface Known extends Moments {
  type: EnrollmentType;
  facts: DeviceFacts;
  /** When the newest word of each fact was told. */
  toldAt: FactTimes;
}

/** Milliseconds by fact. */
export type FactTimes = { [Fact in keyof DeviceFacts]?: number };

/** One message and when it happened. */
export interface DatedNews {
  at: number;
  news: DeviceNews;
}

/** Nothing yet. */
export const unknown = (type: EnrollmentType): Known => ({
  type,
  authenticatedAt: null,
  enrolledAt: null,
  reachableAt: null,
  checkedOutAt: null,
  seenAt: null,
  informedAt: null,
  facts: {},
  toldAt: {},
});

const later = (a: number | null, b: number) => (a === null ? b : Math.max(a, b));

/** What is known with these messages too; their order does not matter. */
export function fold(known: Known, told: readonly DatedNews[]): Known {
  const sorted = [...told].sort((a, b) => a.at - b.at);
  return sorted.reduce((before, one) => withFacts(withMoment(before, one), one), known);
}

function withMoment(known: Known, { at, news }: DatedNews): Known {
  switch (news.kind) {
    case 'AUTHENTICATED':
      return { ...known, authenticatedAt: later(known.authenticatedAt, at) };
    case 'CHECKED_OUT':
      return { ...known, checkedOutAt: later(known.checkedOutAt, at) };
    case 'REACHABLE': {
      const enrolledAt = news.fresh ? later(known.enrolledAt, at) : known.enrolledAt;
      return { ...known, enrolledAt, reachableAt: later(known.reachableAt, at) };
    }
    case 'DELIVERED':
    case 'REFUSED':
      // Said by whoever carries commands, not by the device.
      return known;
    default:
      return { ...known, seenAt: later(known.seenAt, at) };
  }
}

/** What news tell of the device itself; null when nothing. */
export function factsOf(news: DeviceNews): DeviceFacts | null {
  if (news.kind === 'AUTHENTICATED') return news.facts;
  if (news.kind === 'INVENTORY') return news.facts;
  if (news.kind === 'ANSWERED') return news.result.facts ?? null;
  if (news.kind === 'REACHABLE' && news.awaitingConfiguration !== null)
    return { awaitingConfiguration: news.awaitingConfiguration };
  return null;
}

/** Of each fact the newest word counts. */
function withFacts(known: Known, { at, news }: DatedNews): Known {
  const facts = factsOf(news);
  if (!facts) return known;
  const newer = Object.entries(facts).filter(
    ([fact, value]) =>
      value !== undefined && value !== null && at >= (known.toldAt[fact as keyof DeviceFacts] ?? -Infinity),
  );
  return {
    ...known,
    informedAt: later(known.informedAt, at),
    facts: { ...known.facts, ...Object.fromEntries(newer) },
    toldAt: { ...known.toldAt, ...Object.fromEntries(newer.map(([fact]) => [fact, at])) },
  };
}

/** The newest sign of life. */
export function aliveAt({ authenticatedAt, reachableAt, seenAt }: Moments): number | null {
  const moments = [authenticatedAt, reachableAt, seenAt].filter((moment) => moment !== null);
  return moments.length === 0 ? null : Math.max(...moments);
}

/** Where it stands. Whatever came after a goodbye takes it back, for a goodbye is told once and a return may be missed. */
export function stateOf(known: Moments): EnrollmentState {
  const alive = aliveAt(known);
  if (known.checkedOutAt !== null && (alive === null || known.checkedOutAt >= alive)) return 'GONE';
  const reached = Math.max(known.reachableAt ?? -Infinity, known.seenAt ?? -Infinity);
  return known.authenticatedAt !== null && known.authenticatedAt > reached ? 'ENROLLING' : 'ENROLLED';
}

/** What was given to the device up to this moment is gone: it has enrolled since. Null when it never began anew. */
export function queueLostAt({ authenticatedAt, enrolledAt }: Moments): number | null {
  if (authenticatedAt === null) return enrolledAt;
  return later(enrolledAt, authenticatedAt);
}
