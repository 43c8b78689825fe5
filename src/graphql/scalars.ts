import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { DateTimeResolver } from 'graphql-scalars';
import { builder } from './builder.ts';

/** Largest whole number that JSON readers keep exact. */
const exact = BigInt(Number.MAX_SAFE_INTEGER);

function parseCount(value: unknown): bigint {
  const text = typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (/^-?\d{1,19}$/.test(text)) return BigInt(text);
  throw new GraphQLError('Count must be a whole number of at most 64 bits.');
}

/** Sent as a JSON number while that is exact, as a decimal string above. */
export const CountResolver = new GraphQLScalarType<bigint, number | string>({
  name: 'Count',
  description:
    'A whole number of up to 64 bits. It is sent as a JSON number up to 9007199254740991, which every JSON reader keeps exact, and as a decimal string above that.',
  serialize: (value) => {
    const count = parseCount(value);
    return count <= exact && count >= -exact ? Number(count) : count.toString();
  },
  parseValue: parseCount,
  parseLiteral: (node) => parseCount(node.kind === Kind.INT || node.kind === Kind.STRING ? node.value : undefined),
});

builder.addScalarType('DateTime', DateTimeResolver, {
  description: 'A moment in UTC as RFC 3339 text with milliseconds, e.g. `2026-03-01T12:00:00.000Z`.',
});
builder.addScalarType('Count', CountResolver, {});
