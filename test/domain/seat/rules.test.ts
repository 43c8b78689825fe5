import { expect, test } from 'vitest';
import { before, rules, type SeatRule, type SeatTransition } from '../../../src/domain/seat/rules.ts';

const kinds = Object.entries<SeatRule>(rules) as [SeatTransition, SeatRule][];
const holds = (state: string) =>
  Number(['CONFIRMED', 'REMOVAL_DEFERRED', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING'].includes(state));
const waits = (state: string) => Number(['REQUESTED', 'PENDING_AT_APPLE'].includes(state));
const isLive = (state: string) => holds(state) + waits(state) > 0;
const targets = ({ to }: SeatRule): readonly string[] => (to === 'BEFORE' ? before : [to]);

test.each(kinds)('F9 F13 %s moves what its states say: held, reserved, over', (_kind, rule) => {
  for (const from of rule.from)
    for (const to of targets(rule)) {
      expect([rule.held, rule.reserved]).toEqual([holds(to) - holds(from), waits(to) - waits(from)]);
      expect(rule.ends).toBe(!isLive(to));
    }
});

test('F9 a seat that has ended never moves again, and every live one can end, with its token too', () => {
  const states = new Set(kinds.flatMap(([, rule]) => [...rule.from, ...targets(rule)]));
  for (const state of states) {
    const ways = kinds.filter(([, { from }]) => (from as readonly string[]).includes(state));
    if (!isLive(state)) expect([state, ways]).toEqual([state, []]);
    else expect([state, ways.filter(([, { to }]) => to === 'TOKEN_REMOVED').length]).toEqual([state, 1]);
  }
});

test('F9 what was sent can be done, sent again or given up, whichever of the two was wished', () => {
  const ways = (state: string) =>
    kinds.filter(([, { from }]) => (from as readonly string[]).includes(state)).map(([kind]) => kind);
  expect(ways('PENDING_AT_APPLE')).toEqual(expect.arrayContaining(['CONFIRM', 'RESEND', 'FAIL']));
  expect(ways('REMOVAL_PENDING')).toEqual(expect.arrayContaining(['REMOVE', 'DEFER', 'RESEND_REMOVAL', 'KEEP']));
});
