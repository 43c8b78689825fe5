import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handleHealth, type ReadinessCheck } from './health.ts';
import { respondError } from './respond.ts';

/** A port with nothing on it but `/health/live` and `/health/ready`. */
export interface HealthServer {
  url: string;
  close(): Promise<void>;
}

/** Serves the health of a process that has no other port; `port` 0 takes a free one. */
export async function startHealthServer(
  { host, port }: { host: string; port: number },
  check: ReadinessCheck,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    handleHealth(check, request, response).then(
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
