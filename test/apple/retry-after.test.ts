import { expect, test } from 'vitest';
import { maxRetryAfter, parseRetryAfter } from '../../src/apple/retry-after.ts';

const now = new Date('2026-11-24T12:00:00Z');

test.each([
  ['0', 0],
  [' 5 ', 5000],
  ['99999999999999999999', maxRetryAfter],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
  ['Tuesday, 24-Nov-26 12:00:30 GMT', 30_000],
  ['Tue Nov 24 12:00:30 2026', 30_000],
  ['Tue, 24 Nov 2026 11:59:00 GMT', 0],
  ['Fri, 24 Nov 2056 12:00:00 GMT', maxRetryAfter],
])('Retry-After %s', (header, wait) => {
  expect(parseRetryAfter(header, now)).toBe(wait);
});

test.each([null, '', 'soon', '-5', '1.5', 'Tue, 99 Nov 2026', '2026-11-24T12:00:30Z'])(
  'no Retry-After: %s',
  (header) => {
    expect(parseRetryAfter(header, now)).toBeUndefined();
  },
);
