import { describe, expect, it } from 'vitest';
import { school, schoolUnits } from '../../src/simulator/index.ts';
import { type Ask, bench, serials } from './support.ts';

const asset = { adamId: school.twentyFive };
const good = { assets: [asset], serialNumbers: ['A'] };
const assets = (count: number) => Array.from({ length: count }, (_, index) => ({ adamId: String(index + 1) }));
const longText = 'x'.repeat(600);
const claim = { id: 'a', name: 'b', metadata: 'c' };
const url = 'https://mdm.example/hook';

interface Case {
  why: string;
  path: string;
  ask: Ask;
  status: number;
  errorNumber: number;
}

const associate = '/assets/associate';
const disassociate = '/assets/disassociate';
const revoke = '/assets/revoke';
const config = '/client/config';

function refused(errorNumber: number, path: string, json: unknown, why: string): Case {
  return { why, path, ask: { json }, status: 400, errorNumber };
}

const cases: Case[] = [
  { why: 'wrong method', path: associate, ask: { method: 'GET' }, status: 405, errorNumber: 9726 },
  { why: 'wrong method on two routes', path: config, ask: { method: 'DELETE' }, status: 405, errorNumber: 9726 },
  {
    why: 'form data',
    path: associate,
    ask: { json: good, headers: { 'content-type': 'text/plain' } },
    status: 415,
    errorNumber: 9727,
  },
  { why: 'no JSON', path: associate, ask: { raw: '{"assets":' }, status: 400, errorNumber: 9602 },
  refused(9602, associate, [good], 'a list instead of an object'),
  refused(9602, associate, { ...good, assets: [{ adamId: 9000000003 }] }, 'adamId as a number'),
  refused(9602, associate, { ...good, serialNumbers: 'A' }, 'serial numbers as text'),
  refused(9718, associate, { serialNumbers: ['A'] }, 'no assets'),
  refused(9718, disassociate, { assets: [], serialNumbers: ['A'] }, 'empty assets'),
  refused(9719, associate, { assets: [asset] }, 'no target'),
  refused(9719, revoke, { serialNumbers: [], clientUserIds: [] }, 'nothing to revoke from'),
  refused(9723, config, { mdmInfo: { id: 'a', name: 'b' } }, 'mdmInfo without metadata'),
  refused(9710, config, { notificationUrl: url }, 'URL without token'),
  refused(9710, config, { notificationAuthToken: 's' }, 'token without URL'),
  refused(9700, associate, { assets: assets(26), serialNumbers: ['A'] }, '26 assets'),
  refused(9701, associate, { assets: [asset], clientUserIds: serials(1001) }, '1001 users'),
  refused(9702, associate, { assets: [asset], serialNumbers: serials(1001) }, '1001 serial numbers'),
  refused(9701, revoke, { clientUserIds: serials(101) }, '101 users to revoke from'),
  refused(9702, revoke, { serialNumbers: serials(101) }, '101 serial numbers to revoke from'),
  refused(9711, config, { notificationUrl: `${url}/${longText}`, notificationAuthToken: 's' }, 'long URL'),
  refused(9711, config, { notificationUrl: url, notificationAuthToken: longText }, 'long token'),
  refused(9713, config, { mdmInfo: { ...claim, metadata: longText } }, 'long metadata'),
  refused(9724, config, { mdmInfo: { ...claim, id: longText } }, 'long id'),
  refused(9725, config, { mdmInfo: { ...claim, name: longText } }, 'long name'),
  refused(
    9703,
    associate,
    { assets: [asset, { ...asset, pricingParam: 'STDQ' }], serialNumbers: ['A'] },
    'asset twice',
  ),
  refused(9704, associate, { assets: [asset], clientUserIds: ['u', 'u'] }, 'user twice'),
  refused(9705, disassociate, { assets: [asset], serialNumbers: ['A', 'A'] }, 'serial number twice'),
  refused(9705, revoke, { serialNumbers: ['A', 'A'] }, 'serial number twice in a revoke'),
  refused(9712, config, { notificationUrl: 'http://mdm.example', notificationAuthToken: 's' }, 'http'),
  refused(9712, config, { notificationUrl: `${url}?a=1`, notificationAuthToken: 's' }, 'URL with a query'),
  refused(9712, config, { notificationUrl: 'nonsense', notificationAuthToken: 's' }, 'no URL'),
  refused(9706, disassociate, { assets: [{ adamId: school.book }], clientUserIds: ['u'] }, 'a book back'),
  refused(9707, associate, { assets: [{ adamId: school.book }], serialNumbers: ['A'] }, 'a book for a device'),
  refused(9707, associate, { assets: [{ adamId: school.notForDevices }], serialNumbers: ['A'] }, 'people only'),
  { why: 'unknown event', path: '/status?eventId=x', ask: {}, status: 400, errorNumber: 9708 },
  { why: 'no event', path: '/status', ask: {}, status: 400, errorNumber: 9708 },
];

