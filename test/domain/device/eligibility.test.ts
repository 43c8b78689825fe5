import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions, requiredOs, runsOn } from '../../../src/domain/device/eligibility.ts';

test('S4 versions are compared number by number, not as texts', () => {
  const ordered = ['8.4.1', '9.0', '9.0.1', '9.3.6', '10.0', '10.2', '12.5.7', '26.1'];
  for (const [at, one] of ordered.entries()) {
    for (const [other, two] of ordered.entries())
      expect(Math.sign(compareVersions(one, two)!)).toBe(Math.sign(at - other));
  }
  expect(compareVersions('9', '9.0.0')).toBe(0);
  expect(compareVersions('17.0 beta 2', '17.0')).toBe(0);
  expect(compareVersions('unknown', '9.0')).toBeNull();
});

test('S4 any two lists of numbers compare like the lists', () => {
  const version = fc.array(fc.nat(99), { minLength: 1, maxLength: 4 });
  const padded = (parts: number[]) => [...parts, 0, 0, 0, 0].slice(0, 4);
  const property = fc.property(version, version, (a, b) => {
    const at = padded(a).findIndex((part, index) => part !== padded(b)[index]);
    const expected = at < 0 ? 0 : Math.sign(padded(a)[at]! - padded(b)[at]!);
    expect(Math.sign(compareVersions(a.join('.'), b.join('.'))!)).toBe(expected);
  });
  fc.assert(property, { numRuns: 500 });
});

test('S4 the oldest system by family; an unknown one is allowed', () => {
  const old = (family: Parameters<typeof requiredOs>[0]['family'], osVersion: string | null) =>
    requiredOs({ family, osVersion });
  expect(old('IPAD', '8.4.1')).toBe('9.0');
  expect(old('IPHONE', '9.0')).toBeNull();
  expect(old('IPAD', '10.0')).toBeNull();
  expect(old('MAC', '10.10.5')).toBe('10.11');
  expect(old('MAC', '10.11')).toBeNull();
  expect(old('APPLE_TV', '10.1.1')).toBe('10.2');
  expect(old('IPAD', null)).toBeNull();
  expect(old('UNKNOWN', '1.0')).toBeNull();
  expect(old('VISION', '1.0')).toBeNull();
});

test('an app runs on the platforms that it names; unknown families and apps without platforms are allowed', () => {
  expect(runsOn({ family: 'IPAD' }, ['iOS', 'macOS'])).toBe(true);
  expect(runsOn({ family: 'MAC' }, ['iOS'])).toBe(false);
  expect(runsOn({ family: 'VISION' }, ['iOS'])).toBe(true);
  expect(runsOn({ family: 'UNKNOWN' }, ['tvOS'])).toBe(true);
  expect(runsOn({ family: 'APPLE_TV' }, [])).toBe(true);
});
