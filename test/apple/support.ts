/** A small server that stands in for Apple: it answers what a test says and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { createVirtualClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';

/** A request as it came in. */
export interface Asked {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage['headers'];
  body: string;
}

/** An answer: a status and a body, or a function that does as it likes with the connection. */
export type Answer =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
  | ((response: ServerResponse) => void);

/** A credential of the usual shape, and the marks by which a leak of it is found. */
export const credential = Buffer.from(
  JSON.stringify({ token: 'aW5uZXItc2VjcmV0LXRva2Vu', expDate: '2027-11-08T22:33:22+0000', orgName: 'Lyon' }),
).toString('base64');

/** The part of an answer that every good one has. */
export const envelope = { uId: '900000000000000001', tokenExpirationDate: '2027-11-08T22:33:22+0000' };

/** Starts a server; `answer` is asked for each request. It ends with the test. */
export async function startApple(answer: (asked: Asked) => Answer) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://apple');
      const { method = '', headers } = request;
      const query = Object.fromEntries(url.searchParams);
      const one = { method, path: url.pathname, query, headers, body: Buffer.concat(chunks).toString() };
      asked.push(one);
      reply(response, answer(one));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  onTestFinished(close);
  return { close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function reply(response: ServerResponse, answer: Answer): void {
  if (typeof answer === 'function') {
    answer(response);
    return;
  }
  const { status = 200, headers = {}, json, text = JSON.stringify(json) } = answer;
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}

/** The moment at which the clocks of these tests stand. */
export const start = new Date('2026-11-24T12:00:00Z');

/** A driver in front of {@link startApple}, with a virtual clock and everything it logs. */
export async function driverWith(answer: (asked: Asked) => Answer, timeout = 5000) {
  const apple = await startApple(answer);
  const clock = createVirtualClock(start);
  const lines: { fields: object; message: string }[] = [];
  const timeouts = { config: timeout, list: timeout, write: timeout, status: timeout };
  const library = createAppleLibrary({
    baseUrl: `${apple.url}/mdm/v2`,
    clock,
    timeouts,
    logger: recordingLogger(lines),
  });
  return { ...apple, clock, lines, library };
}

/** A logger that keeps its lines. */
export function recordingLogger(lines: { fields: object; message: string }[]): Logger {
  const keep = (fields: object, message: string) => void lines.push({ fields, message });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
  return logger;
}
