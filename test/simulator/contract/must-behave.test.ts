/** Each phrase of what a faithful stand-in must do, as one test. Details are in the files beside this folder. */
import { describe, expect, it } from 'vitest';
import { bookReader, plainApps, school, schoolUnits } from '../../../src/simulator/index.ts';
import { bench, serials } from '../support.ts';
import { webhook } from '../webhook.ts';

const uId = schoolUnits.own;
const give = (adamId: string, serialNumbers: string[]) => ({ assets: [{ adamId }], serialNumbers });

async function listening(types: string[]) {
  const [hook, tools] = [await webhook(), await bench({ allowHttpNotificationUrl: true })];
  const json = { notificationUrl: hook.url, notificationAuthToken: 'ours', notificationTypes: types };
  await tools.ask('/client/config', { json });
  return { ...tools, hook };
}

describe('F8 must behave', () => {
  it('F8 envelope on every answer', async () => {
    const { ask, post } = await bench();
    const eventId = await post('/assets/associate', give(school.twentyFive, ['S']));
    const json = { users: [{ clientUserId: 'u' }] };
    for (const reply of [
      await ask('/client/config'),
      await ask('/assets'),
      await ask('/assignments'),
      await ask('/users'),
      await ask('/subscriptions'),
      await ask(`/status?eventId=${eventId}`),
      await ask('/users/create', { json }),
      await ask('/subscriptions/enable', { method: 'POST' }),
    ]) {
      expect(reply.body).toMatchObject({ uId, tokenExpirationDate: expect.stringMatching(/\+0000$/) });
    }
  });

  it.each(['omit', 'null'] as const)('F8 mdmInfo that is unset: %s', async (mdmInfoWhenUnset) => {
    const { ask } = await bench({ mdmInfoWhenUnset });
    expect((await ask('/assets')).body.mdmInfo).toBe(mdmInfoWhenUnset === 'null' ? null : undefined);
  });

  it('F8 the bearer is the outer Base64, decoded and matched on its token', async () => {
    const { ask, admin } = await bench();
    const text = Buffer.from(admin.tokenFile('own'), 'base64').toString('utf8');
    const pretty = Buffer.from(JSON.stringify(JSON.parse(text), null, 2)).toString('base64');
    expect((await ask('/assets', { authorization: `Bearer ${pretty}` })).body.uId).toBe(uId);
  });

  it('F8 inner text or garbage is 200 with 9622', async () => {
    const { ask, admin } = await bench();
    const inner = admin.tokens().find((token) => token.name === 'own')!.innerToken;
    for (const bearer of [inner, 'garbage']) {
      expect(await ask('/assets', { authorization: `Bearer ${bearer}` })).toMatchObject({
        status: 200,
        body: { errorNumber: 9622 },
      });
    }
  });

  it('F8 service/config is open to all, a dead token included', async () => {
    const { ask } = await bench();
    for (const how of [{ authorization: null }, { token: 'revoked' }, { authorization: 'Bearer garbage' }]) {
      expect((await ask('/service/config', how)).body.limits).toMatchObject({ maxAssets: 25 });
    }
  });

  it('F8 synchronous validation before any work', async () => {
    const { ask, admin, clock } = await bench();
    const json = { ...give(school.twentyFive, ['S', 'S']) };
    expect((await ask('/assets/associate', { json })).body.eventId).toBeUndefined();
    await clock.advance(5000);
    expect(admin.truth({ uId }).events).toEqual([]);
  });

  it('F8 eventId is a UUID', async () => {
    const { post } = await bench();
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(await post('/assets/associate', give(school.twentyFive, ['S']))).toMatch(uuid);
  });

  it('F8 tasks take virtual time: numCompleted grows, PENDING becomes COMPLETE or FAILED', async () => {
    const { post, status, clock } = await bench();
    const good = await post('/assets/associate', give(school.universal, serials(250)));
    const seen: unknown[] = [];
    for (let step = 0; step < 3; step++) {
      const { eventStatus, numCompleted } = await status(good);
      seen.push([eventStatus, numCompleted]);
      await clock.advance(100);
    }
    expect(seen).toEqual([
      ['PENDING', 0],
      ['PENDING', 100],
      ['PENDING', 200],
    ]);
    expect((await status(good)).eventStatus).toBe('COMPLETE');
    const bad = await post('/assets/associate', give(school.usedUp, ['S']));
    await clock.advance(500);
    expect((await status(bad)).eventStatus).toBe('FAILED');
  });

  it('F8 seats are taken per task in request order', async () => {
    const { post, clock, sweep } = await bench();
    await post('/assets/associate', give(school.oneSeat, ['B', 'A']));
    await clock.advance(500);
    expect(await sweep(`&adamId=${school.oneSeat}`)).toMatchObject([{ serialNumber: 'B' }]);
  });

  it('F8 failures are grouped by errorNumber with errorInfo', async () => {
    const { post, status, clock } = await bench();
    const json = { assets: [{ adamId: school.usedUp }], serialNumbers: ['S', 'T'], clientUserIds: ['x', 'y'] };
    const eventId = await post('/assets/associate', json);
    await clock.advance(500);
    expect((await status(eventId)).failures!.map(({ errorNumber, errorInfo }) => [errorNumber, errorInfo])).toEqual([
      [9609, { assets: [{ adamId: school.usedUp, pricingParam: 'STDQ' }], clientUserIds: ['x', 'y'] }],
      [9709, { assets: [{ adamId: school.usedUp, pricingParam: 'STDQ' }], serialNumbers: ['S', 'T'] }],
    ]);
  });

  it('F8 books refuse serial numbers and disassociate', async () => {
    const { ask } = await bench();
    const json = give(school.book, ['S']);
    expect((await ask('/assets/associate', { json })).body.errorNumber).toBe(9707);
    const back = { assets: [{ adamId: school.book }], clientUserIds: [bookReader] };
    expect((await ask('/assets/disassociate', { json: back })).body.errorNumber).toBe(9706);
  });

  it('F8 revoke skips what is not revocable', async () => {
    const { post, clock, ask } = await bench();
    await post('/assets/revoke', { clientUserIds: [bookReader] });
    await clock.advance(500);
    const held = (await ask(`/assignments?clientUserId=${bookReader}`)).body.assignments;
    expect(held).toMatchObject([{ adamId: school.book }]);
  });

  it('F8 an unknown serial number is accepted and takes a seat', async () => {
    const { post, status, clock, asset } = await bench();
    const eventId = await post('/assets/associate', give(school.twentyFive, ['nonsense']));
    await clock.advance(500);
    expect((await status(eventId)).eventStatus).toBe('COMPLETE');
    expect((await asset(school.twentyFive)).assignedCount).toBe(1);
  });

  it('F8 an unknown user is 9609 in the event', async () => {
    const { post, status, clock } = await bench();
    const eventId = await post('/assets/associate', { assets: [{ adamId: school.twentyFive }], clientUserIds: ['x'] });
    await clock.advance(500);
    expect((await status(eventId)).failures).toMatchObject([{ errorNumber: 9609 }]);
  });

  it('F8 not enough seats is 9709 with partial success', async () => {
    const { post, status, clock } = await bench();
    const eventId = await post('/assets/associate', give(school.twentyFive, serials(30)));
    await clock.advance(500);
    expect(await status(eventId)).toMatchObject({ numCompleted: 25, failures: [{ errorNumber: 9709 }] });
  });

  it('F8 a repeated associate is a success without a seat', async () => {
    const { post, status, clock, asset } = await bench();
    for (let time = 0; time < 2; time++) {
      const eventId = await post('/assets/associate', give(school.twentyFive, ['S']));
      await clock.advance(500);
      expect((await status(eventId)).eventStatus).toBe('COMPLETE');
    }
    expect((await asset(school.twentyFive)).assignedCount).toBe(1);
  });

  it('F8 total = assigned + available, retired apart', async () => {
    const { ask } = await bench();
    for (const row of (await ask('/assets')).body.assets!)
      expect(row.totalCount).toBe(row.assignedCount + row.availableCount);
    expect((await ask(`/assets?adamId=${school.partlyRetired}`)).body.assets).toMatchObject([
      { totalCount: 90, retiredCount: 10 },
    ]);
  });

  it('F8 versionId changes on every write', async () => {
    const { ask, post, clock } = await bench();
    const versions = async () => [
      (await ask('/assets')).body.versionId,
      (await ask('/assignments')).body.versionId,
      (await ask('/users')).body.versionId,
    ];
    const before = await versions();
    await post('/assets/associate', give(school.twentyFive, ['S']));
    await post('/users/create', { users: [{ clientUserId: 'u' }] });
    await clock.advance(1000);
    const after = await versions();
    for (const [index, version] of after.entries()) expect(version).not.toBe(before[index]);
  });

  it('F8 sinceVersionId shows rows since; removed ones are absent', async () => {
    const { ask, post, clock } = await bench();
    const { versionId } = (await ask('/assignments')).body;
    await post('/assets/associate', give(school.twentyFive, ['S', 'T']));
    await post('/assets/disassociate', give(school.twentyFive, ['T']));
    await clock.advance(1000);
    expect((await ask(`/assignments?sinceVersionId=${versionId}`)).body.assignments).toMatchObject([
      { serialNumber: 'S' },
    ]);
  });

  it('F8 the page size is configurable', async () => {
    expect((await (await bench()).ask('/assignments')).body.size).toBeGreaterThan(20);
    expect((await (await bench({ pageSize: 3 })).ask('/assignments')).body).toMatchObject({
      size: 3,
      nextPageIndex: 1,
    });
  });

  it('F8 TEST_NOTIFICATION comes before a configuration is accepted; 9728 on anything but 2xx', async () => {
    const [hook, { ask }] = [await webhook(), await bench({ allowHttpNotificationUrl: true })];
    const json = { notificationUrl: hook.url, notificationAuthToken: 'ours' };
    hook.answers = [404, 201];
    expect((await ask('/client/config', { json })).body.errorNumber).toBe(9728);
    expect((await ask('/client/config', { json })).status).toBe(200);
    expect(hook.of('TEST_NOTIFICATION')).toHaveLength(2);
  });

  it('F8 notifications: at most 100 elements, one adamId each, the stored token, three attempts', async () => {
    const { post, admin, hook } = await listening(['ASSET_MANAGEMENT']);
    hook.answers = [500, 500, 500];
    const assets = plainApps.slice(4, 6).map((adamId) => ({ adamId }));
    await post('/assets/associate', { assets, serialNumbers: serials(150) });
    await admin.advance(600_000);
    expect(hook.arrivals.every((one) => one.authorization === 'Bearer ours')).toBe(true);
    for (const { notification } of hook.of('ASSET_MANAGEMENT')) {
      expect(notification.assignments!.length).toBeLessThanOrEqual(100);
      expect(new Set(notification.assignments!.map((row) => row.adamId)).size).toBe(1);
    }
    expect(Math.max(...admin.deliveries().map((one) => one.attempts.length))).toBeLessThanOrEqual(3);
  });

  it('F8 an accepted invitation is Associated and USER_ASSOCIATED', async () => {
    const { admin, hook } = await listening(['USER_ASSOCIATED']);
    admin.acceptInvitation({ inviteCode: '0123456789abcdef0123456789abcdef', account: 'a@home.example' });
    await admin.advance(1000);
    expect(hook.of('USER_ASSOCIATED')).toMatchObject([
      { notification: { associatedUsers: [{ status: 'Associated' }] } },
    ]);
  });

  it('F8 purchase, transfer and refund are ASSET_COUNT', async () => {
    const { admin, hook } = await listening(['ASSET_COUNT']);
    const key = { uId, adamId: school.twentyFive };
    admin.purchase({ ...key, count: 1 });
    admin.transfer({ ...key, to: schoolUnits.district, count: 2 });
    admin.refund({ ...key, count: 3 });
    await admin.advance(1000);
    expect(
      hook
        .of('ASSET_COUNT')
        .map((body) => body.notification.countDelta)
        .sort(),
    ).toEqual([-2, -3, 1]);
  });

  it('F8 a renewed token keeps uId and revokes the older', async () => {
    const { ask, admin } = await bench();
    admin.issueToken({ name: 'own', as: 'renewed', revokeOlder: true });
    expect((await ask('/assets', { token: 'renewed' })).body.uId).toBe(uId);
    expect((await ask('/assets')).body.errorNumber).toBe(9625);
  });

  it('F8 lookups with and without itvt, and the catalog behind a developer token', async () => {
    const { url, admin } = await bench();
    const legacy = `${url}/WebObjects/MZStorePlatform.woa/wa/lookup?version=2&p=mdm-lockup&caller=MDM&cc=us&id=${school.customApp}`;
    const results = async (headers: Record<string, string> = {}) =>
      Object.keys(((await (await fetch(legacy, { headers })).json()) as { results: object }).results);
    expect(await results()).toEqual([]);
    expect(await results({ cookie: `itvt=${admin.tokenFile('own')}` })).toEqual([school.customApp]);
    expect(await (await fetch(`${url}/lookup?id=${school.customApp},${school.universal}`)).json()).toMatchObject({
      resultCount: 1,
    });
    expect((await fetch(`${url}/v1/catalog/us/apps?ids=1&platform=iphone`)).status).toBe(401);
  });
});

