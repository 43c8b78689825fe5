import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApi, type TestApi } from '../http/support/api.ts';
import { openSocket, type TestSocket } from '../http/support/socket.ts';

let api: TestApi;
let key: string;
let socket: TestSocket;
let queries = 0;

beforeAll(async () => {
  api = await startApi();
  key = await api.key(await api.organization());
  socket = await openSocket(api, key);
  const { findMany } = api.services.prisma.app;
  Object.assign(api.services.prisma.app, {
    findMany: (...parameters: Parameters<typeof findMany>) => {
      queries += 1;
      return findMany(...parameters);
    },
  });
});
afterAll(async () => {
  await socket.close();
  await api.close();
});

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const nested = (levels: number): string => (levels === 0 ? 'id' : `licenses { app { ${nested(levels - 1)} } }`);

const tooMuch: [string, string, string][] = [
  ['G17 depth', `{ app(adamId: "1") { ${nested(8)} } }`, 'QUERY_TOO_DEEP'],
  ['G17 aliases', `{ ${repeat(31, (index) => `a${index}: viewer { role }`)} }`, 'TOO_MANY_ALIASES'],
  ['G17 directives', `{ viewer { ${repeat(51, () => 'role @include(if: true)')} } }`, 'TOO_MANY_DIRECTIVES'],
  ['G17 tokens', `{ ${repeat(700, () => 'viewer { role }')} }`, 'TOO_MANY_TOKENS'],
  ['G17 characters', `{ viewer { role } } # ${'x'.repeat(70_000)}`, 'QUERY_TOO_LARGE'],
  [
    'G17 cost: lists inside lists multiply',
    '{ apps(first: 100) { edges { node { licenseDetails(first: 100) { edges { node { app { id } holder { __typename } } } } } } } }',
    'QUERY_TOO_COSTLY',
  ],
  [
    'G17 cost: a plain list that may be long counts as many as it may hold',
    '{ plan(id: "UGxhbjox") { apps { app { licenseDetails(first: 100) { edges { node { id } } } } } } }',
    'QUERY_TOO_COSTLY',
  ],
  ['G1 a list without a page size', '{ apps { edges { node { id } } } }', 'PAGE_SIZE'],
  ['G1 a page above 100', '{ apps(first: 101) { edges { node { id } } } }', 'PAGE_SIZE'],
  [
    'G1 a nested page above 100',
    '{ apps(first: 1) { edges { node { licenseDetails(last: 101) { totalCount } } } } }',
    'PAGE_SIZE',
  ],
  ['G1 more than 100 ids', `{ nodes(ids: [${repeat(101, () => '"QXBwOjE="')}]) { id } }`, 'PAGE_SIZE'],
];

describe.each(tooMuch)('%s', (_name, query, code) => {
  test(`is refused over HTTP with ${code}, before any resolver`, async () => {
    const before = queries;
    const answer = await api.ask(key, query);
    expect(codes(answer)).toEqual([code]);
    expect(answer.data).toBeUndefined();
    expect(queries).toBe(before);
  });

  test(`is refused over WebSocket with ${code}`, async () => {
    const [answer] = await socket.collect(query);
    expect(codes(answer!)).toEqual([code]);
    expect(answer!.errors![0]!.extensions.http).toBeUndefined();
  });
});

test('G17 fragments that spread each other many times are counted without walking each way', async () => {
  const chain = repeat(5, (index) => `fragment f${index} on App { ${repeat(100, () => `...f${index + 1}`)} }`);
  const answer = await api.ask(key, `{ app(adamId: "1") { ...f0 } } ${chain} fragment f5 on App { licenses { used } }`);
  expect(codes(answer)).toEqual(['QUERY_TOO_COSTLY']);
});

test('G17 page sizes in variables count like those in the document', async () => {
  const query = 'query($n: Int) { apps(first: $n) { edges { node { id } } } }';
  expect(codes(await api.ask(key, query, { n: 101 }))).toEqual(['PAGE_SIZE']);
  expect(codes(await api.ask(key, query))).toEqual(['PAGE_SIZE']);
  expect((await api.ask(key, query, { n: 100 })).errors).toBeUndefined();
});

test('G4 the cost of an operation is told with its answer', async () => {
  const answer = await api.ask(key, '{ apps(first: 20) { edges { node { id licenses { used } } } } }');
  expect(answer.extensions).toEqual({ cost: { objects: 1 + 20 * 2, limit: 15_000 } });
});

test('G8 the introspection of a client fits into the limits', async () => {
  const { getIntrospectionQuery } = await import('graphql');
  expect(
    (await api.ask(key, getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true }))).errors,
  ).toBeUndefined();
});

const codes = (answer: Answer) => answer.errors?.map((error) => error.extensions.code);
