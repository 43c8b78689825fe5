import type { IncomingMessage } from 'node:http';
import { CloseCode, type Server } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { KeyActor } from '../domain/actor.ts';
import type { Logger } from '../lib/logger.ts';
import type { HttpLimits } from './options.ts';

/** What belongs to one socket. */
export interface SocketState {
  socket: WebSocket;
  request: IncomingMessage;
  signIn?: () => Promise<KeyActor | null>;
  stopChecking?: () => void;
}

/**
 * Ties one socket to the protocol. Sending resolves when the bytes have left for the network, so that a reader who does
 * not read stalls the stream behind it instead of filling our memory.
 */
export function attachSocket(
  protocol: Server<SocketState>,
  state: SocketState,
  options: Pick<HttpLimits, 'maxBufferedBytes' | 'pingEvery'> & { logger: Logger },
): void {
  const { socket } = state;
  const { logger } = options;
  const stopPinging = keepAlive(socket, options.pingEvery);
  socket.on('error', (error) => logger.debug({ error }, 'a WebSocket broke'));
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send: (message) => send(socket, message, options.maxBufferedBytes),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (handle) =>
        socket.on('message', (data) => {
          handle(String(data)).catch((error: unknown) => {
            logger.error({ error }, 'a WebSocket message could not be handled');
            socket.close(CloseCode.InternalServerError, 'Something went wrong on our side');
          });
        }),
    },
    state,
  );
  socket.once('close', (code, reason) => {
    stopPinging();
    closed(code, String(reason)).catch((error: unknown) =>
      logger.error({ error }, 'a WebSocket could not be closed cleanly'),
    );
  });
}

function send(socket: WebSocket, message: string, maxBufferedBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    // Each operation waits for its own bytes, so this much can only pile up from many of them at once.
    if (socket.bufferedAmount > maxBufferedBytes) {
      socket.terminate();
      return resolve();
    }
    socket.send(message, (error) => (error ? reject(error) : resolve()));
  });
}

/** Pings, and cuts off a socket that has not answered when the next ping is due. */
function keepAlive(socket: WebSocket, pingEvery: number): () => void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, pingEvery);
  timer.unref();
  return () => clearInterval(timer);
}
