/** Every error number of version 2, as the service itself comes to it where it can, and ordered as a fault otherwise. */
import { expect, it } from 'vitest';
import { school, schoolUnits } from '../../../src/simulator/index.ts';
import { type Ask, type Bench, bench, serials } from '../support.ts';

const uId = schoolUnits.own;
const registered = '5f1d7a4e-0000-4000-8000-000000000002';
const long = 'x'.repeat(600);
const claim = { id: 'a', name: 'b', metadata: 'c' };
const asset = { adamId: school.twentyFive };
const hook = { notificationUrl: 'https://127.0.0.1:1/', notificationAuthToken: 's' };
const seat = [8000000011];

/** Asks in a way that must be refused. */
type Provoke = (tools: Bench) => Promise<{ status: number; body: { errorNumber?: number } }>;

const asks =
  (path: string, how: Ask = {}): Provoke =>
  ({ ask }) =>
    ask(path, how);
const posts = (path: string, json: unknown) => asks(path, { json });
const ordered =
  (errorNumber: number): Provoke =>
  ({ admin, ask }) => {
    admin.faults.add({ fault: { kind: 'error', errorNumber } });
    return ask('/assets/associate', { json: { assets: [asset], serialNumbers: ['S'] } });
  };

async function withSubscription({ ask, admin }: Bench): Promise<void> {
  await ask('/subscriptions/enable', { method: 'POST' });
  admin.setUser({ uId, clientUserId: 'linked', status: 'Associated' });
  admin.buySubscription({ uId, adamId: String(seat[0]), renewing: 2 });
}
const subscribes =
  (verb: string, json: unknown, prepare?: (tools: Bench) => void): Provoke =>
  async (tools) => {
    await withSubscription(tools);
    prepare?.(tools);
    return tools.ask(
      `/subscriptions/${verb}`,
      json === undefined ? { method: verb.includes('?') ? 'GET' : 'POST' } : { json },
    );
  };

const atOnce: [errorNumber: number, status: number, provoke: Provoke][] = [
  [9601, 401, asks('/assets', { authorization: null })],
  [9602, 400, asks('/assets/associate', { raw: '{' })],
  [9603, 500, ordered(9603)],
  [
    9609,
    400,
    (tools) => {
      tools.admin.setOptions({ unknownUserTiming: 'sync' });
      return tools.ask('/users/retire', { json: { users: [{ clientUserId: 'nobody' }] } });
    },
  ],
  [9621, 401, asks('/assets', { token: 'expired' })],
  [9622, 200, asks('/assets', { authorization: 'Bearer garbage' })],
  [9623, 400, ordered(9623)],
  [9625, 401, asks('/assets', { token: 'revoked' })],
  [9634, 410, ordered(9634)],
  [9637, 403, asks('/assets/revoke', { json: { serialNumbers: ['S'] }, token: 'read-only' })],
  [9643, 400, ordered(9643)],
  [9645, 403, ordered(9645)],
  [
    9646,
    429,
    async (tools) => {
      tools.admin.setOptions({ enforceRate: true, rateBurst: 0, limits: { maxRequestPerSecond: 1 } });
      await tools.ask('/users');
      return tools.ask('/users');
    },
  ],
  [
    9647,
    403,
    ({ admin, ask }) => {
      admin.issueToken({ uId, kind: 'legacy', as: 'legacy' });
      return ask('/assets', { token: 'legacy' });
    },
  ],
  [9650, 400, asks('/assets?pageIndex=99')],
  [9700, 400, posts('/assets/associate', { assets: serials(26).map((adamId) => ({ adamId })), serialNumbers: ['S'] })],
  [9701, 400, posts('/assets/associate', { assets: [asset], clientUserIds: serials(1001) })],
  [9702, 400, posts('/assets/associate', { assets: [asset], serialNumbers: serials(1001) })],
  [9703, 400, posts('/assets/associate', { assets: [asset, asset], serialNumbers: ['S'] })],
  [9704, 400, posts('/assets/associate', { assets: [asset], clientUserIds: ['u', 'u'] })],
  [9705, 400, posts('/assets/associate', { assets: [asset], serialNumbers: ['S', 'S'] })],
  [9706, 400, posts('/assets/disassociate', { assets: [{ adamId: school.book }], clientUserIds: ['u'] })],
  [9707, 400, posts('/assets/associate', { assets: [{ adamId: school.book }], serialNumbers: ['S'] })],
  [9708, 400, asks('/status?eventId=x')],
  [9710, 400, posts('/client/config', { notificationUrl: 'https://mdm.example' })],
  [9711, 400, posts('/client/config', { ...hook, notificationAuthToken: long })],
  [9712, 400, posts('/client/config', { ...hook, notificationUrl: 'http://mdm.example' })],
  [9713, 400, posts('/client/config', { mdmInfo: { ...claim, metadata: long } })],
  [9714, 400, posts('/users/create', { users: serials(101).map((clientUserId) => ({ clientUserId })) })],
  [9715, 400, posts('/users/create', { users: [{ clientUserId: 'u' }, { clientUserId: 'u' }] })],
  [9717, 400, posts('/users/create', { users: [{ clientUserId: 'u', email: 'x' }] })],
  [9718, 400, posts('/assets/associate', { serialNumbers: ['S'] })],
  [9719, 400, posts('/assets/associate', { assets: [asset] })],
  [9720, 400, posts('/users/create', { users: [] })],
  [9721, 400, asks('/assignments?sinceVersionId=x')],
  [9722, 401, asks('/assets', { authorization: 'Basic x' })],
  [9723, 400, posts('/client/config', { mdmInfo: { id: 'a' } })],
  [9724, 400, posts('/client/config', { mdmInfo: { ...claim, id: long } })],
  [9725, 400, posts('/client/config', { mdmInfo: { ...claim, name: long } })],
  [9726, 405, asks('/assets', { method: 'POST', json: {} })],
  [9727, 415, asks('/assets/associate', { json: {}, headers: { 'content-type': 'text/plain' } })],
  [9728, 400, posts('/client/config', hook)],
  [9729, 503, ordered(9729)],
  [
    9811,
    400,
    subscribes('associate', { adamIds: seat, clientUserIds: ['linked'] }, ({ admin }) =>
      admin.setSubscription({ uId, adamId: String(seat[0]), status: 'PAUSED' }),
    ),
  ],
  [9812, 400, subscribes('assignments?cursor=x', undefined)],
  [9813, 400, subscribes('associate', { adamIds: [1], clientUserIds: ['linked'] })],
  [9814, 400, subscribes('associate', { adamIds: seat, clientUserIds: [registered] })],
  [9815, 400, subscribes('disassociate', { adamIds: seat, clientUserIds: ['linked'] })],
  [9816, 400, subscribes('associate', { adamIds: seat, clientUserIds: serials(1001) })],
  [
    9817,
    400,
    subscribes('disassociate', { adamIds: seat, clientUserIds: ['linked'] }, ({ admin }) =>
      admin.giveSubscription({ uId, adamId: String(seat[0]), clientUserId: 'linked', viaGroup: true }),
    ),
  ],
  [9818, 400, subscribes('disable', undefined)],
];

