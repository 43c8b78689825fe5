import type { Page } from '../ports.ts';

/** Pages read ahead of the one being merged: Apple allows five at once (fact sheet §11). */
const ahead = 4;

type Paging = Pick<Page<unknown>, 'nextPageIndex' | 'totalPages'>;

/**
 * Reads pages from `first` on, in order, a few ahead of the reader. Memory holds at most `ahead` + 1 pages however long
 * the list is. Ends with the page that names no next one, and leaves no call behind.
 */
export async function* readPages<P extends Paging>(
  read: (pageIndex: number) => Promise<P>,
  first: number,
): AsyncGenerator<P> {
  const underWay = new Map<number, Promise<P>>();
  let index = first;
  let last = first;
  try {
    for (;;) {
      for (let next = index; next <= Math.min(last, index + ahead); next++) {
        if (!underWay.has(next)) underWay.set(next, start(read, next));
      }
      const page = await underWay.get(index)!;
      underWay.delete(index);
      yield page;
      if (page.nextPageIndex === null) return;
      index = page.nextPageIndex;
      last = Math.max(page.totalPages - 1, index);
    }
  } finally {
    await Promise.allSettled(underWay.values());
  }
}

/** A page that fails before its turn is no unhandled rejection: whoever comes to it gets to know. */
function start<P>(read: (pageIndex: number) => Promise<P>, pageIndex: number): Promise<P> {
  const page = read(pageIndex);
  page.catch(() => {});
  return page;
}
