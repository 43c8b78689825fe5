import type { ServerResponse } from 'node:http';

/** Answers with JSON. */
export function respondJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}

/** Answers with one GraphQL error, for what is refused before GraphQL begins. */
export function respondError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  respondJson(response, status, { errors: [{ message, extensions: { code } }] }, headers);
}
