/** A world whose webhooks Apple reaches: the real endpoint on a real socket, and what a test may send there itself. @module */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { webhookPath, webhookSecret } from '../../src/domain/notification/address.ts';
import { createNotificationEndpoint } from '../../src/http/apple-notifications.ts';
import type { NotificationBody } from '../../src/simulator/index.ts';
import { createWorld, type World } from './world.ts';

/** A world with webhooks. */
export interface LiveWorld extends World {
  publicUrl: string;
  /** Posts a body to the token's webhook as Apple does; gives the status. */
  post(tokenId: bigint, body: NotificationBody | string, options?: { bearer?: string | null }): Promise<number>;
  /** Sends what the simulator has ready, and applies it; nothing is polled. */
  hear(): Promise<void>;
  /** The notifications that the simulator would send, without sending them. */
  withheld(): NotificationBody[];
}

/** Makes a world whose tokens have live notifications. */
export async function createLiveWorld(options: Parameters<typeof createWorld>[0] = {}): Promise<LiveWorld> {
  const simulator = { allowHttpNotificationUrl: true, ...options.simulator };
  const world = await createWorld({ ...options, simulator });
  const answer = createNotificationEndpoint(world.services, 1024 * 1024);
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world.services.settings.publicUrl = publicUrl;

  const webhookOf = async (tokenId: bigint) =>
    (await world.database.prisma.tokenWebhook.findFirstOrThrow({ where: { tokenId } })).webhookId;
  return {
    ...world,
    publicUrl,
    post: async (tokenId, body, { bearer } = {}) => {
      const webhookId = await webhookOf(tokenId);
      const key = bearer === undefined ? webhookSecret(world.services, webhookId) : bearer;
      const response = await fetch(`${publicUrl}${webhookPath}${webhookId}`, {
        method: 'POST',
        headers: key === null ? {} : { authorization: `Bearer ${key}` },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      await response.text();
      return response.status;
    },
    hear: async () => {
      await world.simulator.admin.deliverDue();
      await world.work();
    },
    withheld: () => world.simulator.admin.deliveries({ state: 'waiting', bodies: true }).map(({ body }) => body!),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await world.close();
    },
  };
}
