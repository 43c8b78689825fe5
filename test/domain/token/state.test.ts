import { expect, test } from 'vitest';
import { daysLeft, isReadable, isUsable, type TokenFacts, tokenState } from '../../../src/domain/token/state.ts';

const now = new Date('2026-11-24T08:00:00Z');
const after = (days: number) => new Date(now.getTime() + days * 86_400_000);
const good: TokenFacts = { email: 'it@example.org', condition: 'OK', expiresAt: after(300), removedAt: null };
const stateOf = (facts: Partial<TokenFacts>) => tokenState({ ...good, ...facts }, now, { expiringDays: 30 });

test('S14 S15 S16 the state is the worst of what holds, by a fixed order', () => {
  const everything = {
    removedAt: now,
    email: null,
    condition: 'INVALID' as const,
    expiresAt: after(-1),
  };
  expect(stateOf(everything)).toBe('REMOVED');
  expect(stateOf({ ...everything, removedAt: null })).toBe('INCOMPLETE');
  for (const condition of ['INVALID', 'REVOKED', 'TAKEN_OVER'] as const) {
    expect(stateOf({ condition, expiresAt: after(-1) })).toBe(condition);
  }
  expect(stateOf({ condition: 'READ_ONLY', expiresAt: after(-1) })).toBe('EXPIRED');
  expect(stateOf({ condition: 'READ_ONLY' })).toBe('READ_ONLY');
  expect(stateOf({ expiresAt: after(29) })).toBe('EXPIRING');
  expect(stateOf({})).toBe('ACTIVE');
});

test('S16 a token expires in the moment of its date, not before', () => {
  expect(stateOf({ expiresAt: new Date(now.getTime() + 1) })).toBe('EXPIRING');
  expect(stateOf({ expiresAt: now })).toBe('EXPIRED');
  expect(stateOf({ expiresAt: new Date(after(30).getTime() + 1) })).toBe('ACTIVE');
  expect(stateOf({ expiresAt: after(30) })).toBe('EXPIRING');
});

test('S15 days left are whole days, negative after the date', () => {
  expect([after(1.9), after(0.1), after(0), after(-0.1)].map((at) => daysLeft(at, now))).toEqual([1, 0, 0, -1]);
});

test('F7 only ACTIVE and EXPIRING tokens write; READ_ONLY ones read', () => {
  const states = [
    'ACTIVE',
    'EXPIRING',
    'READ_ONLY',
    'EXPIRED',
    'TAKEN_OVER',
    'REVOKED',
    'INVALID',
    'INCOMPLETE',
    'REMOVED',
  ] as const;
  expect(states.filter(isUsable)).toEqual(['ACTIVE', 'EXPIRING']);
  expect(states.filter(isReadable)).toEqual(['ACTIVE', 'EXPIRING', 'READ_ONLY']);
});
