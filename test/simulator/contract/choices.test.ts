/** What Apple leaves open is an option: the ones that no other test turns, as one row each; and nothing of the contract is without a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../../src/simulator/fault-schemas.ts';
import { type OptionsPatch, school, schoolUnits } from '../../../src/simulator/index.ts';
import { appleOptions } from '../../../src/simulator/options-schema.ts';
import { type Ask, type Bench, bench, serials } from '../support.ts';
import { webhook } from '../webhook.ts';

const uId = schoolUnits.own;
const asset = { adamId: school.twentyFive };
const users = (count: number) => serials(count, 'user');
const hook = { notificationUrl: 'https://127.0.0.1:1/', notificationAuthToken: 's' };
const claim = { id: 'id', name: 'name', metadata: 'text' };

/** A request that the option makes Apple refuse with the number. */
const refusals: [patch: OptionsPatch, errorNumber: number, path: string, how: Ask][] = [
  [{ missingHeaderNumber: 9722 }, 9722, '/assets', { authorization: null }],
  [
    { readOnlyNumber: 9645 },
    9645,
    '/assets/associate',
    { token: 'read-only', json: { assets: [asset], serialNumbers: ['S'] } },
  ],
  [
    { unknownUserNumber: 9636, unknownUserTiming: 'sync' },
    9636,
    '/users/retire',
    { json: { users: [{ clientUserId: 'x' }] } },
  ],
  [
    { limits: { maxClientUserIds: 1 } },
    9701,
    '/assets/associate',
    { json: { assets: [asset], clientUserIds: users(2) } },
  ],
  [{ limits: { maxRevokeClientUserIds: 1 } }, 9701, '/assets/revoke', { json: { clientUserIds: users(2) } }],
  [{ limits: { maxRevokeSerialNumbers: 1 } }, 9702, '/assets/revoke', { json: { serialNumbers: serials(2) } }],
  [{ limits: { maxNotificationLength: 8 } }, 9711, '/client/config', { json: hook }],
  [{ limits: { maxMdmIdLength: 1 } }, 9724, '/client/config', { json: { mdmInfo: claim } }],
  [{ limits: { maxMdmNameLength: 1 } }, 9725, '/client/config', { json: { mdmInfo: claim } }],
  [{ limits: { maxMdmMetadataLength: 1 } }, 9713, '/client/config', { json: { mdmInfo: claim } }],
];

describe('F8 a choice that shows in a refusal', () => {
  it.each(refusals)('F8 choice %j: %i', async (patch, errorNumber, path, how) => {
    const { ask, admin } = await bench();
    expect((await ask(path, how)).body.errorNumber).not.toBe(errorNumber);
    admin.setOptions(patch);
    expect((await ask(path, how)).body.errorNumber).toBe(errorNumber);
  });
});

async function seated({ ask, admin }: Bench): Promise<number[]> {
  await ask('/subscriptions/enable', { method: 'POST' });
  admin.buySubscription({ uId, adamId: '8000000011', renewing: 1 });
  for (const clientUserId of users(2)) admin.setUser({ uId, clientUserId, status: 'Associated' });
  return [8000000011];
}

describe('F8 a choice that shows elsewhere', () => {
  it('F8 choice unknownUserNumber: of an item of an event', async () => {
    const { post, status, clock } = await bench({ unknownUserNumber: 9636 });
    const eventId = await post('/assets/associate', { assets: [asset], clientUserIds: ['nobody'] });
    await clock.advance(1000);
    expect((await status(eventId)).failures).toMatchObject([{ errorNumber: 9636 }]);
  });

  it('F8 choice subscriptionTooManyNumber', async () => {
    const tools = await bench({ subscriptionTooManyNumber: 9701 });
    const json = { adamIds: await seated(tools), clientUserIds: users(1001), renewing: true };
    expect((await tools.ask('/subscriptions/associate', { json })).body.errorNumber).toBe(9701);
  });

  it('F8 choice subscriptionNoSeatNumber', async () => {
    const tools = await bench({ subscriptionNoSeatNumber: 9811 });
    const json = { adamIds: await seated(tools), clientUserIds: users(2), renewing: true };
    const eventId = await tools.post('/subscriptions/associate', json);
    await tools.clock.advance(1000);
    expect((await tools.status(eventId)).failures).toMatchObject([{ errorNumber: 9811 }]);
  });

  it('F8 choice notificationRowsMax and notificationAttempts', async () => {
    const listener = await webhook();
    const options = { notificationRowsMax: 2, notificationAttempts: 1, allowHttpNotificationUrl: true };
    const { ask, post, admin } = await bench(options);
    const json = { notificationUrl: listener.url, notificationAuthToken: 's', notificationTypes: ['ASSET_MANAGEMENT'] };
    await ask('/client/config', { json });
    listener.answers = [500];
    await post('/assets/associate', { assets: [asset], serialNumbers: serials(5) });
    await admin.advance(600_000);
    const rows = listener.of('ASSET_MANAGEMENT').map(({ notification }) => notification.assignments!.length);
    expect(rows.sort()).toEqual([1, 2, 2]);
    expect(admin.deliveries().map((one) => one.attempts.length)).toEqual(admin.deliveries().map(() => 1));
  });

  it('F8 choice serviceConfigUrls', async () => {
    const { ask } = await bench({ serviceConfigUrls: 'invitation' });
    expect(Object.keys((await ask('/service/config')).body.urls as object)).toEqual(['invitationEmail']);
  });

  it.each([403, 429] as const)(
    'F8 choice publicLookupPerMinute, publicLookupRefusal: %i',
    async (publicLookupRefusal) => {
      const { url } = await bench({ enforceRate: true, publicLookupPerMinute: 1, publicLookupRefusal });
      const look = async () => (await fetch(`${url}/lookup?id=${school.universal}`)).status;
      expect([await look(), await look()]).toEqual([200, publicLookupRefusal]);
    },
  );

  it.each(['apps', 'books'])('F8 choice catalogAppsIdsMax, catalogBooksIdsMax: %s', async (kind) => {
    const { url } = await bench({ catalogDeveloperToken: 'ignored', catalogAppsIdsMax: 1, catalogBooksIdsMax: 1 });
    const look = async (ids: string) => (await fetch(`${url}/v1/catalog/us/${kind}?ids=${ids}&platform=iphone`)).status;
    expect([await look('1'), await look('1,2')]).toEqual([200, 400]);
  });

  it('F8 choice latencyMs', async () => {
    const { ask, clock } = await bench({ latencyMs: 3000 });
    const asked = clock.now().getTime();
    let status = 0;
    const waiting = ask('/users').then((reply) => {
      status = reply.status;
    });
    await expect.poll(() => clock.advance(1000).then(() => status)).toBe(200);
    await waiting;
    expect(clock.now().getTime() - asked).toBeGreaterThanOrEqual(3000);
  });
});

describe('F8 the contract is whole', () => {
  const folder = 'test/simulator';
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const text = files.map((file) => readFileSync(`${folder}/${file}`, 'utf8')).join('\n');

  it('F8 every option of Apple’s side is turned by a test', () => {
    expect(appleOptions.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });

  it('F8 every fault is ordered by a test', () => {
    expect(faultKinds.filter((kind) => !text.includes(`kind: '${kind}'`))).toEqual([]);
  });
});
