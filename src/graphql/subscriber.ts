/**
 * Answers subscriptions. One change often goes to hundreds of dashboards that asked the same with the same rights: it is
 * executed for the first of them, and the others are given the same answer.
 * @module
 */
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult } from 'graphql';
import type { Executor } from './executor.ts';
import { createLikeness } from './likeness.ts';

type Answer = Promise<ExecutionResult> | ExecutionResult;
type Stream = AsyncIterableIterator<ExecutionResult>;

/** Subscribes like GraphQL's own function. */
export type Subscriber = (args: ExecutionArgs) => Promise<Stream | ExecutionResult>;

/** Makes one. An event is kept as long as some reader has not taken it. */
export function createSubscriber(execute: Executor): Subscriber {
  const answers = new WeakMap<object, Map<string, Answer>>();
  const likeness = createLikeness();

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
