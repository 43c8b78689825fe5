import { readdirSync, readFileSync } from 'node:fs';
import { getOperationAST, type OperationDefinitionNode, parse, type TypeNode, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.ts';
import { startApi, type TestApi } from '../http/support/api.ts';

const folder = 'schema/operations';
const text = readdirSync(folder)
  .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
  .join('\n');
const document = parse(text);
const operations = document.definitions.filter(
  (part): part is OperationDefinitionNode => part.kind === 'OperationDefinition',
);
const names = operations.map((operation) => operation.name!.value);
const schema = buildSchema();

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  key = await api.key(await api.organization());
});
afterAll(() => api.close());

describe('G7 stored operations', () => {
  test('G7 all of them fit the schema, and no name comes twice', () => {
    expect(validate(schema, document)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  test('G7 every root field of the schema is used by one of them', () => {
    const used = new Set(
      operations.flatMap((operation) =>
        operation.selectionSet.selections.map((field) => ('name' in field ? field.name.value : '')),
      ),
    );
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.keys(type!.getFields()),
    );
    expect(roots.filter((name) => !used.has(name))).toEqual(['node', 'nodes', 'organization']);
  });

  // Each is sent for real. What it asks for need not exist, but it must get past every limit with pages of 100.
  const queries = operations.filter((operation) => operation.operation === 'query');
  test.each(queries.map((operation) => [operation.name!.value, operation] as const))(
    'G17 %s fits into the limits',
    async (name, operation) => {
      const answer = await api.ask(key, withFragments(name), variablesOf(operation));
      // The cost is told of what was run; errors without a path would be of what was not.
      expect(answer.extensions?.cost).toBeDefined();
      expect((answer.errors ?? []).filter((error) => error.path === undefined)).toEqual([]);
    },
  );
});

/** A value of the right shape for each variable that needs one. */
function variablesOf(operation: OperationDefinitionNode): Record<string, unknown> {
  const values: Record<string, unknown> = {
    Int: 100,
    ID: 'x',
    String: 'x',
    DateTime: '2026-01-01T00:00:00Z',
    DeviceByInput: { serialNumber: 'x' },
    StoreHolderInput: { deviceId: 'x' },
    DeviceGroupRuleInput: { supervised: true },
    ReclaimRuleInput: { name: 'x', reason: 'NOT_SEEN', days: 1, graceDays: 1 },
  };
  const sample = (type: TypeNode): unknown => {
    if (type.kind === 'NonNullType') return sample(type.type);
    return type.kind === 'ListType' ? [sample(type.type)] : values[type.name.value];
  };
  const needed = operation.variableDefinitions!.filter(
    ({ variable, type }) => type.kind === 'NonNullType' || variable.name.value === 'first',
  );
  return Object.fromEntries(needed.map(({ variable, type }) => [variable.name.value, sample(type)]));
}

/** The operation with every fragment that it needs, as codegen would send it. */
function withFragments(name: string): string {
  const operation = getOperationAST(document, name)!;
  const needed = new Map<string, string>();
  const add = (source: string): void => {
    for (const [, fragment] of source.matchAll(/\.\.\.(\w+Parts)/g)) {
      if (needed.has(fragment!)) continue;
      const definition = document.definitions.find(
        (part) => part.kind === 'FragmentDefinition' && part.name.value === fragment,
      )!;
      needed.set(fragment!, text.slice(definition.loc!.start, definition.loc!.end));
      add(needed.get(fragment!)!);
    }
  };
  const own = text.slice(operation.loc!.start, operation.loc!.end);
  add(own);
  return [own, ...needed.values()].join('\n');
}
