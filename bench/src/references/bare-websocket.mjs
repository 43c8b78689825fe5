/** `ws` and nothing else: it accepts sockets, and sends all of them the same text when it is told to. @module */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (socket) => socket.on('message', () => {}));
server.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ type: 'ready', url: `ws://127.0.0.1:${port}` });
});
process.on('message', (/** @type {any} */ request) => {
  if (request.type !== 'broadcast') return;
  const at = process.hrtime.bigint();
  for (let index = 0; index < request.messages; index++) for (const socket of server.clients) socket.send(request.text);
  process.send?.({ type: 'answer', answer: Number(at) / 1e6 });
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
