import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handleHealth, type ReadinessCheck } from './health.ts';
import { type GuardedMetrics, handleMetrics } from './metrics/handle.ts';
import { respondError } from './respond.ts';

/** A port with nothing on it but `/health/live`, `/health/ready` and, where they are wanted, `/metrics`. */
export interface HealthServer {
  url: string;
  close(): Promise<void>;
}

/** Serves the health of a process that has no other port; `port` 0 takes a free one. */
export async function startHealthServer(
  { host, port }: { host: string; port: number },
  check: ReadinessCheck,
  metrics?: GuardedMetrics,
): Promise<HealthServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse) =>
    (await handleHealth(check, request, response)) || handleMetrics(metrics, request, response);
  const server = createServer((request, response) => {
    answer(request, response).then(
      (answered) => answered || respondError(response, 404, 'NOT_FOUND', 'There is nothing here but /health/ready.'),
      () => response.destroy(),
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
