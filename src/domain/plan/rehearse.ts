import { type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Carries what was seen out of a transaction that must not be kept. */
class Rehearsed<T> extends Error {
  readonly seen: T;
  constructor(seen: T) {
    super('a rehearsal is over');
    this.seen = seen;
  }
}

/**
 * Does a write and takes it back: what it would have done is known then, by its own code, and nothing of it is kept. No
 * job was added and nobody was told. Row locks are held as long as the write itself holds them.
 */
export async function rehearse<T>(context: Context, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await transaction<T>(context, async (tx) => {
      throw new Rehearsed(await work(tx));
    });
  } catch (error) {
    if (error instanceof Rehearsed) return error.seen as T;
    throw error;
  }
}
