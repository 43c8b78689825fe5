/** The API over HTTP: typed documents in, data or a {@link DemoFailure} out. @module */
import type { TypedDocumentString } from '../generated/operations/graphql.ts';
import { DemoFailure, fromRefusal, fromWireErrors, notRunning, notSignedIn, type WireError } from './failure.ts';

/** How to reach the API. */
export interface ApiAddress {
  /** Address of GraphQL over HTTP, e.g. `http://127.0.0.1:4000/graphql`. */
  url: string;
  apiKey: string;
}

/** Asks the API. */
export interface Client {
  ask<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data>;
}

/** Longest wait for an answer, in milliseconds. An upload asks Apple, which may take ten seconds. */
const patience = 30_000;

/** A client of the API. `signal` ends what is under way. */
export function createClient({ url, apiKey }: ApiAddress, signal: AbortSignal): Client {
  return {
    ask: async <Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables) => {
      const response = await send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
        body: JSON.stringify({ query: document.toString(), variables }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      });
      if (response.status === 401) throw notSignedIn();
      const { data, errors } = parse(response, await response.text());
      if (errors && errors.length > 0) throw fromWireErrors(errors);
      return data as Data;
    },
  };
}

async function send(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (error instanceof TypeError) throw notRunning(`nobody answers at ${url}`);
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new DemoFailure('NO_ANSWER', `${url} did not answer within ${patience / 1000} s.`);
    throw error;
  }
}

function parse({ url, status }: Response, text: string): { data?: unknown; errors?: WireError[] } {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer))
      return answer as { data?: unknown; errors?: WireError[] };
  } catch {}
  throw new DemoFailure('NOT_RUSSET', `What listens at ${url} is no GraphQL API (status ${status}).`, [
    'Is the port right? npm start prints the address.',
  ]);
}

/** What a mutation did; throws its refusal. */
export function granted<Result extends object>(result: Result): Exclude<Result, { code: unknown }> {
  if ('code' in result && 'message' in result) throw fromRefusal(result as { code: string; message: string });
  return result as Exclude<Result, { code: unknown }>;
}

/** One page of a list. */
interface Page<Node> {
  edges: { node: Node }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** All objects of a list, page after page. `read` reads the page behind a cursor. */
export async function readAll<Node>(read: (after: string | null) => Promise<Page<Node>>): Promise<Node[]> {
  const nodes: Node[] = [];
  let after: string | null = null;
  for (;;) {
    const { edges, pageInfo }: Page<Node> = await read(after);
    nodes.push(...edges.map(({ node }) => node));
    if (!pageInfo.hasNextPage) return nodes;
    after = pageInfo.endCursor;
  }
}
