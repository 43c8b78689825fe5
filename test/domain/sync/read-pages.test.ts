import { expect, test } from 'vitest';
import { readPages } from '../../../src/domain/sync/read-pages.ts';

interface Page {
  index: number;
  nextPageIndex: number | null;
  totalPages: number;
}

/** A list of `count` pages that says how many are being read or held. */
function list(count: number, totalOf: (index: number) => number = () => count) {
  const watch = { held: 0, most: 0, reads: [] as number[] };
  const read = async (index: number): Promise<Page> => {
    watch.reads.push(index);
    watch.most = Math.max(watch.most, ++watch.held);
    await Promise.resolve();
    if (index >= count) throw new Error(`no page ${index}`);
    return { index, nextPageIndex: index + 1 < count ? index + 1 : null, totalPages: totalOf(index) };
  };
  return { watch, read };
}

async function collect(pages: AsyncGenerator<Page>, watch: { held: number }): Promise<number[]> {
  const seen: number[] = [];
  for await (const page of pages) {
    seen.push(page.index);
    watch.held--;
  }
  return seen;
}
const upTo = (count: number, first = 0) => Array.from({ length: count - first }, (_, index) => index + first);

test.each([1, 2, 5, 6, 50])('F3 %i pages come in order, each read once, at most five at a time', async (count) => {
  const { watch, read } = list(count);
  expect(await collect(readPages(read, 0), watch)).toEqual(upTo(count));
  expect(watch.reads.sort((a, b) => a - b)).toEqual(upTo(count));
  expect(watch.most).toBeLessThanOrEqual(5);
});

test('F3 memory holds no more pages of a long list than of a short one', async () => {
  const { watch, read } = list(2_000);
  await collect(readPages(read, 0), watch);
  expect(watch.most).toBe(5);
});

test('F3 it can begin anywhere', async () => {
  const { watch, read } = list(9);
  expect(await collect(readPages(read, 6), watch)).toEqual([6, 7, 8]);
});

test.each<[string, (index: number) => number]>([
  ['too small', () => 1],
  ['too large', () => 99],
  ['growing', (index) => index + 2],
  ['shrinking', (index) => 20 - index],
])('F3 an estimate of the pages that is %s changes nothing', async (_how, totalOf) => {
  const { watch, read } = list(12, totalOf);
  expect(await collect(readPages(read, 0), watch)).toEqual(upTo(12));
});

test('F3 a page that fails ahead of the reader is an error in its turn, and only there', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const { read } = list(9);
  const broken = (index: number) => (index === 3 ? Promise.reject(new Error('page 3')) : read(index));
  const seen: number[] = [];
  const reading = async () => {
    for await (const page of readPages(broken, 0)) {
      seen.push(page.index);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await expect(reading()).rejects.toThrow('page 3');
  process.off('unhandledRejection', note);
  expect(seen).toEqual([0, 1, 2]);
  expect(unhandled).toEqual([]);
});

test('F3 no call is left behind by a reader that stops', async () => {
  let open = 0;
  const read = async (index: number): Promise<Page> => {
    open++;
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return { index, nextPageIndex: index + 1, totalPages: 50 };
  };
  for await (const page of readPages(read, 0)) if (page.index === 2) break;
  expect(open).toBe(0);
});
