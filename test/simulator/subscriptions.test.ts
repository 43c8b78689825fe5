import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { bookReader, type OptionsPatch, type SimulatorParts, schoolUnits } from '../../src/simulator/index.ts';
import { bench, serials } from './support.ts';
import { webhook } from './webhook.ts';

const uId = schoolUnits.own;
const [adamId, other, parentAdamId] = ['8000000011', '8000000012', '8000000001'];
const registered = '5f1d7a4e-0000-4000-8000-000000000002';
const dayMs = 86_400_000;

interface Counts {
  renewing: number;
  expiring: number;
}

interface Row {
  adamId: number;
  parentAdamId: number;
  status: string;
  periodEndDate: string;
  counts: { assigned: Counts; available: Counts; total: Counts };
}

/** A library that enabled subscriptions and bought 3 renewing and 2 expiring seats of one; five people are linked. */
async function subscribed(options: OptionsPatch & SimulatorParts = {}) {
  const [hook, tools] = [
    await webhook(),
    await bench({ allowHttpNotificationUrl: true, notificationConcurrency: 1, ...options }),
  ];
  const notificationTypes = ['SUBSCRIPTION_COUNT', 'SUBSCRIPTION_MANAGEMENT'];
  await tools.ask('/client/config', {
    json: { notificationUrl: hook.url, notificationAuthToken: 's', notificationTypes },
  });
  await tools.ask('/subscriptions/enable', { method: 'POST' });
  const people = serials(5, 'p-');
  for (const clientUserId of people) tools.admin.setUser({ uId, clientUserId, status: 'Associated' });
  tools.admin.buySubscription({ uId, adamId, parentAdamId, renewing: 3, expiring: 2 });
  await tools.admin.advance(1000);
  hook.arrivals.length = 0;
  const run = async (verb: 'associate' | 'disassociate', clientUserIds: string[], more: object = {}) => {
    const eventId = await tools.post(`/subscriptions/${verb}`, { adamIds: [Number(adamId)], clientUserIds, ...more });
    await tools.admin.advance(1000);
    return tools.status(eventId);
  };
  const row = async () => ((await tools.ask('/subscriptions')).body.subscriptions as Row[])[0]!;
  const seats = async () => (await tools.ask('/subscriptions/assignments')).body.assignments as unknown[];
  return { ...tools, hook, people, run, row, seats };
}

describe('F8 subscriptions: enable, disable, buy', () => {
  it('F8 nothing is bought before it is enabled; 9818 while one exists', async () => {
    const { ask, admin } = await bench();
    expect(() => admin.buySubscription({ uId, adamId, renewing: 1 })).toThrow('did not enable');
    expect((await ask('/subscriptions/enable', { method: 'POST' })).body).toMatchObject({
      subscriptionManagement: true,
      uId,
    });
    admin.buySubscription({ uId, adamId, renewing: 1 });
    expect(await ask('/subscriptions/disable', { method: 'POST' })).toMatchObject({
      status: 400,
      body: { errorNumber: 9818 },
    });
    admin.setSubscription({ uId, adamId, status: 'INACTIVE' });
    expect((await ask('/subscriptions/disable', { method: 'POST' })).body).toMatchObject({
      subscriptionManagement: false,
    });
    expect((await ask('/subscriptions/enable', { method: 'POST', token: 'read-only' })).body.errorNumber).toBe(9637);
  });

  it('F8 a row has numbers as ids, a date, and counts that add up', async () => {
    const { row, run, people, admin } = await subscribed();
    await run('associate', people.slice(0, 2), { renewing: true });
    await run('associate', people.slice(2, 3), { renewing: false });
    const { counts, ...rest } = await row();
    expect(rest).toEqual({
      parentAdamId: Number(parentAdamId),
      adamId: Number(adamId),
      status: 'ACTIVE',
      periodEndDate: '2026-12-24',
    });
    expect(counts).toEqual({
      assigned: { renewing: 2, expiring: 1 },
      available: { renewing: 1, expiring: 1 },
      total: { renewing: 3, expiring: 2 },
    });
    const sum = ({ renewing, expiring }: Counts) => renewing + expiring;
    expect(sum(counts.assigned) + sum(counts.available)).toBe(sum(counts.total));
    expect(admin.subscriptions({ uId }).subscriptions[0]).toMatchObject({ adamId, ...counts });
  });

  it('F8 SUBSCRIPTION_COUNT tells of a purchase, without assigned', async () => {
    const { admin, hook } = await subscribed();
    admin.buySubscription({ uId, adamId, renewing: 4, expiring: -1 });
    await admin.advance(1000);
    expect(hook.of('SUBSCRIPTION_COUNT').map((body) => body.notification)).toEqual([
      {
        parentAdamId: Number(parentAdamId),
        adamId: Number(adamId),
        counts: { available: { renewing: 7, expiring: 1 }, total: { renewing: 7, expiring: 1 } },
      },
    ]);
  });
});

