/** A client of a running API: operations over HTTP. @module */

/** An error of an answer. */
export interface WireError {
  message: string;
  extensions?: Record<string, unknown>;
}

/** Where an API listens, and the key that it is asked with. */
export interface ApiClient {
  /** Address of GraphQL over HTTP and server-sent events. */
  url: string;
  /** Address of GraphQL over WebSocket. */
  socketUrl: string;
  key: string;
  /** Every answer so far, as it came. */
  answers: string[];
  /** The data of an answer. Throws when it has errors. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** The answer as it is. */
  send(query: string, variables?: Record<string, unknown>): Promise<{ status: number; text: string }>;
}

/** Makes a client. `url` is where the API listens. */
export function createApiClient(url: string, key: string): ApiClient {
  const answers: string[] = [];
  const send: ApiClient['send'] = async (query, variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    answers.push(text);
    return { status: response.status, text };
  };
  return {
    url,
    socketUrl: url.replace(/^http/, 'ws'),
    key,
    answers,
    send,
    ask: async <Data>(query: string, variables?: Record<string, unknown>) => {
      const { status, text } = await send(query, variables);
      const { data, errors } = JSON.parse(text) as { data?: Data; errors?: WireError[] };
      if (errors || data === undefined) throw new Error(`${status}: ${text}`);
      return data;
    },
  };
}
