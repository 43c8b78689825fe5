import fc from 'fast-check';
import { expect, test } from 'vitest';
import { climb, type Step, type Told, type Watched } from '../../../src/domain/token/ladder.ts';

const day = 86_400_000;
const rungs = [60, 30, 15, 7, 1];
const start = new Date('2026-11-24T08:00:00Z');
const after = (days: number) => new Date(start.getTime() + days * day);
const untold: Told = { cycle: 1, condition: 'OK', rung: null };
const token = (days: number, more: Partial<Watched> = {}): Watched => ({
  condition: 'OK',
  expiresAt: after(days),
  cycle: 1,
  told: untold,
  ...more,
});
const words = ({ notices }: Step) => notices.map(({ kind, rung }) => (rung === null ? kind : `${kind} ${rung}`));

/** What is told when somebody looks at these days, and whenever the guardian asked to be woken before. */
function live(watched: Watched, days: readonly number[], until: number): string[] {
  const told: string[] = [];
  let { told: memory } = watched;
  const looks = [...days].sort((a, b) => a - b).map((at) => after(at).getTime());
  let wake: number | null = start.getTime();
  while (wake !== null || looks.length > 0) {
    const next = Math.min(wake ?? Number.POSITIVE_INFINITY, looks[0] ?? Number.POSITIVE_INFINITY);
    if (next > after(until).getTime()) break;
    if (looks[0] === next) looks.shift();
    const step = climb({ ...watched, told: memory }, new Date(next), rungs);
    told.push(...words(step));
    memory = step.told;
    if (step.next !== null) expect(step.next.getTime()).toBeGreaterThan(next);
    wake = step.next?.getTime() ?? null;
  }
  return told;
}

test('F7 a year tells each rung once and then the expiry, however often somebody looks', () => {
  const all = [...rungs.map((rung) => `EXPIRING ${rung}`), 'EXPIRED'];
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { maxLength: 60 }), (looks) => {
      expect(live(token(365), looks, 400)).toEqual(all);
    }),
  );
});

test.each([
  [61, []],
  [60, ['EXPIRING 60']],
  [59.9, ['EXPIRING 60']],
  [30, ['EXPIRING 30']],
  [5, ['EXPIRING 7']],
  [0.5, ['EXPIRING 1']],
  [0, ['EXPIRED']],
  [-3, ['EXPIRED']],
])('F7 with %d days left at first sight only the nearest rung is told', (days, told) => {
  expect(words(climb(token(days), start, rungs))).toEqual(told);
});

test('F7 a renewal begins the ladder anew: out of it that is told as OK, and inside of it by the nearest rung', () => {
  const told: Told = { cycle: 1, condition: 'OK', rung: 7 };
  expect(words(climb(token(340, { cycle: 2, told }), start, rungs))).toEqual(['OK']);
  expect(words(climb(token(20, { cycle: 2, told }), start, rungs))).toEqual(['EXPIRING 30']);
  expect(words(climb(token(340, { cycle: 2 }), start, rungs))).toEqual([]);
  const expired: Told = { cycle: 1, condition: 'EXPIRED', rung: 1 };
  expect(words(climb(token(340, { cycle: 2, told: expired }), start, rungs))).toEqual(['OK']);
});

test('F7 an expiry that Apple moves a little tells no rung twice and none above it', () => {
  const told: Told = { cycle: 1, condition: 'OK', rung: 7 };
  expect(words(climb(token(7.5, { told }), start, rungs))).toEqual([]);
  expect(words(climb(token(0.9, { told }), start, rungs))).toEqual(['EXPIRING 1']);
});

test.each(['REVOKED', 'INVALID', 'READ_ONLY', 'TAKEN_OVER'] as const)(
  'F7 %s is told once, and so is the way back',
  (condition) => {
    const bad = climb(token(200, { condition }), start, rungs);
    expect(words(bad)).toEqual([condition]);
    expect(words(climb(token(200, { condition, told: bad.told }), start, rungs))).toEqual([]);
    expect(words(climb(token(200, { told: bad.told }), start, rungs))).toEqual(['OK']);
  },
);

test('F7 a token that needs another file anyway is not told to be expiring', () => {
  const told: Told = { cycle: 1, condition: 'REVOKED', rung: 30 };
  expect(words(climb(token(5, { condition: 'REVOKED', told }), start, rungs))).toEqual([]);
  expect(
    words(climb(token(5, { condition: 'TAKEN_OVER', told: { ...told, condition: 'TAKEN_OVER' } }), start, rungs)),
  ).toEqual(['EXPIRING 7']);
});