describe('F8 subscriptions: associate, disassociate', () => {
  it('F8 seats are given to linked people and told of', async () => {
    const { run, people, hook, seats } = await subscribed();
    expect(await run('associate', people.slice(0, 4), { renewing: true })).toMatchObject({
      eventType: 'ASSOCIATE',
      eventStatus: 'FAILED',
      numRequested: 4,
      numCompleted: 3,
      failures: [{ errorNumber: 9709, errorInfo: { adamIds: [Number(adamId)], clientUserIds: [people[3]] } }],
    });
    const row = (clientUserId: string | undefined) => ({ adamId: Number(adamId), clientUserId, renewing: true });
    expect(await seats()).toEqual(people.slice(0, 3).map(row));
    expect(hook.of('SUBSCRIPTION_MANAGEMENT').map((body) => body.notification)).toMatchObject([
      { type: 'ASSOCIATE', result: 'SUCCESS', assignments: people.slice(0, 3).map(row) },
      { type: 'ASSOCIATE', result: 'FAILURE', assignments: [row(people[3])], error: { errorNumber: 9709 } },
    ]);
  });

  it('F8 a repeat takes no second seat; another kind moves it', async () => {
    const { run, people, row } = await subscribed();
    for (let time = 0; time < 2; time++) {
      expect(await run('associate', people.slice(0, 1), { renewing: true })).toMatchObject({ eventStatus: 'COMPLETE' });
    }
    expect((await row()).counts.assigned).toEqual({ renewing: 1, expiring: 0 });
    await run('associate', people.slice(0, 1), { renewing: false });
    expect((await row()).counts.assigned).toEqual({ renewing: 0, expiring: 1 });
  });

  it('F8 a seat comes back at once', async () => {
    const { run, people, seats, hook } = await subscribed();
    await run('associate', people.slice(0, 2));
    hook.arrivals.length = 0;
    expect(await run('disassociate', people.slice(0, 1))).toMatchObject({
      eventType: 'DISASSOCIATE',
      eventStatus: 'COMPLETE',
    });
    expect(await seats()).toMatchObject([{ clientUserId: people[1] }]);
    expect(hook.of('SUBSCRIPTION_MANAGEMENT')).toMatchObject([
      { notification: { type: 'DISASSOCIATE', result: 'SUCCESS' } },
    ]);
  });

  it('F8 or at the end of the period, and is told of then', async () => {
    const { run, people, seats, hook, admin } = await subscribed();
    await run('associate', people.slice(0, 2));
    hook.arrivals.length = 0;
    const status = await run('disassociate', people.slice(0, 1), { deferred: true });
    expect(status).toMatchObject({ eventStatus: 'COMPLETE' });
    await admin.advance(29 * dayMs);
    expect(await seats()).toHaveLength(2);
    expect(hook.arrivals).toEqual([]);
    await admin.advance(dayMs);
    expect(await seats()).toMatchObject([{ clientUserId: people[1] }]);
    expect(hook.of('SUBSCRIPTION_MANAGEMENT')).toMatchObject([
      {
        notification: {
          type: 'DISASSOCIATE',
          result: 'SUCCESS',
          eventId: expect.any(String),
          assignments: [{ clientUserId: people[0] }],
        },
      },
    ]);
  });

  it('F8 retiring a user frees the seat', async () => {
    const { run, people, seats, post, admin } = await subscribed();
    await run('associate', people.slice(0, 1));
    await post('/users/retire', { users: [{ clientUserId: people[0] }] });
    await admin.advance(1000);
    expect(await seats()).toEqual([]);
  });
});

