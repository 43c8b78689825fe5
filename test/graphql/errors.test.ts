import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from '../http/support/api.ts';
import { interceptStatements } from '../http/support/intercept-statements.ts';
import { openSocket } from '../http/support/socket.ts';

let api: TestApi;
let key: string;
const secret = 'postgres://user:password@database.internal';

beforeAll(async () => {
  api = await startApi({
    streams: {
      tasks: () => {
        throw new Error(secret);
      },
      licenseCounts: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error(secret)) }) }),
    },
  });
  key = await api.key(await api.organization());
});
afterAll(() => api.close());

const logged = (id: unknown) => api.log.filter((line) => line.level === 'error' && line.fields.correlationId === id);

test('G2 a bug is masked and logged under the correlation id of the request', async () => {
  const restore = interceptStatements(api.services.pool, 'FROM app ', () => Promise.reject(new Error(secret)));
  const response = await api.send({
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: '{ apps(first: 1) { totalCount } }' }),
  });
  const text = await response.text();
  restore();
  const [error] = (
    JSON.parse(text) as { errors: { message: string; path: string[]; extensions: Record<string, unknown> }[] }
  ).errors;
  expect(text).not.toContain('password');
  expect(error!.extensions).toEqual({
    code: 'INTERNAL_SERVER_ERROR',
    correlationId: response.headers.get('x-correlation-id'),
  });
  expect(error!.path).toEqual(['apps']);
  expect((logged(error!.extensions.correlationId)[0]!.fields.error as Error).message).toBe(secret);
});

test('G2 an app without a name for its status is our mistake, the first time and when the query is compiled', async () => {
  const row = { id: '1', adamId: '1', status: null, productType: 'APP' };
  const restore = interceptStatements(api.services.pool, 'FROM app ', async () => ({ rows: [row] }));
  const query = '{ apps(first: 1) { edges { node { status } } } }';
  const answers = [await api.ask(key, query), await api.ask(key, query), await api.ask(key, query)];
  restore();
  for (const { errors } of answers) {
    expect(errors).toHaveLength(1);
    expect(errors![0]!.path).toEqual(['apps', 'edges', 0, 'node', 'status']);
    expect(errors![0]!.message).not.toContain('null');
    expect(errors![0]!.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    const [line] = logged(errors![0]!.extensions.correlationId);
    expect((line!.fields.error as Error).message).toBe('Cannot return null for non-nullable field App.status.');
  }
});

test.each(['tasks { id }', 'licenseCounts { used }'])(
  'G2 a bug in the stream of %s is masked over WebSocket',
  async (field) => {
    const socket = await openSocket(api, key);
    const [answer] = await socket.collect(`subscription { ${field} }`);
    expect(JSON.stringify(answer)).not.toContain('password');
    expect(answer?.errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    expect(logged(answer!.errors![0]!.extensions.correlationId)).toHaveLength(1);
    await socket.close();
  },
);

test.each([
  ['a syntax error', '{', {}, 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', '{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a variable of the wrong type',
    'query($n: Int!) { apps(first: $n) { totalCount } }',
    { n: 'many' },
    'BAD_USER_INPUT',
  ],
  ['a text that is no global id', '{ node(id: "nonsense") { id } }', {}, 'BAD_USER_INPUT'],
  ['the id of another type', '{ token(id: "QXBwOjE=") { id } }', {}, 'INVALID_INPUT'],
  ['two devices in a oneOf', '{ device(by: { id: "x", serialNumber: "y" }) { id } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['a foreign cursor', '{ apps(first: 1, after: "bm9uc2Vuc2U") { totalCount } }', {}, 'INVALID_INPUT'],
])('G2 %s has a code of its own, the same on both transports', async (_name, query, variables, code) => {
  const socket = await openSocket(api, key);
  const [overSocket] = await socket.collect(query, variables);
  await socket.close();
  for (const answer of [await api.ask(key, query, variables), overSocket!]) {
    expect(answer.errors?.map((error) => error.extensions.code)).toEqual([code]);
  }
});

test('G2 the expected failure of a mutation is data: a code, a path and what a client needs', async () => {
  const answer = await api.ask(
    key,
    `mutation($input: UpdateOrganizationInput!) {
      updateOrganization(input: $input) {
        ... on UserError { __typename code message path }
        ... on InvalidInputError { issues { path message } }
      }
    }`,
    { input: { timeZone: 'Mars/Olympus', name: ' ' } },
  );
  expect(answer.errors).toBeUndefined();
  expect(answer.data.updateOrganization).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    path: ['name'],
  });
  expect(answer.data.updateOrganization.issues.map((issue: { path: string[] }) => issue.path)).toEqual([
    ['name'],
    ['timeZone'],
  ]);
});
