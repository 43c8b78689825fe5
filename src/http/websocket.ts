/**
 * GraphQL over WebSocket (graphql-transport-ws). Close codes: 1001 the server stops; 1009 a message is too big; 4400 a
 * message is not of the protocol; 4401 no valid key; 4403 the key was revoked or expired meanwhile; 4406 another
 * subprotocol; 4408 no sign-in in time; 4409 an operation's id is in use; 4429 a second sign-in; 4500 a bug of ours.
 * @module
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { Services } from '../domain/context.ts';
import type { SignedIn } from '../graphql/context.ts';
import { toWireError } from '../graphql/errors.ts';
import type { GraphQLEngine } from '../graphql/yoga.ts';
import { withLogFields } from '../lib/log-fields.ts';
import { connectionKey, type SignIn } from './authenticate.ts';
import { correlationIdOf } from './correlation-id.ts';
import { recheck } from './open-streams.ts';
import type { HttpLimits } from './options.ts';
import { attachSocket, type SocketState } from './websocket-adapter.ts';

/** The WebSockets of one server. */
export interface WebSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Says goodbye to all of them; resolves when they are gone, by force after `closeTimeout`. */
  close(): Promise<void>;
}

/** Characters of an operation's name that a log line shows. */
const longestName = 100;

type Enveloped = ReturnType<GraphQLEngine['getEnveloped']>;

/** How one operation is run. */
interface Pipeline {
  enveloped: Enveloped;
  correlationId: string;
}

/** What {@link createWebSockets} is made of. */
export interface WebSocketParts {
  services: Services;
  signIn: SignIn;
  engine: GraphQLEngine;
  limits: HttpLimits;
}

/** Everything about WebSockets in one place. */
export function createWebSockets(parts: WebSocketParts): WebSockets {
  const { services, limits } = parts;
  const protocol = createProtocol(parts);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes,
    handleProtocols,
    clientTracking: true,
  });
  server.on('connection', (socket, request) =>
    attachSocket(protocol, { socket, request }, { ...limits, logger: services.logger }),
  );
  return {
    upgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (opened) => server.emit('connection', opened, request)),
    close: async () => {
      for (const socket of server.clients) socket.close(1001, 'The server stops');
      const timer = setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, limits.closeTimeout);
      await Promise.all([...server.clients].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
      clearTimeout(timer);
      server.close();
    },
  };
}

function createProtocol({ services, signIn, engine, limits }: WebSocketParts): Server<SocketState> {
  const pipelines = new WeakMap<ExecutionArgs, Pipeline>();
  const run = <T>(args: ExecutionArgs, work: (pipeline: Pipeline) => T): T => {
    const pipeline = pipelines.get(args)!;
    return withLogFields({ correlationId: pipeline.correlationId }, () => work(pipeline));
  };
  return makeServer<Record<string, unknown>, SocketState>({
    connectionInitWaitTimeout: limits.connectionInitTimeout,
    onConnect: async ({ extra, connectionParams }) => {
      const key = connectionKey(connectionParams);
      extra.signIn = () => signIn(key);
      if (!(await extra.signIn())) {
        extra.socket.close(CloseCode.Unauthorized, 'Sign in with a valid API key');
        return false;
      }
      const refused = () => extra.socket.close(CloseCode.Forbidden, 'The API key is no longer valid');
      extra.stopChecking = recheck(extra.signIn, refused, { ...limits, logger: services.logger });
      return true;
    },
    onSubscribe: async ({ extra, subscriptions }, _id, payload) => {
      if (Object.keys(subscriptions).length > limits.maxOperationsPerSocket)
        return [tooManyOperations(limits.maxOperationsPerSocket)];
      const actor = (await extra.signIn?.()) ?? null;
      if (!actor) {
        extra.socket.close(CloseCode.Forbidden, 'The API key is no longer valid');
        return [new GraphQLError('The API key is no longer valid.', { extensions: { code: 'UNAUTHENTICATED' } })];
      }
      const correlationId = correlationIdOf(extra.request);
      services.logger.info(
        { correlationId, operation: payload.operationName?.slice(0, longestName) },
        'operation over WebSocket',
      );
      const prepared = await prepare(services, engine, { actor, correlationId }, payload);
      if (Array.isArray(prepared)) return prepared.map(withoutHttp);
      pipelines.set(prepared.args, { ...prepared, correlationId });
      return prepared.args;
    },
    execute: (args) => run(args, ({ enveloped }) => enveloped.execute(args)),
    subscribe: (args) => run(args, ({ enveloped }) => enveloped.subscribe(args)),
    onNext: (_context, _id, _payload, _args, result) => formatted(result),
    onClose: ({ extra }) => extra.stopChecking?.(),
  });
}

/** The same steps as over HTTP: parse, validate, context; then graphql-ws executes. */
async function prepare(
  services: Services,
  engine: GraphQLEngine,
  signedIn: SignedIn,
  payload: SubscribePayload,
): Promise<GraphQLError[] | { args: ExecutionArgs; enveloped: Enveloped }> {
  const enveloped = engine.getEnveloped({ ...signedIn, params: payload });
  try {
    const document = enveloped.parse(payload.query);
    const errors = enveloped.validate(enveloped.schema, document) as readonly GraphQLError[];
    if (errors.length > 0) return [...errors];
    const contextValue = await enveloped.contextFactory();
    const { operationName, variables: variableValues } = payload;
    return { args: { schema: enveloped.schema, document, operationName, variableValues, contextValue }, enveloped };
  } catch (error) {
    return [toWireError(error, { logger: services.logger, correlationId: signedIn.correlationId })];
  }
}

function tooManyOperations(most: number): GraphQLError {
  return new GraphQLError(`This socket has ${most} operations under way, which is the most. Nothing was done.`, {
    extensions: { code: 'TOO_MANY_OPERATIONS' },
  });
}

/** `extensions.http` is for the other transport. */
function withoutHttp(error: GraphQLError): GraphQLError {
  const { http: _http, ...extensions } = error.extensions;
  const { nodes, source, positions, path } = error;
  return new GraphQLError(error.message, { nodes, source, positions, path, extensions });
}

function formatted(result: ExecutionResult) {
  const { errors, ...rest } = result;
  return errors ? { ...rest, errors: errors.map((error) => withoutHttp(error).toJSON()) } : rest;
}
