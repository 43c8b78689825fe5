import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createVirtualClock, systemClock } from '../../src/lib/clock.ts';
import { bookReader, type OptionsPatch, plainApps, school, schoolUnits } from '../../src/simulator/index.ts';
import { type Bench, bench, serials } from './support.ts';
import { type Webhook, webhook } from './webhook.ts';

const uId = schoolUnits.own;
const types = ['ASSET_MANAGEMENT', 'ASSET_COUNT'];
const one = (adamId: string, serialNumbers: string[]) => ({ assets: [{ adamId }], serialNumbers });

/** A simulator whose library `own` tells a webhook; the test notification is forgotten again. */
async function listening(options: OptionsPatch = {}, subscribed = types): Promise<Bench & { hook: Webhook }> {
  const [hook, tools] = [await webhook(), await bench({ allowHttpNotificationUrl: true, ...options })];
  await subscribe(tools, hook.url, subscribed);
  hook.arrivals.length = 0;
  tools.admin.clearDeliveries();
  return { ...tools, hook };
}

async function subscribe(tools: Bench, url: string, notificationTypes = types) {
  const json = { notificationUrl: url, notificationAuthToken: 'a secret of ours', notificationTypes };
  return tools.ask('/client/config', { json });
}

describe('F8 POST client/config calls the URL first', () => {
  it('F8 with TEST_NOTIFICATION and the new token, before it stores anything', async () => {
    const [hook, tools] = [await webhook(), await bench({ allowHttpNotificationUrl: true })];
    expect(await subscribe(tools, hook.url)).toMatchObject({
      status: 200,
      body: { notificationUrl: hook.url, notificationAuthToken: 'a secret of ours' },
    });
    expect(hook.arrivals).toMatchObject([
      {
        authorization: 'Bearer a secret of ours',
        contentType: expect.stringContaining('application/json'),
        body: {
          notification: {},
          notificationId: expect.stringMatching(/./),
          notificationType: 'TEST_NOTIFICATION',
          uId,
        },
      },
    ]);
    expect(tools.admin.deliveries()).toMatchObject([{ type: 'TEST_NOTIFICATION', state: 'delivered' }]);
    expect(JSON.stringify(tools.admin.deliveries({ bodies: true }))).not.toContain('a secret of ours');
  });

  it.each([500, 404, 302, 401])('F8 9728 when the answer is %i, and nothing is stored', async (status) => {
    const [hook, tools] = [await webhook(), await bench({ allowHttpNotificationUrl: true })];
    hook.answers = [status];
    const before = (await tools.ask('/client/config')).body;
    expect(await subscribe(tools, hook.url)).toMatchObject({ status: 400, body: { errorNumber: 9728 } });
    expect((await tools.ask('/client/config')).body).toEqual(before);
  });

  it('F8 9728 when nobody answers, unless the test is skipped by option', async () => {
    const tools = await bench({ allowHttpNotificationUrl: true });
    expect((await subscribe(tools, 'http://127.0.0.1:1/')).body.errorNumber).toBe(9728);
    tools.admin.setOptions({ testNotification: 'skipped' });
    expect((await subscribe(tools, 'http://127.0.0.1:1/')).status).toBe(200);
  });

  it('F8 a claim alone calls nobody', async () => {
    const { ask, hook } = await listening();
    await ask('/client/config', { json: { mdmInfo: { id: 'a', name: 'b', metadata: 'c' } } });
    expect(hook.arrivals).toEqual([]);
  });
});

