/** Many subscribers in one process: opens sockets, and notes when each of them got what. The same for both sides. @module */
import { WebSocket } from 'ws';
import { serveCalls } from './serve-calls.mjs';

/** @type {Set<WebSocket>} */
const sockets = new Set();
/** Milliseconds of the clock that all processes of this machine share, when a message came. @type {number[]} */
let arrivals = [];
let sample = '';
/** @type {(() => void) | null} */
let onArrival = null;
let lost = 0;
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const now = () => performance.now() + offset;

/** @type {Record<string, (request: any) => Promise<unknown>>} */
const verbs = {
  /** Opens `count` sockets, a few at a time; each is open when it is subscribed and has got `first` messages. */
  open: async ({ url, count, subscription, first, atOnce }) => {
    let left = count;
    const one = async () => {
      while (left-- > 0) await open(url, subscription, first);
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    return sockets.size;
  },
  /** Forgets what came so far. */
  arm: async () => {
    arrivals = [];
  },
  /** Waits until all of them have got `messages` more each; gives when they came. */
  collect: async ({ messages, patience }) => {
    const wanted = messages * sockets.size;
    await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${arrivals.length} of ${wanted} messages came, ${lost} sockets were lost`)),
        patience,
      );
      onArrival = () => {
        if (arrivals.length < wanted) return;
        clearTimeout(timer);
        onArrival = null;
        resolve(undefined);
      };
      onArrival();
    });
    return { arrivals, sample };
  },
  close: async () => {
    const closed = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.terminate();
    await Promise.all(closed);
  },
};

serveCalls((request) => verbs[request.type](request));

/**
 * @param {string} url
 * @param {{ key: string, query: string, variables: unknown } | null} subscription null for the bare server
 * @param {number} first
 */
function open(url, subscription, first) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, subscription ? 'graphql-transport-ws' : [], { perMessageDeflate: false });
    const ready = () => {
      sockets.add(socket);
      resolve(undefined);
    };
    let before = first;
    const send = (/** @type {unknown} */ message) => socket.send(JSON.stringify(message));
    socket.on('open', () => {
      if (subscription) send({ type: 'connection_init', payload: { apiKey: subscription.key } });
      else ready();
    });
    socket.on('message', (data) => {
      if (before <= 0) {
        arrivals.push(now());
        if (arrivals.length === 1) sample = String(data);
        onArrival?.();
        return;
      }
      const message = JSON.parse(String(data));
      if (message.type === 'connection_ack') {
        const { query, variables } = /** @type {NonNullable<typeof subscription>} */ (subscription);
        send({ id: '1', type: 'subscribe', payload: { query, variables } });
      } else if (message.type === 'next' && !message.payload.errors) {
        if (--before === 0) ready();
      } else reject(new Error(String(data)));
    });
    socket.on('error', reject);
    socket.on('close', (code, reason) => {
      if (sockets.delete(socket)) lost += 1;
      reject(new Error(`a socket was closed: ${code} ${reason}`));
    });
    if (!subscription) before = 0;
  });
}