it.each(atOnce)('F8 error %i at once is HTTP %i', async (errorNumber, status, provoke) => {
  const tools = await bench();
  const reply = await provoke(tools);
  expect(reply).toMatchObject({ status, body: { errorNumber, errorMessage: expect.any(String) } });
});

/** A write that is accepted and fails in part. */
type Write = [path: string, json: unknown];

const inEvents: [errorNumber: number, write: Write, prepare?: (tools: Bench) => void][] = [
  [9603, ['/assets/associate', { assets: [asset], serialNumbers: ['S'] }], fails({ failTargets: ['S'] })],
  [9609, ['/assets/associate', { assets: [asset], clientUserIds: ['nobody'] }]],
  [9635, ['/users/create', { users: [{ clientUserId: 'u', managedAppleId: 'a@elsewhere.example' }] }]],
  [
    9641,
    [
      '/users/create',
      { users: ['u', 'v'].map((clientUserId) => ({ clientUserId, managedAppleId: 'a@riverbend.example' })) },
    ],
  ],
  [
    9616,
    ['/assets/associate', { assets: [asset], serialNumbers: ['S'] }],
    ({ admin }) => {
      admin.setOptions({ repeatAssociate: 'failure' });
      admin.assign({ uId, ...asset, serialNumber: 'S' });
    },
  ],
  [
    9619,
    ['/assets/disassociate', { assets: [asset], serialNumbers: ['S'] }],
    ({ admin }) => void admin.setOptions({ disassociateUnassigned: 'failure' }),
  ],
  [9644, ['/assets/associate', { assets: [asset], serialNumbers: ['S'] }], fails({ failAfter: 0, errorNumber: 9644 })],
  [9709, ['/assets/associate', { assets: [{ adamId: school.oneSeat }], serialNumbers: ['S', 'T'] }]],
  [9716, ['/users/create', { users: [{ clientUserId: registered }] }]],
];

function fails(plan: { failTargets?: string[]; failAfter?: number; errorNumber?: number }) {
  return ({ admin }: Bench) => void admin.faults.add({ match: { method: 'POST' }, fault: { kind: 'event', plan } });
}

it.each(inEvents)('F8 error %i in an event', async (errorNumber, [path, json], prepare) => {
  const tools = await bench();
  prepare?.(tools);
  const eventId = await tools.post(path, json);
  await tools.clock.advance(1000);
  expect(await tools.status(eventId)).toMatchObject({
    eventStatus: 'FAILED',
    failures: [{ errorNumber, errorMessage: expect.any(String), errorInfo: expect.any(Object) }],
  });
});

it('F8 service/config publishes every number that is answered, and each has a row here', async () => {
  const { ask } = await bench();
  const { errorCodes } = (await ask('/service/config')).body as { errorCodes: { errorNumber: number }[] };
  const published = errorCodes.map((entry) => entry.errorNumber);
  const rows = new Set([...atOnce, ...inEvents].map(([errorNumber]) => errorNumber));
  expect([...rows].sort()).toEqual(published.sort());
});
