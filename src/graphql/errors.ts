/**
 * Top-level errors on the wire. Each carries `extensions.code`. What is not meant for clients is replaced by one
 * sentence with the correlation id under which it was logged.
 *
 * Codes: UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT, GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED, the limits' own
 * (see `limits.ts`), INTERNAL_SERVER_ERROR, and the code of an expected failure where a query or subscription meets one.
 * @module
 */
import { PothosValidationError } from '@pothos/core';
import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { DomainError, ForbiddenError } from '../domain/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { SignedIn } from './context.ts';

/** Where a masked error is written down. */
export interface Report {
  logger: Logger;
  correlationId: string;
}

/** The error as clients see it. One that already has a code passes unchanged. */
export function toWireError(error: unknown, report: Report, otherwise = 'BAD_USER_INPUT'): GraphQLError {
  if (error instanceof GraphQLError) {
    // An error of a compiled query may have no extensions at all.
    if (error.extensions?.code !== undefined) return error;
    const cause = rootCause(error);
    // Without a path nothing was executed: the request itself was wrong, which HTTP says too.
    const http = error.path === undefined ? { http: { status: 400, spec: true } } : {};
    if (cause !== undefined) return fromCause(cause, error, report);
    if (isOurs(error)) return masked(error, error, report);
    return recoded(error, withoutSecrets(error.message), { code: otherwise, ...http });
  }
  return fromCause(error, undefined, report);
}

function fromCause(cause: unknown, located: GraphQLError | undefined, report: Report): GraphQLError {
  if (cause instanceof ForbiddenError)
    return recoded(located, cause.message, { code: cause.code, required: cause.required });
  if (cause instanceof DomainError)
    return recoded(located, cause.message, { code: cause.code, argument: cause.inputPath });
  if (cause instanceof PothosValidationError) return recoded(located, cause.message, { code: 'BAD_USER_INPUT' });
  return masked(cause, located, report);
}

function masked(cause: unknown, located: GraphQLError | undefined, { logger, correlationId }: Report): GraphQLError {
  logger.error({ error: cause, correlationId, path: located?.path }, 'an operation failed unexpectedly');
  const message = `Something went wrong on our side. Nothing more is known to you; quote ${correlationId} when you report it.`;
  return recoded(located, message, { code: 'INTERNAL_SERVER_ERROR', correlationId });
}

/**
 * What an executor itself finds wrong at a field is what we gave it: a null where the schema promises none, a value that a
 * type can't hold. Only an argument that a variable made null is the client's mistake there.
 */
function isOurs(error: GraphQLError): boolean {
  return error.path !== undefined && !error.message.startsWith('Argument "');
}

/** GraphQL repeats what it was sent: `Variable "$input" got invalid value { file: "…" }`. No name is as long as a token file. */
function withoutSecrets(message: string): string {
  return message.replace(/[\w+/=-]{40,}/g, '…');
}

/** A new error at the same place: the old one may be kept in a cache and must not be changed. */
function recoded(
  located: GraphQLError | undefined,
  message: string,
  extensions: Record<string, unknown>,
): GraphQLError {
  const { nodes, source, positions, path, locations } = located ?? {};
  const error = new GraphQLError(message, { nodes, source, positions, path, extensions });
  // Compiled queries know where, and not by which node.
  if (error.locations === undefined && locations !== undefined)
    Object.defineProperty(error, 'locations', { value: locations, enumerable: true });
  return error;
}

/** The error below all of GraphQL's own wrappers; undefined when GraphQL itself refused something. */
function rootCause(error: GraphQLError): unknown {
  const cause = error.originalError;
  return cause instanceof GraphQLError && !(cause instanceof PothosValidationError) ? rootCause(cause) : cause;
}

/** Puts codes on every error that leaves, on both transports. */
export function useWireErrors(logger: Logger): Plugin<SignedIn> {
  const reportOf = (context: SignedIn): Report => ({ logger, correlationId: context.correlationId });
  return {
    onParse:
      ({ context }) =>
      ({ result, replaceParseResult }) => {
        if (result instanceof Error) replaceParseResult(toWireError(result, reportOf(context), 'GRAPHQL_PARSE_FAILED'));
      },
    onValidate:
      ({ context }) =>
      ({ result, setResult }) => {
        if (result.length > 0)
          setResult(result.map((error: unknown) => toWireError(error, reportOf(context), 'GRAPHQL_VALIDATION_FAILED')));
      },
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result, setResult }) => setResult(withCodes(result, reportOf(args.contextValue))),
    }),
    onSubscribe: ({ args }) => ({
      onSubscribeResult: ({ result, setResult }) => {
        if (!isStream(result)) setResult(withCodes(result, reportOf(args.contextValue)));
        return {
          onNext: ({ result: next, setResult: setNext }) => setNext(withCodes(next, reportOf(args.contextValue))),
        };
      },
      onSubscribeError: ({ error, setError }) => setError(toWireError(error, reportOf(args.contextValue))),
    }),
  };
}

function withCodes<T>(result: T, report: Report): T {
  const errors = (result as { errors?: readonly GraphQLError[] }).errors;
  return errors === undefined ? result : { ...result, errors: errors.map((error) => toWireError(error, report)) };
}

function isStream(result: object): boolean {
  return Symbol.asyncIterator in result;
}
