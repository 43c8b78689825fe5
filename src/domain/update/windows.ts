/**
 * Weekly windows in any time zone (pure). A window fires once a week. Where clocks go forward over its start, it opens at the
 * first moment after the gap; where they go back, it opens the first time. What local times mean is Temporal's affair.
 * @module
 */
import { Temporal } from 'temporal-polyfill';

/** Days as ISO counts them: Monday is the first. */
export const days = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;

/** A day of the week. */
export type Day = (typeof days)[number];

/** One window of every week. */
export interface UpdateWindow {
  day: Day;
  /** Local time `HH:MM`. */
  startsAt: string;
  /** Local time `HH:MM` at which it stops for good; on the next day when it is not after `startsAt`. */
  endsAt: string | null;
}

/** One opening of a window. */
export interface Opening {
  /** Which of the windows, from 0. */
  window: number;
  opensAt: Date;
  /** The first moment at which nothing more may begin. */
  closesAt: Date;
  /** Whether it is a hard stop, or only how long a run may go on. */
  hardStop: boolean;
}

/** How long a run of a window without an end goes on at most, in milliseconds. */
export const longestRun = 86_400_000;

type Start = Omit<Opening, 'closesAt' | 'hardStop'> & { date: Temporal.PlainDate };

/** Every opening whose first moment is in [from, to), in order. */
export function openingsBetween(windows: readonly UpdateWindow[], zone: string, from: Date, to: Date): Opening[] {
  return startsBetween(windows, zone, from, to).map((start) => withEnd(windows, zone, start));
}

/** The first opening after a moment; null without windows. */
export function nextOpening(windows: readonly UpdateWindow[], zone: string, after: Date): Opening | null {
  const start = nextStart(windows, zone, after);
  return start && withEnd(windows, zone, start);
}

/** The opening in which a moment lies, the youngest of several; null between openings. */
export function openAt(windows: readonly UpdateWindow[], zone: string, at: Date): Opening | null {
  const before = openingsBetween(windows, zone, plus(at, -2 * longestRun), plus(at, 1));
  return before.reverse().find((opening) => opening.closesAt > at) ?? null;
}

function startsBetween(windows: readonly UpdateWindow[], zone: string, from: Date, to: Date): Start[] {
  // A day more on both sides: a zone may lie up to a day from UTC, and leave out a whole one.
  const first = localDate(zone, plus(from, -2 * longestRun));
  const last = localDate(zone, plus(to, longestRun));
  const starts: Start[] = [];
  for (const [window, { day, startsAt }] of windows.entries()) {
    const wait = (days.indexOf(day) + 1 - first.dayOfWeek + 7) % 7;
    for (
      let date = first.add({ days: wait });
      Temporal.PlainDate.compare(date, last) <= 0;
      date = date.add({ days: 7 })
    ) {
      const opensAt = momentOf(zone, date, startsAt);
      if (opensAt >= from && opensAt < to) starts.push({ window, opensAt, date });
    }
  }
  return starts.sort((a, b) => a.opensAt.getTime() - b.opensAt.getTime() || a.window - b.window);
}

function nextStart(windows: readonly UpdateWindow[], zone: string, after: Date): Start | null {
  // More than a week: a day that a zone leaves out may hold a start back.
  return startsBetween(windows, zone, plus(after, 1), plus(after, 10 * longestRun))[0] ?? null;
}

function withEnd(windows: readonly UpdateWindow[], zone: string, start: Start): Opening {
  const { date, ...opening } = start;
  const { startsAt, endsAt } = windows[start.window]!;
  if (endsAt === null) {
    const next = nextStart(windows, zone, start.opensAt);
    const longest = plus(start.opensAt, longestRun);
    return { ...opening, closesAt: next && next.opensAt < longest ? next.opensAt : longest, hardStop: false };
  }
  const closesAt = momentOf(zone, endsAt > startsAt ? date : date.add({ days: 1 }), endsAt);
  // One that lies in a gap as a whole keeps its length behind it.
  return {
    ...opening,
    closesAt: closesAt > start.opensAt ? closesAt : plus(start.opensAt, lengthOf(startsAt, endsAt)),
    hardStop: true,
  };
}

/** Milliseconds from one local time to the next of another, on a day as any other. */
export function lengthOf(startsAt: string, endsAt: string): number {
  const minutes = minutesOf(endsAt) - minutesOf(startsAt);
  return (minutes > 0 ? minutes : minutes + 1_440) * 60_000;
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return hours! * 60 + minutes!;
}

/** When a local time comes: the first time of two, and the first moment after a gap for one that never comes. */
function momentOf(zone: string, date: Temporal.PlainDate, time: string): Date {
  const local = date.toPlainDateTime(Temporal.PlainTime.from(time));
  const found = local.toZonedDateTime(zone, { disambiguation: 'earlier' });
  if (found.toPlainDateTime().equals(local)) return new Date(found.epochMilliseconds);
  return new Date(found.getTimeZoneTransition('next')!.epochMilliseconds);
}

function localDate(zone: string, at: Date): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone).toPlainDate();
}

function plus(at: Date, milliseconds: number): Date {
  return new Date(at.getTime() + milliseconds);
}
