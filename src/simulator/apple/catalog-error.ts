/** Errors of Apps and Books for Organizations, which have a form of their own. @module */
import type { Answer } from './call.ts';

/** The catalog's form of an error. */
export function catalogError(status: number, code: number, title: string, headers?: Record<string, string>): Answer {
  const error = { id: `E${code}`, title, detail: title, status: String(status), code: String(code) };
  return { status, body: { errors: [error] }, ...(headers ? { headers } : {}) };
}
