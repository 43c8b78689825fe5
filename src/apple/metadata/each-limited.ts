/** Runs `work` for each item, at most `limit` at the same time, in order of the items. Rejects with the first rejection. */
export async function eachLimited<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  // All lanes take from one iterator, so each item is worked on once.
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}
