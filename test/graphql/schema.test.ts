import { readFileSync } from 'node:fs';
import {
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import * as failures from '../../src/domain/errors.ts';
import { ForbiddenError } from '../../src/domain/errors.ts';
import { buildSchema } from '../../src/graphql/schema.ts';

const schema = buildSchema();

/** Every type, field, argument and enum value, as a path with its description. */
function* described(of: GraphQLSchema): Generator<[path: string, description: string | null | undefined]> {
  for (const type of Object.values(of.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    yield [type.name, type.description];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields())) yield [`${type.name}.${field.name}`, field.description];
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field.description];
      for (const arg of field.args) yield [`${type.name}.${field.name}(${arg.name})`, arg.description];
    }
  }
}

describe('G15 schema', () => {
  test('G15 everything is described', () => {
    const silent = [...described(schema)].filter(([, description]) => !description?.trim()).map(([path]) => path);
    expect(silent).toEqual([]);
  });

  test('G15 targets that are alternatives are oneOf inputs', () => {
    const byInput = schema.getType('DeviceByInput');
    expect(isInputObjectType(byInput) && byInput.isOneOf).toBe(true);
  });

  test('G2 each mutation takes one input and answers with a union of a payload and user errors', () => {
    const userError = schema.getType('UserError');
    for (const [name, field] of Object.entries(schema.getMutationType()!.getFields())) {
      const typeName = name[0]!.toUpperCase() + name.slice(1);
      expect(field.args.map((arg) => [arg.name, String(arg.type)])).toEqual([['input', `${typeName}Input!`]]);
      expect(String(field.type)).toBe(`${typeName}Result!`);
      const union = schema.getType(`${typeName}Result`);
      if (!isUnionType(union)) throw new Error(`${typeName}Result is no union`);
      const [payload, ...others] = union
        .getTypes()
        .toSorted((a, b) => Number(b.name.endsWith('Payload')) - Number(a.name.endsWith('Payload')));
      expect(payload!.name).toBe(`${typeName}Payload`);
      for (const other of others) expect(other.getInterfaces()).toContain(userError);
    }
  });

  test('G2 every expected failure of the domain has a type of its own, except the one that is always top-level', () => {
    const classes = Object.values(failures).filter(
      (value) => typeof value === 'function' && value.prototype instanceof failures.DomainError,
    );
    const missing = classes
      .map((each) => each.name)
      .filter((name) => name !== ForbiddenError.name && !schema.getType(name));
    // Only subscriptions meet these; they are top-level errors there.
    expect(missing).toEqual(['CursorInvalidError']);
  });

  test('G6 schema/schema.graphql is what the code says', () => {
    const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;
    expect(readFileSync('schema/schema.graphql', 'utf8') === printed, 'run npm run schema:print').toBe(true);
  });

  test('S10 no field gives out a secret of a token', () => {
    const token = schema.getType('Token');
    const names = isObjectType(token) ? Object.keys(token.getFields()) : [];
    expect(names.filter((name) => /secret|jwe|hash|mdmId|keyId/i.test(name))).toEqual([]);
  });
});