describe('F8 synchronous refusals', () => {
  it.each(cases)('F8 $errorNumber: $why', async ({ path, ask: how, status, errorNumber }) => {
    const { ask, admin } = await bench();
    const before = admin.truth({ uId: schoolUnits.own });
    expect(await ask(path, how)).toMatchObject({ status, body: { errorNumber, errorMessage: expect.any(String) } });
    expect(admin.truth({ uId: schoolUnits.own })).toEqual(before);
  });

  it('F8 an empty list for the unused kind of target, and a charset, are accepted', async () => {
    const { ask } = await bench();
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const reply = await ask(associate, { json: { ...good, clientUserIds: [] }, headers });
    expect(reply.body.eventId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('F8 an http notification URL is accepted when the option allows it', async () => {
    const { ask } = await bench({ allowHttpNotificationUrl: true, testNotification: 'skipped' });
    const json = { notificationUrl: 'http://127.0.0.1:4000/hook', notificationAuthToken: 's' };
    expect((await ask(config, { json })).status).toBe(200);
  });

  it('F8 at each number, the earlier check in the table wins', async () => {
    const { ask } = await bench();
    const everythingWrong = {
      assets: [...assets(26), { adamId: '1' }],
      serialNumbers: [...serials(1001), 'TEST00000'],
    };
    const numbers = async (how: Ask) => (await ask(associate, how)).body.errorNumber;
    const plain = { 'content-type': 'text/plain' };
    expect(await numbers({ json: {}, token: 'read-only', headers: plain })).toBe(9637);
    expect(await numbers({ json: {}, headers: plain })).toBe(9727);
    expect(await numbers({ raw: '{' })).toBe(9602);
    expect(await numbers({ json: {} })).toBe(9718);
    expect(await numbers({ json: { assets: everythingWrong.assets } })).toBe(9719);
    expect(await numbers({ json: everythingWrong })).toBe(9700);
    expect(await numbers({ json: { ...everythingWrong, assets: [asset, asset] } })).toBe(9702);
    expect(await numbers({ json: { assets: [asset, asset], serialNumbers: ['A', 'A'] } })).toBe(9703);
    expect(await numbers({ json: { assets: [{ adamId: school.book }], serialNumbers: ['A', 'A'] } })).toBe(9705);
  });

  it('F8 limits can shrink while it runs', async () => {
    const { ask, admin } = await bench();
    const json = { assets: [asset], serialNumbers: serials(3) };
    expect((await ask(associate, { json })).status).toBe(200);
    admin.setOptions({ limits: { maxSerialNumbers: 2 } });
    expect((await ask(associate, { json })).body.errorNumber).toBe(9702);
  });

  it('F8 serial numbers are normalized by option', async () => {
    const { ask } = await bench({ normalizeSerialNumbers: true });
    const json = { assets: [asset], serialNumbers: ['abc', ' ABC '] };
    expect((await ask(associate, { json })).body.errorNumber).toBe(9705);
  });
});

describe('F8 rate', () => {
  it('F8 more than the published rate and the burst in a second is 429 with 9646', async () => {
    const { ask, clock, admin } = await bench({ enforceRate: true, limits: { maxRequestPerSecond: 3 }, rateBurst: 1 });
    const statuses = async () => Promise.all(Array.from({ length: 6 }, async () => (await ask('/users')).status));
    expect((await statuses()).filter((status) => status === 429)).toHaveLength(2);
    expect((await ask('/users')).body.errorNumber).toBe(9646);
    expect((await ask('/users', { token: 'district' })).status).toBe(200);
    expect((await ask('/users', { token: 'read-only' })).status).toBe(429);
    await clock.advance(1001);
    expect((await ask('/users')).status).toBe(200);
    admin.setOptions({ retryAfterOn429: 7 });
    await statuses();
    expect((await ask('/users')).headers.get('retry-after')).toBe('7');
  });
});
