import { randomUUID } from 'node:crypto';
import { execute, type GraphQLSchema, subscribe } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { createContext, type Installation, type SignedIn } from './context.ts';
import { toWireError, useWireErrors } from './errors.ts';
import { limitPlugins, type OperationLimits } from './limits.ts';

/** What {@link createGraphQLEngine} is made of. */
export interface EngineOptions {
  schema: GraphQLSchema;
  installation: Installation;
  limits: OperationLimits;
  /** Bytes of one request body; above it 413. */
  maxBodyBytes: number;
}

/** Parses, validates, limits and runs operations: the one pipeline of both transports. */
export type GraphQLEngine = YogaServerInstance<SignedIn, object>;

/** Makes the engine. */
export function createGraphQLEngine({ schema, installation, limits, maxBodyBytes }: EngineOptions): GraphQLEngine {
  const { logger } = installation.services;
  // One safety net below `useWireErrors`: for what fails outside of an operation.
  const maskError = (error: unknown) => toWireError(error, { logger, correlationId: randomUUID() });
  return createYoga<SignedIn>({
    schema,
    context: (initial) => createContext(installation, { actor: initial.actor, correlationId: initial.correlationId }),
    plugins: [useReferenceExecutor(), ...limitPlugins(limits), useWireErrors(logger) as Plugin],
    maskedErrors: { maskError, errorMessage: 'Something went wrong on our side.' },
    maxRequestBodySize: maxBodyBytes,
    batching: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
    multipart: false,
  });
}

/** GraphQL's own executor: no incremental delivery, no surprises in the iterators of subscriptions. */
function useReferenceExecutor(): Plugin {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe),
  };
}
