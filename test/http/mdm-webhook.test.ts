/** Webhooks of MDM servers on a real socket: who gets in, and what is stored before it is answered. */
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mdmWebhookPath } from '../../src/domain/mdm/address.ts';
import { sealSecrets } from '../../src/domain/mdm/secrets.ts';
import type { Streams } from '../../src/graphql/ports.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createWorld, type World } from '../support/world.ts';

const hmacKey = 'a key of the webhook';
const webhookId: string = randomUUID();
let world: World;
let server: HttpServer;
let url: string;
const log: string[] = [];

beforeAll(async () => {
  world = await createWorld();
  const write = (fields: object, message: string) => void log.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  server = createHttpServer({ services: { ...world.services, logger }, streams: {} as Streams, version: 'test' });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${port}`;
  const now = world.clock.now();
  await world.database.prisma.mdmConnection.create({
    data: {
      ...{
        organizationId: world.organizationId,
        kind: 'NANOMDM',
        name: 'Test',
        webhookId,
        createdAt: now,
        updatedAt: now,
      },
      ...{ baseUrl: 'http://127.0.0.1:1', pathPrefix: '/v1/', userName: 'nanomdm' },
      ...(await sealSecrets(world.services, webhookId, { apiKey: 'k', hmacKey })),
    },
  });
});
afterAll(async () => {
  await server.close();
  await world.close();
});

const stored = () => world.database.prisma.deviceNews.count();
let told = 0;
const message = (more: object = {}) =>
  JSON.stringify({
    topic: 'mdm.Connect',
    created_at: new Date(told++ * 1_000).toISOString(),
    acknowledge_event: { udid: 'ABC', ids: { id: 'ABC', type: 'Device' }, status: 'Idle', raw_payload: '' },
    ...more,
  });
const signatureOf = (text: string, key = hmacKey) => createHmac('sha256', key).update(text).digest('base64');

function send(text: string, { signature = signatureOf(text) as string | null, id = webhookId, method = 'POST' } = {}) {
  return fetch(`${url}${mdmWebhookPath}${id}`, {
    method,
    ...(method === 'POST' ? { body: text } : {}),
    headers: signature === null ? {} : { 'x-hmac-signature': signature },
  });
}
const statusOf = async (...parameters: Parameters<typeof send>) => (await send(...parameters)).status;

test('§5.1 a message is stored when it is answered with exactly 200, and told twice it is stored once', async () => {
  const one = message();
  expect(await statusOf(one)).toBe(200);
  expect(await stored()).toBe(1);
  expect(await Promise.all([one, one, message()].map((text) => statusOf(text)))).toEqual([200, 200, 200]);
  expect(await stored()).toBe(2);
});

test('§5.1 without the right signature over these very bytes nothing is read, in the same words as for no webhook', async () => {
  const before = await stored();
  const [one, other] = [message(), message()];
  const refused = [
    await send(one, { signature: null }),
    await send(one, { signature: '' }),
    await send(one, { signature: signatureOf(other) }),
    await send(`${one} `, { signature: signatureOf(one) }),
    await send(one, { signature: signatureOf(one, 'another key') }),
    await send('no json', { signature: 'no' }),
    await send(one, { id: randomUUID() }),
    await send(one, { id: 'no-id' }),
  ];
  expect(refused.map((response) => response.status)).toEqual(refused.map(() => 403));
  expect(new Set(await Promise.all(refused.map((response) => response.text()))).size).toBe(1);
  expect(await stored()).toBe(before);
});

test('§5.1 other methods, other bodies, too large, and a database out of reach', async () => {
  const before = await stored();
  expect(await statusOf('', { method: 'GET' })).toBe(405);
  expect(await statusOf('{}')).toBe(400);
  expect(await statusOf('x'.repeat(1_600_000))).toBe(413);
  expect(await stored()).toBe(before);
});

test('§5.1 without an HMAC key its address is all that guards it; a removed connection hears nothing', async () => {
  const { prisma } = world.database;
  await prisma.mdmConnection.updateMany({ where: { webhookId }, data: { hmacKeyJwe: null } });
  await world.clock.advance(6_000);
  expect(await statusOf(message(), { signature: null })).toBe(200);
  await prisma.mdmConnection.updateMany({ where: { webhookId }, data: { removedAt: world.clock.now() } });
  await world.clock.advance(6_000);
  expect(await statusOf(message(), { signature: null })).toBe(403);
});

test('§5.1 addresses, keys and messages never reach the log', () => {
  expect(log.length).toBeGreaterThan(0);
  expect(log.join('\n')).not.toContain(webhookId);
  expect(log.join('\n')).not.toMatch(/a key of the webhook|"ABC"/);
});
