/** What an operation may ask for. Checked before any resolver runs, the same way on both transports. @module */
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { type ExecutionArgs, GraphQLError, getOperationAST, getVariableValues, Kind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { maxPageSize } from './builder.ts';
import { operationCost } from './cost.ts';

/** Most of each thing in one operation. */
export interface OperationLimits {
  /** Characters of the document; QUERY_TOO_LARGE. Lists belong into variables. */
  characters: number;
  /** Lexical tokens of the document; TOO_MANY_TOKENS. */
  tokens: number;
  /** Nesting of fields, through fragments too; QUERY_TOO_DEEP. */
  depth: number;
  /** Aliases; TOO_MANY_ALIASES. */
  aliases: number;
  /** Directives; TOO_MANY_DIRECTIVES. */
  directives: number;
  /** Objects that the answer can hold; QUERY_TOO_COSTLY. */
  cost: number;
}

/** The limits that hold unless somebody sets others. */
export const defaultLimits: OperationLimits = {
  characters: 64 * 1024,
  tokens: 2_000,
  depth: 14,
  aliases: 30,
  directives: 50,
  cost: 15_000,
};

function refuse(code: string, message: string): () => never {
  return () => {
    throw new GraphQLError(`${message} Nothing was done.`, { extensions: { code, http: { status: 400, spec: true } } });
  };
}

/** All limits as plugins, in the order in which they are checked. */
export function limitPlugins(limits: OperationLimits): Plugin[] {
  const tooMany = (code: string, most: number, what: string) => [
    refuse(code, `The document has more than ${most} ${what}.`),
  ];
  return [
    {
      onParse: ({ params }) => {
        if (String(params.source.body ?? params.source).length > limits.characters)
          refuse(
            'QUERY_TOO_LARGE',
            `The document has more than ${limits.characters} characters; send lists as variables.`,
          )();
      },
    },
    maxTokensPlugin({ n: limits.tokens, onReject: tooMany('TOO_MANY_TOKENS', limits.tokens, 'tokens') }) as Plugin,
    maxDepthPlugin({
      n: limits.depth,
      flattenFragments: true,
      onReject: tooMany('QUERY_TOO_DEEP', limits.depth, 'levels'),
    }) as Plugin,
    maxAliasesPlugin({ n: limits.aliases, onReject: tooMany('TOO_MANY_ALIASES', limits.aliases, 'aliases') }) as Plugin,
    maxDirectivesPlugin({
      n: limits.directives,
      onReject: tooMany('TOO_MANY_DIRECTIVES', limits.directives, 'directives'),
    }) as Plugin,
    costPlugin(limits.cost),
  ];
}

/** Refuses what costs too much, and tells the cost of the rest in `extensions.cost`. */
function costPlugin(limit: number): Plugin {
  return {
    onExecute: ({ args, setResultAndStopExecution }) => {
      const checked = checkCost(args, limit);
      if (checked instanceof GraphQLError) return setResultAndStopExecution({ errors: [checked] });
      return {
        onExecuteDone: ({ result, setResult }) => {
          if (Symbol.asyncIterator in result || checked === null) return;
          setResult({ ...result, extensions: { ...result.extensions, cost: { objects: checked, limit } } });
        },
      };
    },
    onSubscribe: ({ args, setResultAndStopExecution }) => {
      const checked = checkCost(args, limit);
      if (checked instanceof GraphQLError) setResultAndStopExecution({ errors: [checked] });
    },
  };
}

/** The cost; an error when it is too high; null for what can't be run anyway, which the executor explains better. */
function checkCost(args: ExecutionArgs, limit: number): number | GraphQLError | null {
  const operation = getOperationAST(args.document, args.operationName);
  if (!operation) return null;
  const coerced = getVariableValues(args.schema, operation.variableDefinitions ?? [], args.variableValues ?? {});
  if (coerced.errors) return null;
  const fragments = Object.fromEntries(
    args.document.definitions.flatMap((part) =>
      part.kind === Kind.FRAGMENT_DEFINITION ? [[part.name.value, part]] : [],
    ),
  );
  try {
    const cost = operationCost({ schema: args.schema, operation, fragments, variables: coerced.coerced, maxPageSize });
    if (cost <= limit) return cost;
    return new GraphQLError(
      `The operation can answer with ${cost} objects; at most ${limit} are allowed. Nothing was done. Ask for shorter pages.`,
      {
        extensions: { code: 'QUERY_TOO_COSTLY', objects: cost, limit, http: { status: 400, spec: true } },
      },
    );
  } catch (error) {
    // A value that does not fit its argument: the executor says so at its place.
    return error instanceof GraphQLError && error.extensions.code !== undefined ? error : null;
  }
}
