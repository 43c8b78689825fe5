/** The API's one port: GraphQL over HTTP, server-sent events and WebSocket, GraphiQL, health, webhooks of Apple and of MDM servers. @module */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Services } from '../domain/context.ts';
import type { AnswerMemoryOptions } from '../graphql/answer-memory.ts';
import type { Streams } from '../graphql/ports.ts';
import { buildSchema } from '../graphql/schema.ts';
import { createGraphQLEngine } from '../graphql/yoga.ts';
import { withLogFields } from '../lib/log-fields.ts';
import { createNotificationEndpoint } from './apple-notifications.ts';
import { createSignIn, type KeyNews } from './authenticate.ts';
import { correlationIdOf } from './correlation-id.ts';
import { respondGraphiQL } from './graphiql.ts';
import { handleGraphQL } from './graphql-endpoint.ts';
import { databaseProblem, handleHealth } from './health.ts';
import { createMdmWebhookEndpoint } from './mdm-webhook.ts';
import { type GuardedMetrics, handleMetrics } from './metrics/handle.ts';
import { createOpenStreams } from './open-streams.ts';
import { defaultHttpLimits, type HttpLimits } from './options.ts';
import { logRequest } from './request-log.ts';
import { respondError } from './respond.ts';
import { createWebSockets } from './websocket.ts';

/** What {@link createHttpServer} is made of. */
export interface HttpServerOptions {
  services: Services;
  /** Live news: what `realtime` built. */
  streams: Streams;
  /** Russet's version, shown in `viewer.installation`. */
  version: string;
  /** Whether GraphiQL is served at GET /graphql; by default in the sandbox only. */
  graphiql?: boolean;
  /** Whether live news arrive; always when absent. Without them the process is not ready. */
  listening?: () => boolean;
  /** Without it no answer is given twice. */
  answerMemory?: AnswerMemoryOptions | undefined;
  /** News of revoked keys; without them each request looks its key up. */
  keyNews?: KeyNews;
  /** Served at `/metrics`; absent, there is no such path. */
  metrics?: GuardedMetrics | undefined;
  /** Limits that differ from {@link defaultHttpLimits}. */
  limits?: Partial<HttpLimits>;
}

/** The server of one process. */
export interface HttpServer {
  /** Begins to serve; `port` 0 takes a free one. Rejects when the port is taken. */
  listen(address: { port: number; host?: string }): Promise<{ port: number }>;
  /** Says by `/health/ready` that no more work shall come; serves what comes all the same. */
  drain(): void;
  /** Stops accepting, says goodbye to streams and sockets, and waits for what is under way. */
  close(): Promise<void>;
}

/** Makes the server; nothing listens yet. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { services, streams: news, version } = options;
  const limits = { ...defaultHttpLimits, ...options.limits };
  const graphiql = options.graphiql ?? services.settings.mode === 'SANDBOX';
  const signIn = createSignIn(services, options.keyNews);
  const engine = createGraphQLEngine({
    schema: buildSchema(),
    installation: { services, streams: news, version },
    limits: limits.operation,
    answerMemory: options.answerMemory,
    maxBodyBytes: limits.maxBodyBytes,
  });
  const sockets = createWebSockets({ services, signIn, engine, limits });
  const notifications = createNotificationEndpoint(services, limits.maxNotificationBytes);
  const mdmWebhooks = createMdmWebhookEndpoint(services, limits.maxDeviceMessageBytes);
  const streams = createOpenStreams({ ...limits, logger: services.logger });
  let draining = false;
  let closing = false;

  const server = createServer({ headersTimeout: limits.headersTimeout, requestTimeout: limits.requestTimeout });
  const readiness = async (): Promise<string | null> => {
    if (draining || closing) return 'closing';
    if (options.listening?.() === false) return 'live news do not arrive';
    return databaseProblem(services);
  };
  const route = async (request: IncomingMessage, response: ServerResponse, correlationId: string): Promise<void> => {
    response.setHeader('x-correlation-id', correlationId);
    if (closing) response.setHeader('connection', 'close');
    if (await handleHealth(readiness, request, response)) return;
    if (await handleMetrics(options.metrics, request, response)) return;
    if (await notifications(request, response)) return;
    if (await mdmWebhooks(request, response)) return;
    if (pathOf(request) !== '/graphql')
      return respondError(response, 404, 'NOT_FOUND', 'There is nothing here; the API is at /graphql.');
    if (graphiql && wantsPage(request)) return respondGraphiQL(response);
    return handleGraphQL({ signIn, engine, streams }, request, response, correlationId);
  };
  const serve = (request: IncomingMessage, response: ServerResponse, correlationId: string) =>
    route(request, response, correlationId).catch((error: unknown) => {
      services.logger.error({ error }, 'a request could not be answered');
      if (response.headersSent) response.destroy();
      else respondError(response, 500, 'INTERNAL_SERVER_ERROR', 'Something went wrong on our side.');
    });
  server.on('request', (request, response) => {
    const correlationId = correlationIdOf(request);
    logRequest(services.logger, request, response, correlationId);
    void withLogFields({ correlationId }, () => serve(request, response, correlationId));
  });
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) === '/graphql' && !closing) return sockets.upgrade(request, socket, head);
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });

  return {
    listen: (address) => listen(server, address),
    drain: () => {
      draining = true;
    },
    close: async () => {
      closing = true;
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      const force = setTimeout(() => server.closeAllConnections(), limits.closeTimeout);
      streams.endAll();
      await sockets.close();
      server.closeIdleConnections();
      await stopped;
      clearTimeout(force);
    },
  };
}

function listen(server: Server, { port, host }: { port: number; host?: string }): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0]!;
}

function wantsPage(request: IncomingMessage): boolean {
  return request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? '');
}
