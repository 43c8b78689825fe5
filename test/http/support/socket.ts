/** A client over WebSocket. @module */
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Answer, TestApi } from './api.ts';

export interface TestSocket {
  client: Client;
  /** Everything that an operation answers, until it completes. Errors before execution come as one answer. */
  collect(query: string, variables?: Record<string, unknown>): Promise<Answer[]>;
  close(): Promise<void>;
}

/** Opens a socket and signs in. */
export async function openSocket(api: Pick<TestApi, 'socketUrl'>, key: string): Promise<TestSocket> {
  const client = createClient({
    url: api.socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: key },
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: () => {},
  });
  const gone = new Promise<void>((resolve) => client.on('closed', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    client.on('connected', () => resolve());
    client.on('closed', reject);
  });
  return {
    client,
    collect: (query, variables = {}) =>
      new Promise((resolve, reject) => {
        const answers: Answer[] = [];
        client.subscribe<Answer['data']>(
          { query, variables },
          {
            next: (answer) => answers.push(answer as Answer),
            error: (errors) =>
              Array.isArray(errors) ? resolve([{ errors: errors as NonNullable<Answer['errors']> }]) : reject(errors),
            complete: () => resolve(answers),
          },
        );
      }),
    close: async () => {
      await client.dispose();
      await gone;
    },
  };
}
