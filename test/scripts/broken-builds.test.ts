import { expect, test } from 'vitest';
import { breakages } from '../chaos/support/breakages.ts';
import { changed } from '../chaos/support/broken-build.ts';

test('F12 each fault that the checker has to find can still be put in', () => {
  expect(breakages.length).toBeGreaterThan(0);
  for (const { name, changes } of breakages)
    expect(changed(changes).size, name).toBe(new Set(changes.map(({ file }) => file)).size);
});
