/**
 * Who may read what: the one place where the schema asks for rights. A field needs its own right and that of the type
 * that it leads to, a connection that of its objects, so no way to a type is left open. Whoever may write sees what was written: the fields of a payload
 * that are marked so need no right to read.
 * @module
 */
import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { hasRight, requireRight } from '../domain/access/rights.ts';
import { type Scope, scopes } from '../domain/actor.ts';
import { ForbiddenError } from '../domain/errors.ts';
import type { GraphQLContext } from './context.ts';
import { nodeRights } from './ids.ts';

/** One right, or `any` at all. */
type Need = Scope | 'any';

/** Rights of the types that are read under one. The Node interface asks by itself (`builder.ts`). */
const typeRights: Partial<Record<string, Need>> = {
  ...nodeRights,
  DeviceCommand: 'devices:read',
  Enrollment: 'devices:read',
  Explanation: 'devices:read',
  InstalledApp: 'devices:read',
  InstalledCounts: 'apps:read',
  LicenseCounts: 'apps:read',
  TaskFailure: 'tasks:read',
  Viewer: 'any',
};

/** Options of a field that needs a right of its own. */
export const needs = (right: Need) => ({ extensions: { right } });

/** Options of the fields of a payload that show what was written. */
export const showsWritten = { extensions: { written: true } };

type Field = GraphQLField<unknown, GraphQLContext>;
type Resolver = GraphQLFieldResolver<unknown, GraphQLContext>;

/** Puts the checks in front of every resolver that needs one. */
export function guard(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) guardField(field);
  }
}

function guardField(field: Field): void {
  const { right, written } = field.extensions as { right?: Need; written?: boolean };
  const target = targetOf(field);
  const ofTarget = written ? undefined : typeRights[target.name];
  const needed = [...new Set([right, ofTarget])].filter((need) => need !== undefined);
  const check = (context: GraphQLContext) => {
    for (const need of needed) demand(context, need);
  };
  if (needed.length > 0) {
    field.resolve = checked(check, field.resolve ?? defaultFieldResolver);
    if (field.subscribe) field.subscribe = checked(check, field.subscribe);
  }
  if (!written) guardMembers(field, target);
}

/** The type that a field leads to: of a connection that of its objects, so that none is counted without the right to it. */
function targetOf(field: Field): GraphQLNamedType {
  const type = getNamedType(field.type);
  const edges = isObjectType(type) ? type.getFields().edges : undefined;
  const edge = edges && getNamedType(edges.type);
  const node = edge && isObjectType(edge) ? edge.getFields().node : undefined;
  return node ? getNamedType(node.type) : type;
}

/** Which member of a union a field leads to is known once it is resolved: now, or when its rows are read. */
function guardMembers(field: Field, target: GraphQLNamedType): void {
  if (!isUnionType(target) || target.getTypes().every((type) => typeRights[type.name] === undefined)) return;
  const { resolve } = field;
  field.resolve = (parent, args, context, info) => {
    const admit = (value: unknown): unknown => {
      if (value === null || value === undefined) return value;
      const name = target.resolveType!(value, context, info, target);
      if (typeof name !== 'string') throw new TypeError(`${target.name} does not say at once which type a value is`);
      const need = typeRights[name];
      if (need) demand(context, need);
      return value;
    };
    const value = resolve!(parent, args, context, info);
    return value instanceof Promise ? value.then(admit) : admit(value);
  };
}

function checked(check: (context: GraphQLContext) => void, inner: Resolver): Resolver {
  return (parent, args, context, info) => {
    check(context);
    return inner(parent, args, context, info);
  };
}

function demand(context: GraphQLContext, need: Need): void {
  if (need !== 'any') requireRight(context, need);
  else if (!scopes.some((scope) => hasRight(context.actor, scope))) throw new ForbiddenError('any');
}
