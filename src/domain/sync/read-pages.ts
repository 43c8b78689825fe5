import type { Page } from '../ports.ts';

/** Pages read ahead of the one being merged: Apple allows five at once (fact sheet §11). */
const ahead = 4;

/**
 * Reads pages from `first` on, in order, a few ahead of the reader. Memory holds at most `ahead` + 1 pages however long
 * the list is. Ends with the page that names no next one.
 */
export async function* readPages<Row>(read: (pageIndex: number) => Promise<Page<Row>>, first: number): AsyncGenerator<Page<Row>> {
  const underWay = new Map<number, Promise<Page<Row>>>();
  let index = first;
  let known = first;
  try {
    for (;;) {
      for (let next = index; next <= Math.min(known, index + ahead); next++) {
        if (!underWay.has(next)) underWay.set(next, read(next));
      }
      const page = await underWay.get(index)!;
      underWay.delete(index);
      yield page;
      if (page.nextPageIndex === null) return;
      known = page.totalPages - 1;
      index = page.nextPageIndex;
      known = Math.max(known, index);
    }
  } finally {
    // Pages that nobody waits for any more may fail as they like.
    for (const page of underWay.values()) page.catch(() => {});
  }
}
