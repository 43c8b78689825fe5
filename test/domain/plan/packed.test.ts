import { expect, test } from 'vitest';
import { pack, unpack } from '../../../src/domain/plan/packed.ts';

test('F5 a request comes back from JSON as it was, 64-bit ids included', () => {
  const request = {
    appIds: [1n, 9_223_372_036_854_775_807n],
    target: { serialNumbers: ['12', '12n'], deviceIds: null },
    tokenId: 3n,
    onError: 'ATOMIC',
    nested: [{ deep: [2n, 'text', true, null] }],
  };
  expect(unpack(JSON.parse(pack(request)))).toEqual(request);
});
