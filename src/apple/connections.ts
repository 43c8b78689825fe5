/**
 * The connections to Apple. Fetch keeps them open and uses them again; after some refusals Apple wants new ones, with its
 * address looked up anew (fact sheet §14: 9729, 9617).
 * @module
 */

/** What Node's fetch sends through; `undici` calls it a dispatcher. */
interface Dispatcher {
  close(): Promise<void>;
}

/** Where Node keeps the one that fetch uses when it is told of no other. */
const shared = Symbol.for('undici.globalDispatcher.1');

/** Connections that can be given up together. */
export interface Connections {
  /** What fetch is told beside the request. */
  options(): object;
  /** From now on calls open new connections; those under way end on theirs. */
  renew(): void;
}

/** The connections of one driver; those that everybody in the process shares, before the first renewal. */
export function createConnections(): Connections {
  let own: Dispatcher | undefined;
  return {
    options: () => (own ? { dispatcher: own } : {}),
    renew: () => {
      const before = own;
      own = another() ?? own;
      if (before !== own) before?.close().catch(() => {});
    },
  };
}

/** A new one of the same kind, so that a proxy from the environment still holds; none when its kind needs to be told more. */
function another(): Dispatcher | undefined {
  const current = (globalThis as Record<symbol, unknown>)[shared];
  if (typeof current !== 'object' || current === null) return undefined;
  try {
    return new (current.constructor as new () => Dispatcher)();
  } catch {
    return undefined;
  }
}
