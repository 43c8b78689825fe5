/** The order of checks as one table a request: each row breaks its own check and every later one, and the first hit wins. */
import { expect, it } from 'vitest';
import { school, schoolUnits } from '../../../src/simulator/index.ts';
import { type Ask, type Bench, bench, serials } from '../support.ts';

type Row = [errorNumber: number, how: Ask | ((tools: Bench) => Ask | Promise<Ask>)];

const plain = { 'content-type': 'text/plain' };
const long = 'x'.repeat(600);
const twice = <T>(value: T) => [value, value];
const many = (count: number) => [...serials(count), 'TEST00000'];
const book = { adamId: school.book };
const manyAssets = [...Array.from({ length: 26 }, (_, index) => ({ adamId: String(index) })), { adamId: '0' }];

/** Rows that every write begins with. */
const common: Row[] = [
  [9726, { method: 'DELETE', authorization: null, raw: '{', headers: plain }],
  [9601, { authorization: null, raw: '{', headers: plain }],
  [9722, { authorization: 'Basic x', raw: '{', headers: plain }],
  [9622, { authorization: 'Bearer garbage', raw: '{', headers: plain }],
  [
    9621,
    ({ admin }) => {
      admin.revokeToken('expired');
      return { token: 'expired', raw: '{', headers: plain };
    },
  ],
  [9625, { token: 'revoked', raw: '{', headers: plain }],
  [
    9637,
    async ({ admin, ask }) => {
      admin.setOptions({ enforceRate: true, rateBurst: 0, limits: { maxRequestPerSecond: 1 } });
      await ask('/users');
      return { token: 'read-only', raw: '{', headers: plain };
    },
  ],
  [
    9646,
    async ({ admin, ask }) => {
      admin.setOptions({ enforceRate: true, rateBurst: 0, limits: { maxRequestPerSecond: 1 } });
      await ask('/users');
      return { raw: '{', headers: plain };
    },
  ],
  [9727, { raw: '{', headers: plain }],
  [9602, { raw: '{' }],
];

const orders: Record<string, Row[]> = {
  '/assets/associate': [
    ...common,
    [9718, { json: {} }],
    [9719, { json: { assets: manyAssets } }],
    [9700, { json: { assets: manyAssets, clientUserIds: many(1001), serialNumbers: many(1001) } }],
    [9701, { json: { assets: twice(book), clientUserIds: many(1001), serialNumbers: many(1001) } }],
    [9702, { json: { assets: twice(book), clientUserIds: twice('u'), serialNumbers: many(1001) } }],
    [9703, { json: { assets: twice(book), clientUserIds: twice('u'), serialNumbers: twice('S') } }],
    [9704, { json: { assets: [book], clientUserIds: twice('u'), serialNumbers: twice('S') } }],
    [9705, { json: { assets: [book], clientUserIds: ['u'], serialNumbers: twice('S') } }],
    [9707, { json: { assets: [book], clientUserIds: ['u'], serialNumbers: ['S'] } }],
  ],
  '/assets/disassociate': [
    ...common,
    [9718, { json: {} }],
    [9719, { json: { assets: manyAssets } }],
    [9703, { json: { assets: twice(book), clientUserIds: twice('u'), serialNumbers: twice('S') } }],
    [9704, { json: { assets: [book], clientUserIds: twice('u'), serialNumbers: twice('S') } }],
    [9705, { json: { assets: [book], clientUserIds: ['u'], serialNumbers: twice('S') } }],
    [9706, { json: { assets: [book], clientUserIds: ['u'], serialNumbers: ['S'] } }],
  ],
  '/assets/revoke': [
    ...common,
    [9719, { json: {} }],
    [9701, { json: { clientUserIds: many(101), serialNumbers: many(101) } }],
    [9702, { json: { clientUserIds: twice('u'), serialNumbers: many(101) } }],
    [9704, { json: { clientUserIds: twice('u'), serialNumbers: twice('S') } }],
    [9705, { json: { clientUserIds: ['u'], serialNumbers: twice('S') } }],
  ],
  '/users/create': [
    ...common,
    [9720, { json: {} }],
    [9714, { json: { users: many(101).map((clientUserId) => ({ clientUserId, email: 'x' })) } }],
    [9715, { json: { users: twice({ clientUserId: 'u', email: 'x' }) } }],
    [9717, { json: { users: [{ clientUserId: 'u', email: 'x' }] } }],
  ],
  '/client/config': [
    ...common,
    [9723, { json: { mdmInfo: { id: long, name: long }, notificationUrl: `http://${long}` } }],
    [9710, { json: { mdmInfo: { id: long, name: long, metadata: long }, notificationUrl: `http://${long}` } }],
    [9711, { json: config(long, long, long, `http://${long}`) }],
    [9713, { json: config(long, long, long, 'nonsense') }],
    [9724, { json: config(long, long, 'm', 'nonsense') }],
    [9725, { json: config('a', long, 'm', 'nonsense') }],
    [9712, { json: config('a', 'b', 'm', 'nonsense') }],
    [9728, { json: config('a', 'b', 'm', 'https://127.0.0.1:1/') }],
  ],
};

function config(id: string, name: string, metadata: string, notificationUrl: string) {
  return { mdmInfo: { id, name, metadata }, notificationUrl, notificationAuthToken: 's' };
}

const cases = Object.entries(orders).flatMap(([path, rows]) =>
  rows.map(([errorNumber, how], index) => ({ path, errorNumber, how, place: index + 1 })),
);

it.each(cases)('F8 order of checks: $path, no. $place: $errorNumber', async ({ path, errorNumber, how }) => {
  const tools = await bench();
  const ask = typeof how === 'function' ? await how(tools) : how;
  const before = tools.admin.truth({ uId: schoolUnits.own });
  expect((await tools.ask(path, ask)).body.errorNumber).toBe(errorNumber);
  expect(tools.admin.truth({ uId: schoolUnits.own })).toEqual(before);
});
