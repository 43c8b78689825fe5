/** Apple's webhooks on a real socket: who gets in, what is stored before it is answered, and how many a second. */
import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { webhookPath, webhookSecret } from '../../src/domain/notification/address.ts';
import type { Streams } from '../../src/graphql/ports.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let server: HttpServer;
let url: string;
let token: bigint;
let uId: string;
let webhookId: string;
let bearer: string;
const log: string[] = [];

beforeAll(async () => {
  world = await createWorld();
  const write = (fields: object, message: string) => void log.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  server = createHttpServer({ services: { ...world.services, logger }, streams: {} as Streams, version: 'test' });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${port}`;
  token = await world.library('own');
  uId = (await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).uId;
  ({ webhookId } = await world.database.prisma.tokenWebhook.findFirstOrThrow({ where: { tokenId: token } }));
  bearer = webhookSecret(world.services, webhookId);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

const stored = () => world.database.prisma.notification.count({ where: { tokenId: token } });
const body = (more: object = {}) =>
  JSON.stringify({
    notification: {},
    notificationId: randomUUID(),
    notificationType: 'TEST_NOTIFICATION',
    uId,
    ...more,
  });

function send(text: string, { key = `Bearer ${bearer}` as string | null, id = webhookId, method = 'POST' } = {}) {
  return fetch(`${url}${webhookPath}${id}`, {
    method,
    ...(method === 'POST' ? { body: text } : {}),
    headers: key === null ? {} : { authorization: key },
  });
}

test('F3 a notification is stored when it is answered, and a repeated one is stored once', async () => {
  const before = await stored();
  const one = body();
  expect((await send(one)).status).toBe(204);
  expect(await stored()).toBe(before + 1);
  const many = await Promise.all([one, one, body(), one].map((text) => send(text)));
  expect(many.map((response) => response.status)).toEqual([204, 204, 204, 204]);
  expect(await stored()).toBe(before + 2);
  const { notificationId } = JSON.parse(one) as { notificationId: string };
  expect((await send(body({ notificationId }))).status).toBe(204);
  expect((await send(body({ notificationId, later: 1 }))).status).toBe(204);
  expect(await stored()).toBe(before + 3);
  const [job] = await world.database.prisma.$queryRaw<unknown[]>`
    SELECT 1 FROM graphile_worker.jobs WHERE key = ${`notify:${world.organizationId}:${token}`}`;
  expect(job).toBeDefined();
});

test('F3 a wrong bearer, none, and an unknown webhook meet the same words, and nothing is stored', async () => {
  const before = await stored();
  const stranger = randomUUID();
  const refused = await Promise.all([
    send(body(), { key: 'Bearer wrong' }),
    send(body(), { key: null }),
    send(body(), { key: `Basic ${bearer}` }),
    send(body(), { id: stranger }),
    send(body(), { id: `${webhookId}x` }),
    send(body(), { id: '' }),
    // Even its own bearer opens no webhook that no token has.
    send(body(), { id: stranger, key: `Bearer ${webhookSecret(world.services, stranger)}` }),
    send('', { method: 'GET', key: null }),
  ]);
  const texts = await Promise.all(refused.map((response) => response.text()));
  expect(new Set(refused.map((response) => response.status))).toEqual(new Set([403]));
  expect(new Set(texts).size).toBe(1);
  expect(await stored()).toBe(before);
});

test('F3 what is no JSON object is 400, what is too long 413, another method 405', async () => {
  for (const text of ['', '{', '[]', 'null', '7']) expect((await send(text)).status).toBe(400);
  expect((await send(body({ filler: 'x'.repeat(1024 * 1024) }))).status).toBe(413);
  expect((await send('', { method: 'GET' })).status).toBe(405);
});

test('F3 while the database is out of reach Apple is told to come again', async () => {
  const before = await stored();
  await world.database.prisma.$executeRaw`ALTER TABLE notification RENAME TO notification_away`;
  const answer = await send(body());
  await world.database.prisma.$executeRaw`ALTER TABLE notification_away RENAME TO notification`;
  expect(answer.status).toBe(503);
  expect((await send(body())).status).toBe(204);
  expect(await stored()).toBe(before + 1);
});

test('F3 the webhook of a removed token is closed', async () => {
  const prisma = world.database.prisma;
  await prisma.token.updateMany({ where: { id: token }, data: { removedAt: world.clock.now() } });
  expect((await send(body())).status).toBe(403);
  await prisma.token.updateMany({ where: { id: token }, data: { removedAt: null } });
  expect((await send(body())).status).toBe(204);
});

test('S10 neither the bearer nor a body is in the log', async () => {
  const marked = body({ filler: 'seen-nowhere' });
  await send(marked);
  await send(marked, { key: 'Bearer also-secret' });
  const lines = log.join('\n');
  expect(lines).toContain('"status":403');
  for (const secret of [bearer, 'also-secret', 'seen-nowhere']) expect(lines).not.toContain(secret);
});

test('F3 500 notifications a second are taken and applied', async () => {
  const total = 4_500;
  const app = [...world.simulator.admin.truth({ uId }).assets][0]!;
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const texts = Array.from({ length: total }, (_, n) =>
    body({
      notificationType: 'ASSET_MANAGEMENT',
      notification: {
        eventId: 'load',
        type: 'ASSOCIATE',
        result: 'FAILURE',
        error: { errorNumber: 9709, errorMessage: 'none left' },
        assignments: Array.from({ length: 100 }, (_, i) => ({
          adamId: app.adamId,
          pricingParam: 'STDQ',
          serialNumber: `LOAD${n}X${i}`,
        })),
      },
    }),
  );
  const took: number[] = [];
  const post = (text: string) =>
    new Promise<number>((resolve, reject) => {
      const began = performance.now();
      const headers = { authorization: `Bearer ${bearer}`, 'content-length': Buffer.byteLength(text) };
      const call = httpRequest(`${url}${webhookPath}${webhookId}`, { method: 'POST', agent, headers }, (response) => {
        response.resume().once('end', () => {
          took.push(performance.now() - began);
          resolve(response.statusCode!);
        });
      });
      call.once('error', reject).end(text);
    });
  const before = await stored();
  const rate = (count: number, since: number) => Math.round(count / ((performance.now() - since) / 1000));
  const rounds: number[] = [];
  const statuses: number[] = [];
  const cpu = process.cpuUsage();
  for (let round = 0; round < 3; round++) {
    const part = texts.slice((round * total) / 3, ((round + 1) * total) / 3);
    const began = performance.now();
    statuses.push(...(await Promise.all(part.map(post))));
    rounds.push(rate(part.length, began));
  }
  const { user, system } = process.cpuUsage(cpu);
  const perOne = (user + system) / 1000 / total;
  const taken = performance.now();
  await world.work();
  const applied = rate(total, taken);
  agent.destroy();
  expect(statuses.every((status) => status === 204)).toBe(true);
  expect(await stored()).toBe(before + total);
  expect(await world.database.prisma.notification.count({ where: { appliedAt: null } })).toBe(0);
  const slowest = Math.round(took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!);
  console.log(
    `notifications of 100 items: ${rounds.join(', ')} a second stored (99 % within ${slowest} ms, ${perOne.toFixed(2)} ms of this process each), ${applied} a second applied`,
  );
  // How many a second there are depends on who else works on this machine. What each costs does not: 500 of them, with
  // the sender, fit into one core and leave the other to PostgreSQL.
  expect(perOne).toBeLessThan(2);
});
