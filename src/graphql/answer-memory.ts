/**
 * Answers that were just given and still hold. Dashboards ask for the same page again and again; until something of the
 * organization's library changes, the answer is the same text. Only operations that read nothing but the library are
 * remembered, and only while news of changes arrive.
 * @module
 */
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isLeafType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { SignedIn } from './context.ts';
import { createLikeness } from './likeness.ts';

/** News of an organization's library: apps, pools, licenses, devices, people and tokens. */
export interface LibraryNews {
  /** Changes whenever something did. What was read under an equal stamp is as new as what could be read now. */
  stamp(organizationId: bigint): string;
  /** News arrive. */
  readonly live: boolean;
}

/** Types whose every change is news; besides connections and edges of them. */
const library = new Set([
  ...['Query', 'PageInfo', 'App', 'AppPlatformVariant', 'Price', 'LicensePool', 'LicenseCounts', 'License'],
  ...[
    'LicenseAllocation',
    'AllocationSkipped',
    'AllocationQuota',
    'LicenseHolder',
    'Device',
    'VppUser',
    'Token',
    'ForeignServer',
  ],
]);

/** Most characters of all answers together, and of what they are known by. */
const mostCharacters = 16 * 1024 * 1024;

/** Options of {@link useAnswerMemory}. */
export interface AnswerMemoryOptions {
  news: LibraryNews;
  /** How long an answer is remembered at most, in milliseconds: what depends on the clock is never older. */
  rememberFor: number;
}

interface Remembered {
  stamp: string;
  until: number;
  text: string;
  result: ExecutionResult;
}

/** The last of the plugins: what it remembers has passed all others. */
export function useAnswerMemory({ news, rememberFor }: AnswerMemoryOptions): Plugin<SignedIn> {
  const answers = new Map<string, Remembered>();
  const likeness = createLikeness();
  const readsLibrary = createLibraryCheck();
  /** Own writes are known before their news have made the round through the database. */
  const writes = new Map<bigint, number>();
  let characters = 0;

  const stampOf = (organizationId: bigint) => `${news.stamp(organizationId)} ${writes.get(organizationId) ?? 0}`;

  const forget = (key: string) => {
    const known = answers.get(key);
    if (!known) return;
    characters -= key.length + known.text.length;
    answers.delete(key);
  };

  const remember = (key: string, answer: Remembered) => {
    forget(key);
    answers.set(key, answer);
    characters += key.length + answer.text.length;
    for (const oldest of answers.keys()) {
      if (characters <= mostCharacters) return;
      forget(oldest);
    }
  };

  const recall = (key: string, stamp: string): ExecutionResult | undefined => {
    const known = answers.get(key);
    if (known && known.stamp === stamp && performance.now() < known.until) return known.result;
    forget(key);
    return undefined;
  };

  return {
    onExecute: ({ args, setResultAndStopExecution }) => {
      const { organizationId } = (args.contextValue as SignedIn).actor;
      const operation = getOperationAST(args.document, args.operationName)?.operation;
      if (operation === 'mutation') {
        return { onExecuteDone: () => void writes.set(organizationId, (writes.get(organizationId) ?? 0) + 1) };
      }
      if (operation !== 'query' || !news.live || !readsLibrary(args)) return;
      const key = likeness(args);
      const stamp = stampOf(organizationId);
      const known = recall(key, stamp);
      if (known) return setResultAndStopExecution(known);
      return {
        onExecuteDone: ({ result, setResult }) => {
          if (Symbol.asyncIterator in result || result.errors) return;
          const text = JSON.stringify(result);
          const written = { ...result, stringify: () => text };
          remember(key, { stamp, until: performance.now() + rememberFor, text, result: written });
          setResult(written);
        },
      };
    },
  };
}

/** Whether a document reads nothing but the library. Looked at once for each. */
function createLibraryCheck(): (args: ExecutionArgs) => boolean {
  const known = new WeakMap<DocumentNode, boolean>();
  return ({ schema, document }) => {
    const answer = known.get(document) ?? check(schema, document);
    known.set(document, answer);
    return answer;
  };
}

/** What a connection or an edge is of. */
function listed(type: GraphQLNamedType): GraphQLNamedType {
  if (!isObjectType(type) || !/(Connection|Edge)$/.test(type.name)) return type;
  const { edges, node } = type.getFields();
  const inside = edges ?? node;
  return inside ? listed(getNamedType(inside.type)) : type;
}

function check(schema: GraphQLSchema, document: DocumentNode): boolean {
  const types = new TypeInfo(schema);
  let only = true;
  const look = () => {
    const type = types.getType();
    const named = type && getNamedType(type);
    if (!named) only = false;
    else if (!isLeafType(named)) only &&= library.has(listed(named).name);
  };
  // Other operations of the document are looked at too: at worst a query is not remembered.
  visit(document, visitWithTypeInfo(types, { Field: { enter: look } }));
  return only;
}
