import { afterAll, beforeAll, expect, test } from 'vitest';
import { transaction } from '../../src/db/transaction.ts';
import { writeNotice } from '../../src/domain/token/notices.ts';
import { startHealthServer } from '../../src/http/health-server.ts';
import { createMetrics } from '../../src/http/metrics/registry.ts';
import { addToken } from '../graphql/rows.ts';
import { startApi, type TestApi } from './support/api.ts';

const token = 'a-token-for-prometheus';
let api: TestApi;
let organizationId: bigint;
beforeAll(async () => {
  api = await startApi({ metricsToken: token });
  organizationId = await api.organization();
});
afterAll(() => api.close());

const scrape = (bearer: string | null, path = '/metrics') =>
  api.send({ path, ...(bearer === null ? {} : { headers: { authorization: `Bearer ${bearer}` } }) });
/** The samples of a metric: labels and value. */
const samples = (text: string, name: string) =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) && !line.endsWith(' 0'));

test('F7 /metrics is for whoever sends its token, and for no API key', async () => {
  const key = await api.key(organizationId);
  for (const wrong of [null, '', 'a-token', `${token}x`, key]) {
    const answer = await scrape(wrong);
    expect([wrong, answer.status, answer.headers.get('www-authenticate')]).toEqual([wrong, 401, 'Bearer']);
    expect(await answer.text()).not.toContain('russet_');
  }
  const answer = await scrape(token);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=0\.0\.4/),
  ]);
});

test('F7 without a token there is no /metrics', async () => {
  const closed = await startApi();
  expect((await closed.send({ path: '/metrics', headers: { authorization: 'Bearer ' } })).status).toBe(404);
  await closed.close();
});

test('F7 the metrics tell days left and states of tokens, and each notice once, also at the first scrape', async () => {
  const { prisma, clock } = api.services;
  const row = await addToken(prisma, organizationId, { label: 'Secret name' });
  const gone = await addToken(prisma, organizationId);
  await prisma.token.updateMany({
    where: { id: row.id },
    data: { expiresAt: new Date(clock.now().getTime() + 12.5 * 86_400_000) },
  });
  await prisma.token.updateMany({ where: { id: gone.id }, data: { removedAt: clock.now() } });
  const notice = { cycle: 1, expiresAt: row.expiresAt, foreignMdm: null, appleErrorNumber: null };
  const key = { organizationId, tokenId: row.id };
  for (const [kind, rung] of [
    ['EXPIRING', 30],
    ['EXPIRING', 15],
    ['TAKEN_OVER', null],
  ] as const) {
    await transaction(api.services, (tx) => writeNotice(tx, key, { ...notice, kind, rung }, clock.now()));
  }
  for (let round = 0; round < 2; round++) {
    const text = await (await scrape(token)).text();
    expect(samples(text, 'russet_token_days_left')).toEqual([
      `russet_token_days_left{organization="${organizationId}",token="${row.id}"} 12.5`,
    ]);
    expect(samples(text, 'russet_tokens')).toEqual(['russet_tokens{state="EXPIRING"} 1']);
    expect(samples(text, 'russet_token_notices_total').sort()).toEqual([
      'russet_token_notices_total{kind="EXPIRING",rung="15"} 1',
      'russet_token_notices_total{kind="EXPIRING",rung="30"} 1',
      'russet_token_notices_total{kind="TAKEN_OVER",rung=""} 1',
    ]);
    expect(text).not.toContain('Secret name');
  }
});

test('S28 the metrics tell how MDM servers stand, and news that were not applied', async () => {
  const { prisma, clock } = api.services;
  const now = clock.now();
  const data = { organizationId, kind: 'GRAPHQL' as const, name: 'Secret server', createdAt: now, updatedAt: now };
  const problem = { code: 'UNREACHABLE', message: 'secret', at: now.toISOString() };
  const { id: connectionId } = await prisma.mdmConnection.create({ data: { ...data, problem, heardAt: now } });
  const news = { organizationId, connectionId, enrollmentId: 'U', news: {}, receivedAt: now, dueAt: now };
  await prisma.deviceNews.createMany({
    data: [
      { ...news, hash: 'a' },
      { ...news, hash: 'b' },
      { ...news, hash: 'c', appliedAt: now, outcome: 'SET_ASIDE' },
    ],
  });
  const text = await (await scrape(token)).text();
  const of = `{organization="${organizationId}"}`;
  expect(text).toContain(`russet_mdm_usable${of} 0`);
  expect(text).toContain(`russet_mdm_heard_timestamp_seconds${of} ${now.getTime() / 1_000}`);
  expect(text).toContain(`russet_device_news_waiting${of} 2`);
  expect(text).toContain(`russet_device_news_set_aside${of} 1`);
  expect(text).not.toContain('ecret');
});

test('F7 a worker tells its metrics on the port of its health', async () => {
  const metrics = createMetrics({ services: api.services, version: '1.2.3', name: 'worker' });
  const server = await startHealthServer({ host: '127.0.0.1', port: 0 }, async () => null, { metrics, token });
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
  const answer = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect(await answer.text()).toContain('russet_info{version="1.2.3",mode="SANDBOX",process="worker"} 1');
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
  expect((await fetch(`${server.url}/elsewhere`)).status).toBe(404);
  await server.close();
});
