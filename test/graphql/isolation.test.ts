import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NodeName, nodeRights } from '../../src/graphql/ids.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addOneOfEach, secret } from './one-of-each.ts';
import { type Ids, leastInput, narrowed, waysFrom } from './ways.ts';

const schema = buildSchema();
const query = schema.getQueryType()!;
const mutations = Object.values(schema.getMutationType()!.getFields());

let api: TestApi;
let mine: string;
let theirs: string;
let ids: Ids;

beforeAll(async () => {
  api = await startApi();
  const organizationId = await api.organization('Theirs');
  ids = await addOneOfEach(api, organizationId);
  theirs = await api.key(organizationId);
  mine = await api.key(await api.organization('Mine'));
});
afterAll(() => api.close());

test.each(Object.keys(nodeRights) as NodeName[])(
  'S3 the %s of another organization is null through node and nodes',
  async (name) => {
    const both = 'query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }';
    expect((await api.ask(theirs, both, { id: ids[name] })).data).toEqual({
      node: { id: ids[name] },
      nodes: [{ id: ids[name] }],
    });
    const answer = await api.ask(mine, both, { id: ids[name] });
    expect(answer).toMatchObject({ data: { node: null, nodes: [null] } });
    expect(answer.errors).toBeUndefined();
  },
);

/** Everything that the other organization has, table by table. */
async function rowsOf(): Promise<unknown> {
  const { rows: tables } = await api.services.pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'organization_id' ORDER BY 1`,
  );
  const found: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await api.services.pool.query(
      `SELECT to_jsonb(t) AS row FROM "${name}" t WHERE organization_id = (SELECT min(id) FROM organization) ORDER BY 1`,
    );
    found[name] = rows;
  }
  return found;
}

/** An empty answer, or the refusal of an id that is none here. */
const nothingOrNoSuchId =
  /^\{"data":\{"\w+":(null|\{("totalCount":0,)?"edges":\[\]\})\}|^\{"errors":\[\{"message":"(The input was|No \w+ with this id)/;

/** What an organization has of its own as soon as it has a key; a preview of a rule is one even where it finds nothing. */
const own = ['Query.previewReclaim', 'Query.viewer', 'Query.organization', 'Query.apiKeys', 'Query.auditEntries'];

test.each([...waysFrom(query, ['node', 'nodes']), ...narrowed(query)])(
  'S3 $name shows nothing of another organization, whatever ids are named',
  async ({ name, selection }) => {
    const text = JSON.stringify(await api.ask(mine, `{ ${selection(ids)} }`));
    for (const id of [...Object.values(ids), secret]) expect(text).not.toContain(id);
    if (!own.includes(name)) expect(text).toMatch(nothingOrNoSuchId);
  },
);

test('S3 a cursor of another organization leads nowhere', async () => {
  const { data } = await api.ask(theirs, '{ devices(first: 1) { pageInfo { endCursor } } }');
  const answer = await api.ask(
    mine,
    'query($after: String) { devices(first: 1, after: $after) { edges { node { serialNumber } } } }',
    {
      after: data.devices.pageInfo.endCursor,
    },
  );
  expect(answer.data ?? { devices: { edges: [] } }).toEqual({ devices: { edges: [] } });
});

test('S3 no resolver reads a model past the bound client', () => {
  const sources = readdirSync('src/graphql').map(
    (name) => [name, readFileSync(`src/graphql/${name}`, 'utf8')] as const,
  );
  expect(sources.filter(([, text]) => /\bprisma\.[a-z]\w*\.|\bpool\b\.query/.test(text)).map(([name]) => name)).toEqual(
    [],
  );
});

test('S3 ids out of range or of no number lead to null', async () => {
  for (const text of ['Task:99999999999999999999', 'Task:9223372036854775807', 'Task:x', 'Task:-1', 'Organization:0']) {
    const answer = await api.ask(mine, 'query($id: ID!) { node(id: $id) { id } }', {
      id: Buffer.from(text).toString('base64'),
    });
    expect([text, answer.errors, answer.data]).toEqual([text, undefined, { node: null }]);
  }
});

test('S3 no mutation finds, changes or shows anything of another organization', async () => {
  const before = await rowsOf();
  for (const field of mutations) {
    const types = field.args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
    const args = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
    const input = leastInput(field, ids);
    const answer = await api.ask(mine, `mutation(${types}) { it: ${field.name}(${args}) { __typename } }`, input);
    const named = Object.values(ids).some((id) => JSON.stringify(input).includes(id));
    if (named)
      expect([field.name, answer.data?.it?.__typename ?? 'Error']).toEqual([
        field.name,
        expect.stringMatching(/Error$/),
      ]);
  }
  expect(await rowsOf()).toEqual(before);
});
