import { type GraphQLInputField, type GraphQLInputObjectType, getNamedType, isAbstractType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Scope, scopes } from '../../src/domain/actor.ts';
import type { AppCounts } from '../../src/domain/app/counts.ts';
import { ForbiddenError } from '../../src/domain/errors.ts';
import { type NodeName, nodeRights } from '../../src/graphql/ids.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { noNews, startApi, type TestApi } from '../http/support/api.ts';
import { openSocket } from '../http/support/socket.ts';
import { addOneOfEach, secret } from './one-of-each.ts';
import { type Ids, leastInput, objectTypes, targetOf, type Way, waysFrom } from './ways.ts';

const schema = buildSchema();
const roots = waysFrom(schema.getQueryType()!, ['node', 'nodes']);
const streams = waysFrom(schema.getSubscriptionType()!);
const mutations = Object.values(schema.getMutationType()!.getFields());
const nodeNames = Object.keys(nodeRights) as NodeName[];
const nodeWays = nodeNames.flatMap((name) =>
  waysFrom(objectTypes(schema).find((type) => type.name === name)!).map((way) => ({ ...way, of: name })),
);

let api: TestApi;
let organizationId: bigint;
let opened = 0;
let ids: Ids;

/** A stream that ends at once and counts how often it was opened. */
const counts = (): AsyncIterable<AppCounts> => {
  opened += 1;
  return noNews();
};

beforeAll(async () => {
  api = await startApi({
    streams: {
      licenseCounts: counts,
      tasks: counts as never,
      taskProgress: counts as never,
      tokenNotices: counts as never,
    },
  });
  organizationId = await api.organization();
  ids = await addOneOfEach(api, organizationId);
});
afterAll(() => api.close());

const ofNode = ({ of, ...way }: Way & { of: NodeName }) =>
  `{ node(id: "${ids[of]}") { __typename ... on ${of} { ${way.selection(ids)} } } }`;
const without = (...missing: Scope[]) =>
  api.key(
    organizationId,
    'ADMINISTRATOR',
    scopes.filter((scope) => !missing.includes(scope)),
  );
const forbidden = { extensions: { code: 'FORBIDDEN' } };

/** Ways to guarded objects that show none here, since the fixture has none there. */
const empty: string[] = [];

describe.each(['ADMINISTRATOR', 'APPSTORE_MANAGER'] as const)('S1 S2 %s may do everything', (role) => {
  let key: string;
  beforeAll(async () => {
    key = await api.key(organizationId, role);
  });

  test.each(roots)('S1 S2 reads $name', async ({ selection }) => {
    const answer = await api.ask(key, `{ ${selection(ids)} }`);
    expect(answer.errors).toBeUndefined();
    expect(JSON.stringify(answer.data)).not.toMatch(/^\{"\w+":(null|.*"edges":\[\].*)\}$/);
  });

  test('S1 S2 reads every kind of node, and every field of each', async () => {
    for (const way of nodeWays) {
      const answer = await api.ask(key, ofNode(way));
      expect([way.name, answer.errors, answer.data?.node?.__typename]).toEqual([way.name, undefined, way.of]);
    }
  });

  test('S1 S2 writes', async () => {
    const answer = await api.ask(
      key,
      'mutation { updateOrganization(input: { timeZone: "Europe/Berlin" }) { __typename } }',
    );
    expect(answer.data.updateOrganization.__typename).toBe('UpdateOrganizationPayload');
  });

  test('S1 S2 subscribes', async () => {
    const socket = await openSocket(api, key);
    for (const { selection } of streams) expect(await socket.collect(`subscription { ${selection(ids)} }`)).toEqual([]);
    await socket.close();
  });
});

describe('S3 any other role is refused', () => {
  let key: string;
  beforeAll(async () => {
    key = await api.key(organizationId, 'EMPLOYEE');
  });
  test.each(roots)('S3 on reading $name', async ({ selection }) => {
    const answer = await api.ask(key, `{ ${selection(ids)} }`);
    expect(answer.errors?.[0]).toMatchObject(forbidden);
    expect(Object.values(answer.data ?? { it: null })).toEqual([null]);
  });

  test('S3 nothing leaks through node(id:) or nodes(ids:)', async () => {
    for (const type of nodeNames) {
      for (const query of [`{ node(id: "${ids[type]}") { id } }`, `{ nodes(ids: ["${ids[type]}"]) { id } }`]) {
        const { errors, data } = await api.ask(key, query);
        expect([type, errors?.[0]?.extensions.code, data?.node ?? data?.nodes?.[0] ?? null]).toEqual([
          type,
          'FORBIDDEN',
          null,
        ]);
      }
    }
  });

  test('S3 on writing, by every mutation, and nothing is changed', async () => {
    const audited = () => api.services.prisma.auditEntry.count();
    const before = await audited();
    for (const field of mutations) {
      const types = field.args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
      const args = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
      const query = `mutation(${types}) { ${field.name}(${args}) { __typename } }`;
      const answer = await api.ask(key, query, leastInput(field, ids));
      expect([field.name, answer.errors?.[0]]).toMatchObject([field.name, forbidden]);
    }
    expect(mutations.length).toBeGreaterThan(30);
    expect(await audited()).toBe(before);
  });

  test('S3 on subscribing, and no stream is opened', async () => {
    const socket = await openSocket(api, key);
    const before = opened;
    for (const { selection } of streams) {
      const [answer] = await socket.collect(`subscription { ${selection(ids)} }`);
      expect(answer?.errors?.[0]).toMatchObject(forbidden);
    }
    expect(opened).toBe(before);
    await socket.close();
  });
});