describe('F8 what is told', () => {
  it('F8 ASSET_MANAGEMENT: successes and failures apart, one adamId each, at most 100 rows', async () => {
    const { post, admin, hook } = await listening({ eventBatchSize: 170 });
    const assets = [{ adamId: school.twentyFive }, { adamId: school.universal }];
    const eventId = await post('/assets/associate', { assets, serialNumbers: serials(150), clientUserIds: ['nobody'] });
    await admin.advance(5000);
    const told = hook.of('ASSET_MANAGEMENT');
    for (const { notification } of told) {
      expect(notification).toMatchObject({ eventId, type: 'ASSOCIATE' });
      expect(notification.assignments!.length).toBeLessThanOrEqual(100);
      expect(new Set(notification.assignments!.map((row) => row.adamId)).size).toBe(1);
      if (notification.result === 'SUCCESS') expect(notification).not.toHaveProperty('error');
    }
    const rows = (result: string, errorNumber?: number) =>
      told
        .filter(
          ({ notification: n }) =>
            n.result === result && (n.error as { errorNumber?: number })?.errorNumber === errorNumber,
        )
        .flatMap(({ notification }) => notification.assignments!);
    expect(rows('SUCCESS')).toHaveLength(25 + 150);
    expect(rows('FAILURE', 9709)).toHaveLength(125);
    expect(rows('FAILURE', 9609)).toEqual([
      { adamId: school.twentyFive, pricingParam: 'STDQ', clientUserId: 'nobody' },
      { adamId: school.universal, pricingParam: 'STDQ', clientUserId: 'nobody' },
    ]);
    expect(new Set(told.map((body) => body.notificationId)).size).toBe(told.length);
  });

  it('F8 a revoke may mix assets; a disassociate names itself', async () => {
    const { post, admin, hook } = await listening();
    for (const adamId of plainApps.slice(0, 2)) admin.assign({ uId, adamId, serialNumber: 'S1' });
    await post('/assets/disassociate', one(plainApps[3]!, ['S1']));
    await post('/assets/revoke', { serialNumbers: ['S1'] });
    await admin.advance(1000);
    expect(
      hook.of('ASSET_MANAGEMENT').map((body) => [body.notification.type, body.notification.assignments!.length]),
    ).toEqual([
      ['DISASSOCIATE', 1],
      ['REVOKE', 2],
    ]);
  });

  it('F8 the first comes while the event is PENDING, the last after its final status', async () => {
    const { post, admin, hook, status } = await listening({ notificationDelayMs: 300 });
    const eventId = await post('/assets/associate', one(school.universal, serials(1000)));
    await admin.advance(500);
    expect(hook.arrivals).toHaveLength(2);
    expect((await status(eventId)).eventStatus).toBe('PENDING');
    await admin.advance(550);
    expect((await status(eventId)).eventStatus).toBe('COMPLETE');
    expect(hook.arrivals.length).toBeLessThan(10);
    await admin.advance(300);
    expect(hook.arrivals).toHaveLength(10);
  });

  it('F8 ASSET_COUNT for a purchase, a refund and a transfer, never for an assignment', async () => {
    const { admin, hook } = await listening();
    const key = { uId, adamId: school.twentyFive };
    admin.assign({ ...key, serialNumber: 'S1' });
    admin.purchase({ ...key, count: 5 });
    admin.refund({ ...key, count: 2 });
    expect(admin.transfer({ ...key, to: schoolUnits.district, count: 3 })).toMatchObject({
      from: { total: 25 },
      to: { total: 103 },
    });
    expect(() => admin.transfer({ ...key, to: schoolUnits.district, count: 25 })).toThrow('only 24');
    await admin.advance(1000);
    expect(hook.arrivals.map(({ body }) => [body.notificationType, body.notification])).toEqual(
      [5, -2, -3].map((countDelta) => ['ASSET_COUNT', { adamId: key.adamId, pricingParam: 'STDQ', countDelta }]),
    );
  });

  it('F8 only what was subscribed, and only to the library that did', async () => {
    const { post, admin, hook } = await listening({}, ['ASSET_COUNT']);
    await post('/assets/associate', one(school.twentyFive, ['S1']));
    await post('/assets/associate', one(school.twentyFive, ['S1']), 'district');
    admin.purchase({ uId: schoolUnits.district, adamId: school.twentyFive, count: 1 });
    await admin.advance(5000);
    expect(hook.arrivals).toEqual([]);
    expect(admin.deliveries()).toEqual([]);
  });

  it('F8 users and devices are told apart', async () => {
    const { post, admin, hook } = await listening();
    await post('/assets/associate', {
      assets: [{ adamId: school.twentyFive }],
      serialNumbers: ['S1'],
      clientUserIds: [bookReader],
    });
    await admin.advance(1000);
    const common = { adamId: school.twentyFive, pricingParam: 'STDQ' };
    expect(hook.of('ASSET_MANAGEMENT')[0]!.notification.assignments).toEqual([
      { ...common, clientUserId: bookReader },
      { ...common, serialNumber: 'S1' },
    ]);
  });
});

