import type { InputRef, ObjectRef } from '@pothos/core';
import type { Scope } from '../domain/actor.ts';
import { type DomainError, InvalidInputError } from '../domain/errors.ts';
import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { needs } from './rights.ts';

/** The class of an expected failure. */
type FailureClass = new (...parameters: never[]) => DomainError;

/** One mutation: one input, one payload, its expected failures. */
export interface MutationOptions<Input, Payload extends object> {
  description: string;
  /** Needed to run it; refused as a top-level error before anything else. The verb checks it again, or by itself for `any`. */
  right: Scope | 'any';
  input: InputRef<Input>;
  payload: ObjectRef<typeof builder.$inferSchemaTypes, Payload>;
  /** Beside INVALID_INPUT, which each can answer with. */
  failures: FailureClass[];
  /** Calls the verb, and nothing else. */
  run: (context: GraphQLContext, input: Input) => Promise<Payload>;
}

/** Adds a mutation whose result is the union of its payload and its failures, named after the mutation. */
export function mutation<Input, Payload extends object>(name: string, options: MutationOptions<Input, Payload>): void {
  const typeName = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  const failures = [InvalidInputError, ...options.failures] as (typeof InvalidInputError)[];
  builder.mutationField(name, (t) =>
    t.field({
      type: options.payload,
      description: options.description,
      ...needs(options.right),
      errors: {
        types: failures,
        union: { name: `${typeName}Result`, description: `What \`${name}\` did, or why it did not.` },
      },
      args: { input: t.arg({ type: options.input, required: true, description: 'What to do.' }) },
      resolve: (_root, args, context) => options.run(context, (args as unknown as { input: Input }).input) as never,
    }),
  );
}

/** An input whose explicit nulls count as absent: for settings that can't be cleared. */
export function withoutNulls<Fields extends object>(
  input: Fields,
): { [Name in keyof Fields]: Exclude<Fields[Name], null> } {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null)) as never;
}