test('S3 a key of fewer rights gets what it may and a typed refusal for the rest', async () => {
  const key = await api.key(organizationId, 'ADMINISTRATOR', ['apps:read']);
  const answer = await api.ask(
    key,
    '{ apps(first: 1) { edges { node { adamId } } } viewer { organization { name } } }',
  );
  expect(answer.errors).toHaveLength(1);
  expect(answer.errors![0]).toMatchObject({
    path: ['viewer', 'organization'],
    extensions: { code: 'FORBIDDEN', required: 'organization:read' },
  });
});

/** What a field of an input has to be for the mutation to reach devices; null when it never does. */
function reaching(field: GraphQLInputField): unknown {
  if (field.name === 'install' || field.name === 'removeApps') return true;
  return getNamedType(field.type).name === 'DeploymentMode' ? 'LICENSE_AND_INSTALL' : null;
}

test('S3 S28 whatever installs or removes apps needs the right to write devices, whichever mutation leads there', async () => {
  const key = await without('devices:write');
  const reached: string[] = [];
  for (const field of mutations) {
    const input = getNamedType(field.args[0]!.type) as GraphQLInputObjectType;
    const more = Object.values(input.getFields()).flatMap((one) => (reaching(one) ? [[one.name, reaching(one)]] : []));
    if (more.length === 0 && field.name !== 'installApps' && field.name !== 'removeApps') continue;
    reached.push(field.name);
    const least = leastInput(field, ids).input as object;
    const query = `mutation($input: ${input.name}!) { ${field.name}(input: $input) { __typename } }`;
    const answer = await api.ask(key, query, { input: { ...least, ...Object.fromEntries(more) } });
    const refused = { extensions: { code: 'FORBIDDEN', required: 'devices:write' } };
    expect([field.name, answer.errors?.[0]]).toMatchObject([field.name, refused]);
  }
  expect(reached).toEqual(
    expect.arrayContaining([
      'installApps',
      'removeApps',
      'associateLicenses',
      'planAssociation',
      'createDeployment',
      'updateDeployment',
      'revokeLicenses',
      'planRevocation',
      'retireVppUsers',
      'planUserRetirement',
    ]),
  );
});

describe('S3 no way to a type is left open', () => {
  const paths: [name: string, query: string][] = [
    ['a page of licenses', '{ licenses(first: 1) { edges { node { holder { ... on Device { serialNumber } } } } } }'],
    [
      'one license',
      'query($id: ID!) { node(id: $id) { ... on License { holder { ... on Device { serialNumber } } } } }',
    ],
  ];

  test.each(paths)(
    'S3 the device that holds a license needs the right to read devices, by way of %s',
    async (_name, query) => {
      const less = await api.key(organizationId, 'ADMINISTRATOR', ['licenses:read']);
      const refused = await api.ask(less, query, { id: ids.License });
      expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', required: 'devices:read' });
      expect(JSON.stringify(refused.data ?? null)).not.toContain(secret);
      const both = await api.key(organizationId, 'ADMINISTRATOR', ['licenses:read', 'devices:read']);
      expect(JSON.stringify((await api.ask(both, query, { id: ids.License })).data)).toContain(secret);
    },
  );

  test('S3 with every other right, what is guarded is refused on each way to it, and not even counted', async () => {
    const shown: string[] = [];
    const unshown: string[] = [];
    const all = await without();
    for (const way of [...roots, ...nodeWays]) {
      const right = (nodeRights as Partial<Record<string, Scope>>)[way.target.name];
      if (!right) continue;
      const query = 'of' in way ? ofNode(way as (typeof nodeWays)[number]) : `{ ${way.selection(ids)} }`;
      const refused = await api.ask(await without(right), query);
      expect([way.name, refused.errors?.[0]?.extensions]).toMatchObject([
        way.name,
        { code: 'FORBIDDEN', required: right },
      ]);
      expect(JSON.stringify(refused.data ?? null)).not.toMatch(/"id"|totalCount/);
      if (/"id"/.test(JSON.stringify((await api.ask(all, query)).data))) shown.push(way.name);
      else unshown.push(way.name);
    }
    expect(unshown).toEqual(empty);
    expect(shown.length).toBeGreaterThan(40);
  });

  test('S3 every field that leads to a guarded type asks first, or shows what was just written', () => {
    const context = { actor: { kind: 'API_KEY', role: 'EMPLOYEE', scopes: [] } };
    const open: string[] = [];
    let guarded = 0;
    for (const type of objectTypes(schema)) {
      for (const field of Object.values(type.getFields())) {
        const target = targetOf(field);
        if (!Object.hasOwn(nodeRights, target.name) || field.extensions.written === true) continue;
        guarded += 1;
        try {
          field.resolve!({}, {}, context, {} as never);
          open.push(`${type.name}.${field.name}`);
        } catch (error) {
          if (!(error instanceof ForbiddenError)) open.push(`${type.name}.${field.name}: ${error}`);
        }
      }
    }
    expect(open).toEqual([]);
    expect(guarded).toBeGreaterThan(20);
  });

  test('S3 what leads to one of several types is known, each of them', () => {
    const several: string[] = [];
    for (const type of objectTypes(schema)) {
      if (type.name === 'Mutation') continue;
      for (const field of Object.values(type.getFields()))
        if (isAbstractType(getNamedType(field.type))) several.push(`${type.name}.${field.name}`);
    }
    expect(several).toEqual(['LeasedCommand.request', 'License.holder', 'Query.node', 'Query.nodes']);
  });
});