describe('F8 subscriptions: the end of a period', () => {
  it('F8 renewing seats renew, expiring ones fall away, and it is told', async () => {
    const { run, people, row, seats, hook, admin, clock } = await subscribed();
    await run('associate', people.slice(0, 2), { renewing: true });
    await run('associate', people.slice(2, 4), { renewing: false });
    hook.arrivals.length = 0;
    await clock.advance(30 * dayMs);
    expect(await seats()).toMatchObject([{ clientUserId: people[0] }, { clientUserId: people[1] }]);
    expect(await row()).toMatchObject({
      status: 'ACTIVE',
      periodEndDate: '2027-01-23',
      counts: { assigned: { renewing: 2, expiring: 0 }, total: { renewing: 3, expiring: 0 } },
    });
    await admin.advance(1000);
    expect(hook.of('SUBSCRIPTION_COUNT')).toHaveLength(1);
    await admin.advance(65 * dayMs);
    expect((await row()).periodEndDate).toBe('2027-03-24');
  });

  it('F8 without a renewing seat it becomes INACTIVE, with all counts zero', async () => {
    const { admin, ask } = await subscribed();
    admin.buySubscription({ uId, adamId: other, expiring: 2, periodDays: 7 });
    await admin.advance(8 * dayMs);
    const rows = (await ask(`/subscriptions?adamId=${other}`)).body.subscriptions as Row[];
    const none = { renewing: 0, expiring: 0 };
    expect(rows).toMatchObject([{ status: 'INACTIVE', counts: { assigned: none, available: none, total: none } }]);
  });

  it('F8 a paused one moves on without losing anybody', async () => {
    const { admin, run, people, seats, row } = await subscribed();
    await run('associate', people.slice(0, 1), { renewing: false });
    admin.setSubscription({ uId, adamId, status: 'PAUSED' });
    await admin.advance(31 * dayMs);
    expect(await seats()).toHaveLength(1);
    expect(await row()).toMatchObject({ status: 'PAUSED', periodEndDate: '2027-01-23' });
  });
});

describe('F8 subscriptions: admins and pages', () => {
  it('F8 admins are added, listed with their state, and removed, at once', async () => {
    const { ask, people } = await subscribed();
    const before = (await ask('/subscriptions/admins')).body.versionId;
    const json = { adamIds: [Number(adamId)], clientUserIds: people.slice(0, 2) };
    const { body } = await ask('/subscriptions/admins/add', { json });
    expect(body).toMatchObject({ uId, versionId: expect.any(String), tokenExpirationDate: expect.any(String) });
    expect(body.versionId).not.toBe(before);
    expect((await ask('/subscriptions/admins?includeUserState=true')).body.admins).toEqual(
      people.slice(0, 2).map((clientUserId) => ({ adamId: Number(adamId), clientUserId, userStatus: 'Associated' })),
    );
    await ask('/subscriptions/admins/remove', { json: { ...json, clientUserIds: people.slice(0, 1) } });
    expect((await ask('/subscriptions/admins')).body.admins).toMatchObject([{ clientUserId: people[1] }]);
  });

  it.each(['absent', 'always'] as const)(
    'F8 cursors lead through all rows; the last one is %s',
    async (subscriptionLastCursor) => {
      const { ask, run, people } = await subscribed({ subscriptionPageSize: 2, subscriptionLastCursor });
      await run('associate', people.slice(0, 3), { renewing: true });
      await run('associate', people.slice(3), { renewing: false });
      const sizes: number[] = [];
      const seen = new Set<unknown>();
      for (let cursor: unknown = ''; cursor !== undefined; ) {
        const { body } = await ask(`/subscriptions/assignments${cursor ? `?cursor=${String(cursor)}` : ''}`);
        sizes.push(body.assignments!.length);
        for (const row of body.assignments!) seen.add(row.clientUserId);
        cursor = body.nextCursor;
      }
      expect(seen.size).toBe(5);
      expect(sizes).toEqual(subscriptionLastCursor === 'always' ? [2, 2, 1, 0] : [2, 2, 1]);
    },
  );

  it('F8 filters by person, subscription and parent', async () => {
    const { ask, run, people, admin } = await subscribed();
    admin.buySubscription({ uId, adamId: other, parentAdamId, renewing: 1 });
    await run('associate', people.slice(0, 2));
    const count = async (query: string) => (await ask(`/subscriptions/assignments?${query}`)).body.assignments!.length;
    expect(await count(`clientUserId=${people[0]}`)).toBe(1);
    expect(await count(`adamId=${other}`)).toBe(0);
    expect(await count(`parentAdamId=${parentAdamId}`)).toBe(2);
    expect(((await ask(`/subscriptions?parentAdamId=${parentAdamId}`)).body.subscriptions as Row[]).length).toBe(2);
  });

  it('F8 all of it survives a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stateFile = join(folder, 'state.json');
    const first = await subscribed({ stateFile });
    await first.run('associate', first.people.slice(0, 2));
    await first.run('disassociate', first.people.slice(0, 1), { deferred: true });
    const before = first.admin.subscriptions({ uId });
    await first.simulator.close();
    const second = await bench({ stateFile, clock: createVirtualClock(first.clock.now()) });
    expect(second.admin.subscriptions({ uId })).toEqual(before);
    await second.admin.advance(30 * dayMs);
    expect(second.admin.subscriptions({ uId }).seats).toMatchObject([{ clientUserId: first.people[1] }]);
    expect(first.hook.of('SUBSCRIPTION_MANAGEMENT').at(-1)).toMatchObject({ notification: { type: 'DISASSOCIATE' } });
  });
});

