import { expect, test } from 'vitest';
import { appleErrors, meaningOf } from '../../src/apple/errors.ts';

test('S69 each number of Apple has one kind', () => {
  const kinds: Record<string, number[]> = {
    TOKEN_EXPIRED: [9621],
    TOKEN_REVOKED: [9625],
    TOKEN_INVALID: [9601, 9622, 9722],
    TOKEN_READ_ONLY: [9637, 9645, 9647],
    RATE_LIMITED: [9646],
    UNAVAILABLE: [9603, 9644, 9729],
    LIMIT_EXCEEDED: [9700, 9701, 9702],
    SWEEP_LOST: [9650, 9721],
    EVENT_UNKNOWN: [9708],
    REJECTED: [9602, 9609, 9703, 9706, 9707, 9709, 9718, 9719, 9728, 9616, 9619],
  };
  for (const [kind, numbers] of Object.entries(kinds)) {
    for (const number of numbers) expect([number, appleErrors.get(number)?.kind]).toEqual([number, kind]);
  }
});

test('S69 every number of both versions is known', () => {
  const missing = [...range(9600, 9650), ...range(9700, 9729), ...range(9811, 9818)].filter(
    (one) => !appleErrors.has(one),
  );
  expect(missing).toEqual([9648]);
});

test('S69 a number decides before the HTTP status, and the status where there is none', () => {
  expect(meaningOf(9709, 500).kind).toBe('REJECTED');
  expect(meaningOf(9999, 503).kind).toBe('UNAVAILABLE');
  expect([401, 403, 404, 429, 500].map((status) => meaningOf(undefined, status).kind)).toEqual([
    'TOKEN_INVALID',
    'TOKEN_READ_ONLY',
    'REJECTED',
    'RATE_LIMITED',
    'UNAVAILABLE',
  ]);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
