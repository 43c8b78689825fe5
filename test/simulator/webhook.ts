/** A client's webhook on a real socket, for tests of notifications. @module */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** One message that arrived. */
export interface Arrival {
  authorization: string | undefined;
  contentType: string | undefined;
  text: string;
  body: {
    [field: string]: unknown;
    notificationId: string;
    notificationType: string;
    uId: string;
    notification: {
      [field: string]: unknown;
      eventId?: string;
      result?: string;
      assignments?: { adamId: string; serialNumber?: string; clientUserId?: string }[];
    };
  };
}

export interface Webhook {
  url: string;
  arrivals: Arrival[];
  /** Messages of one type. */
  of(type: string): Arrival['body'][];
  /** Statuses of the next answers; then 200 again. */
  answers: number[];
  /** Most messages that were here at once. */
  most: number;
}

/** Starts a webhook that ends with the test and answers 200 unless told otherwise. */
export async function webhook(holdMs = 0): Promise<Webhook> {
  let here = 0;
  const server = createServer((message, response) => void receive(message, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const hook: Webhook = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    arrivals: [],
    of: (type) => hook.arrivals.map((one) => one.body).filter((body) => body.notificationType === type),
    answers: [],
    most: 0,
  };

  async function receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    hook.most = Math.max(hook.most, ++here);
    let text = '';
    for await (const part of message) text += String(part);
    const { authorization, 'content-type': contentType } = message.headers;
    hook.arrivals.push({ authorization, contentType, text, body: parse(text) });
    if (holdMs > 0) await new Promise((resolve) => setTimeout(resolve, holdMs));
    here--;
    const status = hook.answers.shift() ?? 200;
    response.writeHead(status, status >= 300 && status < 400 ? { location: '/elsewhere' } : {});
    response.end();
  }
  return hook;
}

function parse(text: string): Arrival['body'] {
  try {
    return JSON.parse(text) as Arrival['body'];
  } catch {
    return { notificationId: '', notificationType: '', uId: '', notification: {} };
  }
}