describe('F8 subscriptions: refusals', () => {
  const ids = [Number(adamId)];
  const cases: [errorNumber: number, path: string, json: object][] = [
    [9602, 'associate', { adamIds: [adamId], clientUserIds: ['p-00000'] }],
    [9602, 'associate', { adamIds: ids, clientUserIds: ['p-00000'], renewing: 'yes' }],
    [9718, 'associate', { clientUserIds: ['p-00000'] }],
    [9719, 'disassociate', { adamIds: ids }],
    [9816, 'associate', { adamIds: Array.from({ length: 26 }, (_, index) => index), clientUserIds: ['p-00000'] }],
    [9816, 'disassociate', { adamIds: ids, clientUserIds: serials(1001) }],
    [9703, 'associate', { adamIds: [...ids, ...ids], clientUserIds: ['p-00000'] }],
    [9704, 'admins/add', { adamIds: ids, clientUserIds: ['p-00000', 'p-00000'] }],
    [9813, 'associate', { adamIds: [1], clientUserIds: ['p-00000'] }],
    [9813, 'admins/add', { adamIds: [1], clientUserIds: ['p-00000'] }],
    [9814, 'associate', { adamIds: ids, clientUserIds: [registered] }],
    [9814, 'admins/add', { adamIds: ids, clientUserIds: ['nobody'] }],
    [9815, 'disassociate', { adamIds: ids, clientUserIds: [bookReader] }],
  ];

  it.each(cases)('F8 %i: /subscriptions/%s', async (errorNumber, path, json) => {
    const { ask, admin, people } = await subscribed();
    expect(people).toContain('p-00000');
    const before = admin.subscriptions({ uId });
    expect(await ask(`/subscriptions/${path}`, { json })).toMatchObject({ status: 400, body: { errorNumber } });
    expect(admin.subscriptions({ uId })).toEqual(before);
  });

  it('F8 9811 when it is not active, 9817 when a group holds the seat, 9812 for a wrong cursor', async () => {
    const { ask, admin, people, run } = await subscribed({ subscriptionPageSize: 1 });
    admin.giveSubscription({ uId, adamId, clientUserId: people[0]!, viaGroup: true });
    const json = { adamIds: ids, clientUserIds: people.slice(0, 1) };
    expect((await ask('/subscriptions/disassociate', { json })).body.errorNumber).toBe(9817);
    await run('associate', people.slice(1, 3));
    const { nextCursor } = (await ask('/subscriptions/assignments')).body;
    for (const [path, cursor] of [
      ['assignments', 'x'],
      ['admins', nextCursor],
    ] as const) {
      expect(await ask(`/subscriptions/${path}?cursor=${String(cursor)}`)).toMatchObject({
        status: 400,
        body: { errorNumber: 9812 },
      });
    }
    admin.setSubscription({ uId, adamId, status: 'PAUSED' });
    expect((await ask('/subscriptions/associate', { json })).body.errorNumber).toBe(9811);
  });

  it('F8 or in the event, by option', async () => {
    const { run, admin, people } = await subscribed({ subscriptionChecks: 'async' });
    admin.giveSubscription({ uId, adamId, clientUserId: people[0]!, viaGroup: true });
    const numbers = async (verb: 'associate' | 'disassociate', ids: string[], more: object = {}) =>
      (await run(verb, ids, more)).failures!.map((failure) => failure.errorNumber);
    expect(await numbers('disassociate', people.slice(0, 2))).toEqual([9815, 9817]);
    expect(await numbers('associate', [registered])).toEqual([9814]);
    expect(await numbers('associate', people.slice(1, 2), { adamIds: [1] })).toEqual([9813]);
    admin.setSubscription({ uId, adamId, status: 'PAUSED' });
    expect(await numbers('associate', people.slice(1, 2))).toEqual([9811]);
  });

  it('F8 the limits are published, the paths are not', async () => {
    const { ask } = await bench();
    const { limits, urls, notificationTypes } = (await ask('/service/config')).body;
    expect(limits).toMatchObject({ maxSubscriptions: 25, maxSubscriptionClientUserIds: 1000 });
    expect(JSON.stringify(urls)).not.toContain('subscriptions');
    expect(notificationTypes).toEqual(expect.arrayContaining(['SUBSCRIPTION_MANAGEMENT', 'SUBSCRIPTION_COUNT']));
  });
});
