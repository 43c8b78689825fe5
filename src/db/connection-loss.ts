/** Tells a database that went away from a statement that is wrong. @module */

const systemCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

/** Whether the same statement may succeed once the database can be reached again. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string')
    return /connection terminated|timeout exceeded when trying to connect/i.test(error.message);
  // Class 08: connection exceptions; class 57: the server stops or the connection was ended by an administrator.
  return systemCodes.has(code) || /^08|^57P0/.test(code);
}
