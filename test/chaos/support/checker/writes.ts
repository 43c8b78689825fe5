/** Writes at Apple, as its journal has them: none of them was sent twice. @module */
import type { Evidence } from './evidence.ts';

/** Only where nothing went wrong: after a death or a broken answer a repeat is right. */
export async function nothingWrittenTwice({ simulator, writesOnce = false }: Evidence): Promise<string[]> {
  if (!writesOnce) return [];
  const last = new Map<string, { operation: string; n: number }>();
  const found: string[] = [];
  for (const { n, operation, status, uId, body } of await simulator.journal()) {
    if (status !== 200 || !body || !['associateAssets', 'disassociateAssets'].includes(operation)) continue;
    for (const key of body.adamIds.flatMap((adamId) => body.serials.map((serial) => `${uId} ${adamId} ${serial}`))) {
      const before = last.get(key);
      if (before?.operation === operation)
        found.push(`Apple got ${operation} of ${key} twice, as requests ${before.n} and ${n}, with nothing in between`);
      last.set(key, { operation, n });
    }
  }
  return found;
}
