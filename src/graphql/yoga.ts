import { randomUUID } from 'node:crypto';
import type { ExecutionArgs, GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { type AnswerMemoryOptions, useAnswerMemory } from './answer-memory.ts';
import { createContext, type Installation, type SignedIn } from './context.ts';
import { toWireError, useWireErrors } from './errors.ts';
import { createExecutor } from './executor.ts';
import { limitPlugins, type OperationLimits } from './limits.ts';
import { createSubscriber } from './subscriber.ts';

/** What {@link createGraphQLEngine} is made of. */
export interface EngineOptions {
  schema: GraphQLSchema;
  installation: Installation;
  limits: OperationLimits;
  /** Without it no answer is given twice. */
  answerMemory?: AnswerMemoryOptions | undefined;
  /** Bytes of one request body; above it 413. */
  maxBodyBytes: number;
}

/** Parses, validates, limits and runs operations: the one pipeline of both transports. */
export type GraphQLEngine = YogaServerInstance<SignedIn, object>;

/** Makes the engine. */
export function createGraphQLEngine({
  schema,
  installation,
  limits,
  answerMemory,
  maxBodyBytes,
}: EngineOptions): GraphQLEngine {
  const { logger } = installation.services;
  // One safety net below `useWireErrors`: for what fails outside of an operation.
  const maskError = (error: unknown) => toWireError(error, { logger, correlationId: randomUUID() });
  return createYoga<SignedIn>({
    schema,
    plugins: [
      useExecutor(installation),
      ...limitPlugins(limits),
      useWireErrors(logger) as Plugin,
      ...(answerMemory ? [useAnswerMemory(answerMemory)] : []),
    ],
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

/**
 * Our executor for queries and GraphQL's own for subscriptions: no surprises in their iterators. Resolvers are given a
 * context of our making; the pipeline's own is copied from hand to hand, which would make every part of it at once.
 */
function useExecutor(installation: Installation): Plugin<SignedIn> {
  const withContext = (args: ExecutionArgs): ExecutionArgs => ({
    ...args,
    contextValue: createContext(installation, args.contextValue as SignedIn),
  });
  const execute = createExecutor();
  const subscribe = createSubscriber(execute);
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn((args: ExecutionArgs) => execute(withContext(args))),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn((args: ExecutionArgs) => subscribe(withContext(args))),
  };
}