describe('F8 event engine', () => {
  it('F8 tasks run assets × (users, then serials)', async () => {
    const { post, clock, sweep } = await bench();
    const assets = [{ adamId: plainApps[6] }, { adamId: plainApps[7] }];
    await post('/assets/associate', { assets, serialNumbers: ['S'], clientUserIds: [bookReader] });
    await clock.advance(500);
    expect((await sweep()).slice(-4).map((row) => [row.adamId, row.serialNumber ?? 'user'])).toEqual([
      [plainApps[6], 'user'],
      [plainApps[6], 'S'],
      [plainApps[7], 'user'],
      [plainApps[7], 'S'],
    ]);
  });

  it('F8 numCompleted counts successes only; FAILED if any task failed', async () => {
    const { post, status, clock } = await bench();
    const assets = [{ adamId: plainApps[6] }, { adamId: plainApps[7] }];
    const json = {
      assets,
      serialNumbers: serials(4),
      clientUserIds: [bookReader, 'x', '5f1d7a4e-0000-4000-8000-000000000002'],
    };
    const eventId = await post('/assets/associate', json);
    await clock.advance(500);
    expect(await status(eventId)).toMatchObject({ eventStatus: 'FAILED', numRequested: 14, numCompleted: 12 });
  });

  it('F8 notifications begin after the first batch and may end after the final status', async () => {
    const { post, admin, status, hook } = await listening(['ASSET_MANAGEMENT']);
    hook.arrivals.length = 0;
    const eventId = await post('/assets/associate', give(school.universal, serials(200)));
    await admin.advance(210);
    expect([(await status(eventId)).eventStatus, hook.arrivals.length]).toEqual(['COMPLETE', 0]);
    await admin.advance(100);
    expect(hook.arrivals).toHaveLength(1);
    await admin.advance(100);
    expect(hook.arrivals).toHaveLength(2);
  });

  it('F8 the same seed and the same calls give the same ids, event and notification', async () => {
    const ids = async () => {
      const { post, admin, hook } = await listening(['ASSET_MANAGEMENT']);
      const eventId = await post('/assets/associate', give(school.twentyFive, ['S']));
      await admin.advance(1000);
      return [eventId, ...hook.arrivals.map(({ body }) => body.notificationId)];
    };
    expect(await ids()).toEqual(await ids());
  });
});
