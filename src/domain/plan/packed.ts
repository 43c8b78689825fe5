/** Requests as JSON and back, with their 64-bit ids. @module */

/** The value as JSON; a bigint becomes an object of its own, so that it comes back as one. */
export function pack(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? { $id: String(part) } : part));
}

/** The value that {@link pack} was given. `stored` is the parsed JSON, as the database gives it back. */
export function unpack(stored: unknown): unknown {
  if (Array.isArray(stored)) return stored.map(unpack);
  if (stored === null || typeof stored !== 'object') return stored;
  const { $id } = stored as { $id?: unknown };
  if (typeof $id === 'string') return BigInt($id);
  return Object.fromEntries(Object.entries(stored).map(([name, part]) => [name, unpack(part)]));
}
