import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  days,
  lengthOf,
  longestRun,
  nextOpening,
  openAt,
  openingsBetween,
  type UpdateWindow,
} from '../../../src/domain/update/windows.ts';

const at = (text: string) => new Date(text);
const one = (day: UpdateWindow['day'], startsAt: string, endsAt: string | null = null): UpdateWindow[] => [
  { day, startsAt, endsAt },
];
const iso = (date: Date | undefined) => date?.toISOString();
const first = (windows: UpdateWindow[], zone: string, after: string) => nextOpening(windows, zone, at(after))!;

describe('S54 S55 F10 nights on which clocks change', () => {
  test.each([
    [
      'gap: opens at the first moment after it',
      'Europe/Zurich',
      'SUNDAY',
      '02:30',
      '04:00',
      '2026-03-28T12:00:00Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T02:00:00.000Z',
    ],
    [
      'gap: an end in it is its end',
      'Europe/Zurich',
      'SUNDAY',
      '01:00',
      '02:30',
      '2026-03-28T12:00:00Z',
      '2026-03-29T00:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
    ],
    [
      'gap: one that lies in it keeps its length',
      'Europe/Zurich',
      'SUNDAY',
      '02:15',
      '02:45',
      '2026-03-28T12:00:00Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:30:00.000Z',
    ],
    [
      'overlap: opens the first time',
      'Europe/Zurich',
      'SUNDAY',
      '02:30',
      '04:00',
      '2026-10-24T12:00:00Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T03:00:00.000Z',
    ],
    [
      'overlap: ends the first time',
      'Europe/Zurich',
      'SUNDAY',
      '01:00',
      '02:30',
      '2026-10-24T12:00:00Z',
      '2026-10-24T23:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
    ],
    [
      'half an hour',
      'Australia/Lord_Howe',
      'SUNDAY',
      '02:15',
      '05:00',
      '2026-10-03T00:00:00Z',
      '2026-10-03T15:30:00.000Z',
      '2026-10-03T18:00:00.000Z',
    ],
    [
      'a gap at midnight',
      'Africa/Cairo',
      'FRIDAY',
      '00:10',
      '01:30',
      '2026-04-23T00:00:00Z',
      '2026-04-23T22:00:00.000Z',
      '2026-04-23T22:30:00.000Z',
    ],
    [
      'a day that a zone left out',
      'Pacific/Apia',
      'FRIDAY',
      '20:00',
      '23:00',
      '2011-12-29T12:00:00Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-30T13:00:00.000Z',
    ],
    [
      'across midnight',
      'America/New_York',
      'SATURDAY',
      '22:00',
      '06:00',
      '2026-11-24T08:00:00Z',
      '2026-11-29T03:00:00.000Z',
      '2026-11-29T11:00:00.000Z',
    ],
    [
      'across midnight and a change',
      'America/New_York',
      'SATURDAY',
      '22:00',
      '06:00',
      '2026-10-31T08:00:00Z',
      '2026-11-01T02:00:00.000Z',
      '2026-11-01T11:00:00.000Z',
    ],
  ] as const)('%s', (_what, zone, day, startsAt, endsAt, after, opens, closes) => {
    const opening = first(one(day, startsAt, endsAt), zone, after);
    expect([iso(opening.opensAt), iso(opening.closesAt), opening.hardStop]).toEqual([opens, closes, true]);
  });
});

describe('S56 a window without an end', () => {
  test('S56 a run goes on for a day at most', () => {
    const opening = first(one('MONDAY', '22:00'), 'UTC', '2026-11-24T08:00:00Z');
    expect(opening).toEqual({
      window: 0,
      opensAt: at('2026-11-30T22:00:00Z'),
      closesAt: at('2026-12-01T22:00:00Z'),
      hardStop: false,
    });
  });
  test('S56 and not past the next start', () => {
    const opening = first(
      [...one('MONDAY', '22:00'), ...one('TUESDAY', '03:00', '04:00')],
      'UTC',
      '2026-11-29T08:00:00Z',
    );
    expect(iso(opening.closesAt)).toBe('2026-12-01T03:00:00.000Z');
  });
  test('S56 S57 without windows it never opens', () => {
    expect(nextOpening([], 'UTC', at('2026-11-24T08:00:00Z'))).toBeNull();
    expect(openAt([], 'UTC', at('2026-11-24T08:00:00Z'))).toBeNull();
  });
});

const zones = [
  'UTC', 'Europe/Zurich', 'Europe/Dublin', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo', 'America/Santiago', 'America/Havana',
  'Africa/Casablanca', 'Africa/Cairo', 'Asia/Tehran', 'Asia/Gaza', 'Asia/Kathmandu', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Australia/Sydney',
  'Pacific/Apia', 'Pacific/Chatham', 'Pacific/Kiritimati', 'Pacific/Auckland', 'Antarctica/Troll', 'Atlantic/Azores', 'Asia/Pyongyang', 'America/Caracas',
]; // biome-ignore format: a list

