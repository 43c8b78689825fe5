/**
 * Answers subscriptions. One change often goes to hundreds of dashboards that asked the same with the same rights: it is
 * executed for the first of them, and the others are given the same answer.
 * @module
 */
import { createSourceEventStream, type DocumentNode, type ExecutionArgs, type ExecutionResult } from 'graphql';
import type { GraphQLContext } from './context.ts';
import type { Executor } from './executor.ts';

type Answer = Promise<ExecutionResult> | ExecutionResult;
type Stream = AsyncIterableIterator<ExecutionResult>;

/** Subscribes like GraphQL's own function. */
export type Subscriber = (args: ExecutionArgs) => Promise<Stream | ExecutionResult>;

/** Makes one. An event is kept as long as some reader has not taken it. */
export function createSubscriber(execute: Executor): Subscriber {
  const answers = new WeakMap<object, Map<string, Answer>>();
  const documents = new WeakMap<DocumentNode, number>();
  let documentCount = 0;

  const documentNumber = (document: DocumentNode): number => {
    const known = documents.get(document) ?? ++documentCount;
    documents.set(document, known);
    return known;
  };

  /** Equal for whoever must be answered the same. */
  const likeness = ({ document, operationName, variableValues, contextValue }: ExecutionArgs): string => {
    const { actor } = contextValue as GraphQLContext;
    const rights = [actor.organizationId, actor.role, ...actor.scopes.toSorted()].join(' ');
    return JSON.stringify([documentNumber(document), operationName, variableValues, rights]);
  };

  const answer = (args: ExecutionArgs, key: string, event: unknown): Answer => {
    const run = () => execute({ ...args, rootValue: event });
    if (typeof event !== 'object' || event === null) return run();
    const known = answers.get(event) ?? new Map<string, Answer>();
    answers.set(event, known);
    const given = known.get(key) ?? run();
    known.set(key, given);
    return given;
  };

  return async (args) => {
    const events = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in events)) return events;
    const key = likeness(args);
    return mapped(events[Symbol.asyncIterator](), (event) => answer(args, key, event));
  };
}

/** Maps without a generator in between: the end must reach a source that waits at once. */
function mapped(source: AsyncIterator<unknown>, map: (event: unknown) => Answer): Stream {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const { done, value } = await source.next();
      return done ? { done, value: undefined } : { done: false, value: await map(value) };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
    async throw(error: unknown) {
      await source.throw?.(error);
      throw error;
    },
  };
}