describe('F8 delivery', () => {
  it('F8 any 2xx is a success; otherwise up to three attempts within 1 to 5 minutes, with the same id', async () => {
    const { admin, hook } = await listening();
    const buy = () => admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    buy();
    hook.answers = [204];
    await admin.advance(600_000);
    expect(hook.arrivals).toHaveLength(1);
    buy();
    hook.answers = [500, 302, 404];
    await admin.advance(600_000);
    expect(hook.arrivals).toHaveLength(4);
    expect(new Set(hook.arrivals.slice(1).map(({ body }) => body.notificationId)).size).toBe(1);
    const [good, lost] = admin.deliveries();
    expect(good).toMatchObject({ state: 'delivered', attempts: [{ status: 204 }] });
    expect(lost).toMatchObject({ state: 'failed', attempts: [{ status: 500 }, { status: 302 }, { status: 404 }] });
    const [first, , third] = lost!.attempts.map((attempt) => Date.parse(attempt.at));
    expect(third! - first!).toBeGreaterThanOrEqual(60_000);
    expect(third! - first!).toBeLessThanOrEqual(300_000);
  });

  it('F8 the token and the URL are those that are stored when it is sent', async () => {
    const tools = await listening();
    const later = await webhook();
    tools.admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    await tools.ask('/client/config', { json: { notificationUrl: later.url, notificationAuthToken: 'fresh' } });
    await tools.admin.advance(1000);
    expect(tools.hook.arrivals).toEqual([]);
    expect(later.arrivals.map((one) => one.authorization)).toEqual(['Bearer fresh', 'Bearer fresh']);
  });

  it('F8 or those that were stored when it happened, by option', async () => {
    const tools = await listening({ notificationAddress: 'when-queued' });
    const later = await webhook();
    tools.admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    await tools.ask('/client/config', { json: { notificationUrl: later.url, notificationAuthToken: 'fresh' } });
    await tools.admin.advance(1000);
    expect(tools.hook.arrivals.map((one) => one.authorization)).toEqual(['Bearer a secret of ours']);
    expect(later.of('ASSET_COUNT')).toEqual([]);
  });

  it('F8 an answer that takes too long is none', async () => {
    const [hook, tools] = [
      await webhook(2000),
      await bench({ allowHttpNotificationUrl: true, notificationTimeoutMs: 40 }),
    ];
    expect((await subscribe(tools, hook.url)).body.errorNumber).toBe(9728);
    expect(tools.admin.deliveries()).toMatchObject([{ state: 'failed', attempts: [{ error: 'TimeoutError' }] }]);
  });

  it('F8 nothing is sent by itself with a virtual clock: deliverDue sends what is due', async () => {
    const { admin, hook, clock } = await listening();
    admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    expect(await admin.deliverDue()).toEqual({ delivered: 0, refused: 0, waiting: 1 });
    await clock.advance(1000);
    expect(hook.arrivals).toEqual([]);
    expect(await admin.deliverDue()).toEqual({ delivered: 1, refused: 0, waiting: 0 });
    expect(hook.arrivals).toHaveLength(1);
  });

  it('F8 pause, resume, deliver in any order, drop', async () => {
    const { admin, hook } = await listening();
    admin.pauseDeliveries();
    for (const count of [1, 2, 3, 4]) admin.purchase({ uId, adamId: school.twentyFive, count });
    await admin.advance(600_000);
    expect(hook.arrivals).toEqual([]);
    const [first, second, third, fourth] = admin.deliveries({ state: 'waiting' }).map((delivery) => delivery.n);
    admin.dropDeliveries({ numbers: [second!] });
    expect(await admin.deliver({ numbers: [fourth!, first!] })).toMatchObject({ delivered: 2, waiting: 1 });
    expect(hook.of('ASSET_COUNT').map((body) => body.notification.countDelta)).toEqual([4, 1]);
    admin.resumeDeliveries();
    await admin.deliverDue();
    expect(hook.of('ASSET_COUNT').map((body) => body.notification.countDelta)).toEqual([4, 1, 3]);
    expect(admin.deliveries().map(({ n, state }) => [n, state])).toEqual([
      [first, 'delivered'],
      [second, 'dropped'],
      [third, 'delivered'],
      [fourth, 'delivered'],
    ]);
    admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    expect(await admin.deliver()).toMatchObject({ delivered: 1, waiting: 0 });
  });

  it('F8 anything can be sent: other types, tokens, bodies', async () => {
    const { admin, hook } = await listening();
    const order = { uId, type: 'UNLIMITED_ASSET', notification: { adamId: '1' }, notificationId: 'twice' };
    expect(await admin.sendNotification(order)).toMatchObject({ state: 'delivered', notificationId: 'twice' });
    hook.answers = [403, 400];
    await admin.sendNotification({ ...order, authorization: null });
    await admin.sendNotification({ ...order, authorization: 'Bearer wrong', raw: '{"not":' });
    expect(hook.arrivals.map((one) => one.authorization)).toEqual([
      'Bearer a secret of ours',
      undefined,
      'Bearer wrong',
    ]);
    expect(hook.arrivals[0]!.body).toEqual({
      notification: { adamId: '1' },
      notificationId: 'twice',
      notificationType: 'UNLIMITED_ASSET',
      uId,
    });
    expect(hook.arrivals[2]!.text).toBe('{"not":');
    expect(admin.deliveries().map((one) => one.attempts[0]!.status)).toEqual([200, 403, 400]);
  });

  it("F8 with the machine's clock it goes by itself, and retries after the configured wait", async () => {
    const hook = await webhook();
    const tools = await bench({
      clock: systemClock as never,
      allowHttpNotificationUrl: true,
      eventBatchMs: 10,
      notificationDelayMs: 10,
      notificationRetryMinMs: 20,
      notificationRetryMaxMs: 40,
    });
    await subscribe(tools, hook.url);
    hook.answers = [503];
    await tools.post('/assets/associate', one(school.twentyFive, ['S1']));
    await expect.poll(() => hook.of('ASSET_MANAGEMENT').length, { interval: 5, timeout: 5000 }).toBe(2);
    await expect.poll(() => tools.admin.deliveries().at(-1)?.state).toBe('delivered');
  });

  it('F8 23 apps × 1000 devices are 230 notifications, a few at once', async () => {
    const hook = await webhook(1);
    const tools = await bench({ allowHttpNotificationUrl: true, notificationConcurrency: 3 });
    await subscribe(tools, hook.url);
    const assets = plainApps.slice(0, 23).map((adamId) => ({ adamId }));
    await tools.post('/assets/associate', { assets, serialNumbers: serials(1000) });
    await tools.clock.advance(60_000);
    await tools.admin.deliverDue();
    expect(hook.of('ASSET_MANAGEMENT')).toHaveLength(230);
    expect(hook.most).toBe(3);
  });

  it('F8 what waits survives a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stateFile = join(folder, 'state.json');
    const [hook, first] = [await webhook(), await bench({ allowHttpNotificationUrl: true, stateFile })];
    await subscribe(first, hook.url);
    await first.post('/assets/associate', one(school.twentyFive, serials(30)));
    await first.clock.advance(1000);
    await first.simulator.close();
    const second = await bench({ clock: createVirtualClock(first.clock.now()), stateFile });
    expect(await second.admin.deliverDue()).toMatchObject({ delivered: 2 });
    expect(hook.of('ASSET_MANAGEMENT').map((body) => body.notification.assignments!.length)).toEqual([25, 5]);
  });
});

