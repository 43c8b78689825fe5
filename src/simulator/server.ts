/** The HTTP door of the simulator: one plain server for the service, the lookup, icons and control. @module */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../lib/logger.ts';
import { type AdminRoutes, isAdminPath } from './admin-routes.ts';
import { drawIcon } from './apple/icons.ts';
import { adminPath } from './apple/paths.ts';
import { type RawRequest, type Reply, serve } from './apple/service.ts';
import type { World } from './apple/world.ts';
import { isMdmPath, serveMdm } from './devices/mdm/http.ts';

/** Largest request body in bytes. */
const maxBody = 64 * 1024 * 1024;

/** Builds the server; it does not listen yet. */
export function createHttpServer(world: World, admin: AdminRoutes, logger: Logger): Server {
  const server = createServer((message, response) => {
    answer(world, admin, message, response).catch((error: unknown) => {
      logger.error({ error, path: message.url }, 'the simulator failed to answer');
      if (!response.headersSent) sendJson(response, 500, { error: String(error) });
      else response.destroy();
    });
  });
  server.keepAliveTimeout = 60_000;
  return server;
}

/** How many ports above a taken one are tried before any free one is taken. */
const portsTried = 20;

/** Listens on a port, on the next free one above it, or on any. */
export async function listenNear(server: Server, port: number, host: string): Promise<void> {
  const above = Array.from({ length: portsTried }, (_, index) => port + index).filter((one) => one <= 65_535);
  for (const candidate of port === 0 ? [0] : [...above, 0]) {
    if (await listens(server, candidate, host)) return;
  }
}

function listens(server: Server, port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error));
    server.once('error', refused);
    server.listen(port, host, () => {
      server.off('error', refused);
      resolve(true);
    });
  });
}

async function answer(
  world: World,
  admin: AdminRoutes,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const request = await readRequest(message);
  const { pathname, searchParams } = request.url;
  if (isMdmPath(pathname)) {
    const { status, bytes, headers } = serveMdm(world.mdm, world.options.mdm.certificateHeader, request);
    return send(response, status, bytes, headers);
  }
  if (isAdminPath(pathname)) return sendAdmin(admin, request, message, response);
  const icon = drawIcon(pathname, (adamId) => world.catalog.get(adamId)?.name);
  if (icon) return send(response, 200, icon.bytes, { 'content-type': icon.type });
  const reply = await serve(world, request);
  if (reply) return sendReply(message, response, reply);
  world.journal.add({
    ...basics(world, request),
    operation: 'unknown',
    query: Object.fromEntries(searchParams),
    status: 404,
  });
  send(response, 404, Buffer.from('<html><body>Not Found</body></html>'), { 'content-type': 'text/html' });
}

async function readRequest(message: IncomingMessage): Promise<RawRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) throw new Error(`a body of more than ${maxBody} bytes`);
    chunks.push(chunk);
  }
  const url = new URL(message.url ?? '/', 'http://simulator.invalid');
  const bytes = Buffer.concat(chunks);
  return { method: message.method ?? 'GET', url, headers: message.headers, body: bytes.toString('utf8'), bytes };
}

function sendAdmin(
  admin: AdminRoutes,
  request: RawRequest,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const verb = request.url.pathname.slice(adminPath.length + 1);
  return admin({
    verb,
    address: message.socket.remoteAddress ?? '',
    query: request.url.searchParams,
    body: request.body,
  }).then(({ status, body }) => sendJson(response, status, body));
}

function basics(world: World, request: RawRequest) {
  return { at: world.clock.now().toISOString(), method: request.method, path: request.url.pathname };
}

function sendReply(message: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (reply.cut) {
    message.socket.resetAndDestroy();
    return;
  }
  const { status, body, headers } = reply.answer;
  if (reply.html !== undefined) {
    send(response, status, Buffer.from(reply.html), { 'content-type': 'text/html' });
    return;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  const sent = reply.keepBytes === undefined ? bytes : bytes.subarray(0, Math.min(reply.keepBytes, bytes.length - 1));
  send(response, status, sent, { 'content-type': 'application/json;charset=utf-8', ...headers });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, Buffer.from(JSON.stringify(body ?? null)), {
    'content-type': 'application/json;charset=utf-8',
  });
}

function send(response: ServerResponse, status: number, bytes: Buffer, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  response.end(bytes);
}
