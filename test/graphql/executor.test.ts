import { type ExecutionResult, execute, GraphQLError, type GraphQLSchema, parse } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { describe, expect, test } from 'vitest';
import { toWireError } from '../../src/graphql/errors.ts';
import { createExecutor } from '../../src/graphql/executor.ts';
import { silentLogger } from '../../src/lib/logger.ts';

const people = [
  { id: '1', name: 'Ada', friends: ['2'] },
  { id: '2', name: 'Bob', friends: [] },
];

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    directive @unused on FIELD
    input Filter { name: String, ids: [ID!] }
    enum Mood { GOOD }
    type Wrong { number: Int!, mood: Mood, nothing: String!, list: [String!], object: Wrong!, later: String! }
    type Person { id: ID!, name: String!, broken: String!, friends(first: Int = 10): [Person!]! }
    type Query { people(filter: Filter, first: Int = 5): [Person!]!, person(id: ID!): Person, seen: String, wrong: Wrong, needs(n: Int! = 1): Int }
    type Mutation { note(filter: Filter!): String }
  `,
  resolvers: {
    Query: {
      people: (_root, { filter, first }) =>
        people.filter((person) => !filter?.name || person.name === filter.name).slice(0, first),
      person: async (_root, { id }) => people.find((person) => person.id === id) ?? null,
      wrong: () => ({ number: 'many', mood: 'BAD', list: ['a', null], later: async () => null }),
      needs: (_root, { n }) => n,
      seen: (_root, _args, context) => JSON.stringify(context),
    },
    Person: {
      friends: (person, { first }) => people.filter((one) => person.friends.includes(one.id)).slice(0, first),
      broken: () => {
        throw new GraphQLError('broken', { extensions: { code: 'BROKEN' } });
      },
    },
    Mutation: { note: (_root, { filter }) => Object.keys(filter).join() },
  },
}) as unknown as GraphQLSchema;

/** The answer as it is sent. */
const sent = async (answer: unknown) => JSON.parse(JSON.stringify(await answer));

const documents: [name: string, text: string, variables?: Record<string, unknown>][] = [
  ['lists in lists', '{ people { id name friends { name } } }'],
  ['aliases, fragments and typename', '{ a: people { ...p } } fragment p on Person { __typename other: name }'],
  ['variables with defaults', 'query($n: Int = 1) { people(first: $n) { id } }'],
  ['variables that are given', 'query($n: Int) { people(first: $n) { id } }', { n: 2 }],
  ['variables that are left out', 'query($n: Int) { people(first: $n) { id } }'],
  ['variables of a wrong type', 'query($n: Int) { people(first: $n) { id } }', { n: 'x' }],
  ['variables that are needed and left out', 'query($id: ID!) { person(id: $id) { id } }'],
  ['input objects', 'query($f: Filter) { people(filter: $f) { id } }', { f: { name: 'Bob' } }],
  ['conditions', 'query($on: Boolean!) { people { id @include(if: $on) name @skip(if: $on) } }', { on: true }],
  [
    'conditions the other way',
    'query($on: Boolean!) { people { id @include(if: $on) name @skip(if: $on) } }',
    { on: false },
  ],
  ['an error that makes the answer null', '{ people { id broken } }'],
  ['an error that makes one field null', '{ person(id: "1") { broken } seen }'],
  ['introspection', '{ __type(name: "Person") { fields { name } } }'],
];

describe('G2 a compiled query answers like any other', () => {
  test.each(documents)('G2 %s', async (_name, text, variableValues) => {
    const args = { schema, document: parse(text), variableValues, contextValue: { who: 'me' } };
    const plain = await sent(execute(args));
    const executor = createExecutor({ from: 1 });
    expect(await sent(executor(args))).toEqual(plain);
    expect(await sent(executor(args))).toEqual(plain);
  });

  test('G2 each run has its own context and variables', async () => {
    const executor = createExecutor({ from: 1 });
    const document = parse('query($id: ID!) { seen person(id: $id) { name } }');
    for (const [who, id, name] of [
      ['a', '1', 'Ada'],
      ['b', '2', 'Bob'],
    ])
      expect(await sent(executor({ schema, document, contextValue: { who }, variableValues: { id } }))).toEqual({
        data: { seen: JSON.stringify({ who }), person: { name } },
      });
  });

  test('G2 the operations of one document are kept apart', async () => {
    const executor = createExecutor({ from: 1 });
    const document = parse('query A { person(id: "1") { name } } query B { person(id: "2") { name } }');
    for (const [operationName, name] of [
      ['A', 'Ada'],
      ['B', 'Bob'],
      ['A', 'Ada'],
    ])
      expect(await sent(executor({ schema, document, operationName }))).toEqual({ data: { person: { name } } });
  });

  test('G2 what a mutation is not given stays absent: mutations are never compiled', async () => {
    const executor = createExecutor({ from: 1 });
    const document = parse('mutation($name: String, $ids: [ID!]) { note(filter: { name: $name, ids: $ids }) }');
    const answer = await sent(executor({ schema, document, variableValues: { name: 'x' } }));
    expect(answer).toEqual({ data: { note: 'name' } });
  });
});

describe('G2 whose mistake it was', () => {
  const told = async (how: (args: Parameters<typeof execute>[0]) => unknown, text: string, variableValues = {}) => {
    const log: { fields: Record<string, unknown> }[] = [];
    const logger = { ...silentLogger, error: (fields: object) => log.push({ fields: { ...fields } }) };
    const { errors = [] } = (await how({ schema, document: parse(text), variableValues })) as ExecutionResult;
    const wire = errors.map((error) => toWireError(error, { logger, correlationId: 'abc' }));
    return { wire: wire.map(({ message, path, extensions }) => ({ message, path, extensions })), log };
  };
  const both = () => [execute, createExecutor({ from: 1 })];

  test.each(['number', 'mood', 'nothing', 'list', 'object { mood }', 'later'])(
    'G2 a field that keeps not to its type (%s) is ours in both executions: masked and logged',
    async (field) => {
      for (const how of both()) {
        const { wire, log } = await told(how, `{ wrong { ${field} } }`);
        expect(wire).toHaveLength(1);
        expect(wire[0]!.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', correlationId: 'abc' });
        expect(wire[0]!.message).toContain('quote abc');
        expect(wire[0]!.message).not.toMatch(/Cannot|represent/);
        expect(wire[0]!.path!.slice(0, 1)).toEqual(['wrong']);
        expect(log).toHaveLength(1);
        expect((log[0]!.fields.error as Error).message).toMatch(/Cannot return null|cannot represent/);
      }
    },
  );

  test('G2 an argument that a variable makes null is the mistake of who asks', async () => {
    for (const how of both()) {
      const { wire, log } = await told(how, 'query($n: Int) { needs(n: $n) }', { n: null });
      expect(wire).toMatchObject([{ path: ['needs'], extensions: { code: 'BAD_USER_INPUT' } }]);
      expect(log).toEqual([]);
    }
  });
});