const time = fc.integer({ min: 0, max: 95 }).map((quarter) => {
  const text = (value: number) => String(value).padStart(2, '0');
  return `${text(Math.floor(quarter / 4))}:${text((quarter % 4) * 15)}`;
});
const window = fc.record({ day: fc.constantFrom(...days), startsAt: time, endsAt: fc.option(time, { nil: null }) });
const windows = fc.uniqueArray(window, { minLength: 1, maxLength: 4, selector: ({ day, startsAt }) => day + startsAt });
// From 2008 to 2030: Apia left a day out, Venezuela and Korea moved by half an hour, Egypt and Brazil changed their minds.
const moment = fc.integer({ min: 1_199_145_600, max: 1_893_456_000 }).map((second) => new Date(second * 1_000));
const given = { zone: fc.constantFrom(...zones), windows, from: moment };

const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall clock at a moment, as if it showed UTC; by Intl, another road than Temporal's. */
function wallOf(zone: string, date: Date): Date {
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  formats.set(zone, format);
  return new Date(`${format.format(date).replace(' ', 'T')}Z`);
}

/** Minutes since Monday 00:00 of the wall clock. */
const weekMinute = (wall: Date) =>
  ((wall.getUTCDay() + 6) % 7) * 1_440 + wall.getUTCHours() * 60 + wall.getUTCMinutes();
const minuteOf = (startsAt: string) => lengthOf('00:00', startsAt === '00:00' ? '24:00' : startsAt) / 60_000;

/** Whether the wall clock jumps over a minute of the week right before a moment. */
function behindGap(zone: string, date: Date, minute: number): boolean {
  const before = wallOf(zone, new Date(date.getTime() - 1_000));
  const jumped = (wallOf(zone, date).getTime() - before.getTime() - 1_000) / 60_000;
  const over = (minute - weekMinute(before) + 10_080) % 10_080;
  return jumped > 0 && over > 0 && over <= jumped;
}

describe('properties', () => {
  const runs = { numRuns: 300 };
  test('S54 F10 each window fires exactly once a week, at its own time or right behind a gap', () => {
    fc.assert(
      fc.property(fc.record(given), ({ zone, windows, from }) => {
        const weeks = 3;
        const openings = openingsBetween(windows, zone, from, new Date(from.getTime() + weeks * 7 * longestRun));
        for (const [index, { day, startsAt }] of windows.entries()) {
          const own = openings.filter((opening) => opening.window === index);
          // Weeks of 167 or 169 hours, and the 144 of the week that lost a day, may put one on either side of the edge.
          expect(own.length).toBeGreaterThanOrEqual(weeks - 1);
          expect(own.length).toBeLessThanOrEqual(weeks + 1);
          for (const [n, { opensAt }] of own.entries()) {
            const minute = days.indexOf(day) * 1_440 + (minuteOf(startsAt) % 1_440);
            const onTime = weekMinute(wallOf(zone, opensAt)) === minute;
            if (!onTime) expect(behindGap(zone, opensAt, minute)).toBe(true);
            if (n > 0) {
              const apart = opensAt.getTime() - own[n - 1]!.opensAt.getTime();
              expect(apart).toBeGreaterThan(5 * longestRun);
              expect(apart).toBeLessThan(8 * longestRun);
            }
          }
        }
      }),
      runs,
    );
  });

  test('S55 the answer is the same whichever way one looks: by list, by the next one, or by a moment', () => {
    fc.assert(
      fc.property(fc.record(given), ({ zone, windows, from }) => {
        const to = new Date(from.getTime() + 10 * longestRun);
        const listed = openingsBetween(windows, zone, from, to);
        const walked = [];
        for (let after = new Date(from.getTime() - 1); ; ) {
          const next = nextOpening(windows, zone, after)!;
          if (next.opensAt >= to) break;
          walked.push(next.opensAt.getTime());
          after = next.opensAt;
        }
        expect([...new Set(listed.map(({ opensAt }) => opensAt.getTime()))]).toEqual(walked);
        for (const { opensAt, closesAt } of listed) {
          expect(openAt(windows, zone, opensAt)!.opensAt).toEqual(opensAt);
          expect(openAt(windows, zone, new Date(closesAt.getTime() - 1))).not.toBeNull();
          expect(openAt(windows, zone, closesAt)?.opensAt).not.toEqual(opensAt);
        }
      }),
      runs,
    );
  });

  test('S55 S56 never outside: closed before its start and from its end on; without an end at most a day and not past the next start', () => {
    fc.assert(
      fc.property(
        fc.record({ ...given, hours: fc.integer({ min: 0, max: 240 }) }),
        ({ zone, windows, from, hours }) => {
          const moment = new Date(from.getTime() + hours * 3_600_000);
          const open = openAt(windows, zone, moment);
          if (!open) return;
          expect(open.opensAt <= moment && moment < open.closesAt).toBe(true);
          const { startsAt, endsAt } = windows[open.window]!;
          const length = open.closesAt.getTime() - open.opensAt.getTime();
          if (endsAt === null) {
            expect(length).toBeLessThanOrEqual(longestRun);
            const next = nextOpening(windows, zone, open.opensAt)!;
            expect(next.opensAt >= open.closesAt).toBe(true);
          } else {
            // A change within it makes it longer or shorter by what the clocks move.
            const apart = Math.abs(length - lengthOf(startsAt, endsAt));
            expect(apart).toBeLessThanOrEqual(2 * 3_600_000);
          }
        },
      ),
      runs,
    );
  });
});
