/** Stands between an MDM server and Russet's webhook, and does what networks do: holds, repeats, turns around, loses. @module */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One message as the server sent it. */
export interface Parcel {
  body: Buffer;
  signature: string | undefined;
  topic: string;
  commandUuid: string | undefined;
}

export interface Relay {
  url: string;
  /** While set, what it fits is kept back. */
  holds: ((parcel: Parcel) => boolean) | null;
  /** What was kept back. */
  held: Parcel[];
  /** Everything that came, and how Russet answered. */
  told: { parcel: Parcel; status: number | null }[];
  /** Where Russet listens now. */
  target: string;
  /** Hands a message to Russet; gives its answer, or null when nobody is there. */
  forward(parcel: Parcel): Promise<number | null>;
  close(): Promise<void>;
}

export async function openRelay(): Promise<Relay> {
  const server = createServer(async (request, response) => {
    const parcel = read(request, await bytes(request));
    response.writeHead(200).end();
    if (relay.holds?.(parcel)) relay.held.push(parcel);
    else await relay.forward(parcel);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    holds: null,
    held: [],
    told: [],
    target: '',
    forward: async (parcel) => {
      const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
      if (parcel.signature !== undefined) headers['x-hmac-signature'] = parcel.signature;
      const status = await fetch(relay.target, { method: 'POST', body: new Uint8Array(parcel.body), headers }).then(
        (answer) => answer.status,
        () => null,
      );
      relay.told.push({ parcel, status });
      return status;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return relay;
}

async function bytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function read({ headers }: IncomingMessage, body: Buffer): Parcel {
  const { topic, acknowledge_event: event } = JSON.parse(body.toString('utf8')) as {
    topic: string;
    acknowledge_event?: { command_uuid?: string };
  };
  return {
    body,
    topic,
    signature: headers['x-hmac-signature'] as string | undefined,
    commandUuid: event?.command_uuid,
  };
}
