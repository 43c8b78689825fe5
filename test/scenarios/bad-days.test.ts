/** Fast seeds of the scenario; the chaos tier plays fifty. SCENARIO_SEED=… plays one. */
import { describe, expect, test } from 'vitest';
import { describeSeeds } from './support/seeds.ts';

describeSeeds('F12 S69 Apple’s bad days', 10);

describe('the judges can say no', () => {
  test('F12 a call before Retry-After has passed is found', async () => {
    const { callsTooEarly } = await import('./support/journal-rules.ts');
    const entry = (n: number, second: number, more: object = {}) => ({
      n,
      at: new Date(second * 1000).toISOString(),
      method: 'POST',
      path: '/',
      operation: 'associateAssets',
      query: {},
      status: 200,
      uId: '1',
      ...more,
    });
    const refused = entry(1, 0, { status: 503, errorNumber: 9644, faults: ['error'] });
    expect(callsTooEarly([refused, entry(2, 19)])).toHaveLength(1);
    expect(callsTooEarly([refused, entry(2, 19, { uId: '2' }), entry(3, 20)])).toEqual([]);
    const settings = { operation: 'serviceConfig', uId: undefined };
    const unwell = entry(1, 0, { ...settings, status: 503, errorNumber: 9644, faults: ['error'] });
    expect(callsTooEarly([unwell, entry(2, 1), entry(3, 20, settings)])).toEqual([]);
    expect(callsTooEarly([unwell, entry(2, 19, settings)])).toHaveLength(1);
  });
});