describe('F8 misfortunes of notifications', () => {
  const buyTen = async (options: OptionsPatch) => {
    const tools = await listening(options);
    for (let count = 1; count <= 10; count++) tools.admin.purchase({ uId, adamId: school.exactly300, count });
    await tools.admin.advance(1000);
    const counts = () => tools.hook.of('ASSET_COUNT').map((body) => body.notification.countDelta);
    return { ...tools, counts };
  };
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  it('F8 dropped', async () => {
    const { counts, admin } = await buyTen({ notificationMisfortunes: { drop: 0.5 } });
    expect(counts().length).toBeGreaterThan(0);
    expect(counts().length + admin.deliveries({ state: 'dropped' }).length).toBe(10);
    expect(counts().length).toBeLessThan(10);
  });

  it('F8 the same seed loses the same ones', async () => {
    const [a, b] = [
      await buyTen({ notificationMisfortunes: { drop: 0.5 } }),
      await buyTen({ notificationMisfortunes: { drop: 0.5 } }),
    ];
    expect(a.counts()).toEqual(b.counts());
  });

  it('F8 duplicated, with the same id or a new one', async () => {
    const same = await buyTen({ notificationMisfortunes: { duplicate: 1 } });
    expect(same.counts()).toHaveLength(20);
    expect(new Set(same.hook.arrivals.map(({ body }) => body.notificationId)).size).toBe(10);
    const fresh = await buyTen({ notificationMisfortunes: { duplicateNewId: 1 } });
    expect(new Set(fresh.hook.arrivals.map(({ body }) => body.notificationId)).size).toBe(20);
  });

  it('F8 reordered, by overtaking or by jitter', async () => {
    const overtaken = await buyTen({ notificationMisfortunes: { reorder: 1 }, notificationConcurrency: 1 });
    expect(overtaken.counts()).not.toEqual(all);
    expect([...overtaken.counts()].sort((a, b) => Number(a) - Number(b))).toEqual(all);
    const jittered = await buyTen({ notificationJitterMs: 500, notificationConcurrency: 1 });
    expect(jittered.counts()).not.toEqual(all);
  });

  it('F8 late', async () => {
    const { counts, admin } = await buyTen({ notificationMisfortunes: { late: 1 }, notificationLateMs: 30_000 });
    expect(counts()).toEqual([]);
    await admin.advance(30_000);
    expect(counts()).toHaveLength(10);
  });

  it('F8 an unknown field, an unknown type, an event that nobody started, a negative count', async () => {
    const { hook } = await buyTen({
      notificationMisfortunes: { unknownField: 1, unknownType: 1, unknownEvent: 1, negativeCount: 1 },
    });
    expect(hook.of('SOMETHING_OF_TOMORROW')).toHaveLength(10);
    expect(hook.of('ASSET_MANAGEMENT')).toHaveLength(10);
    expect(hook.of('ASSET_COUNT').filter((body) => Number(body.notification.countDelta) < 0)).toHaveLength(10);
    expect(hook.of('ASSET_COUNT').filter((body) => 'someFieldOfTomorrow' in body)).toHaveLength(10);
  });
});
