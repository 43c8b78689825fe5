/** Every way on which the schema leads to something, and how it is asked: from the schema, so that no field is forgotten. @module */
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { type NodeName, nodeRights } from '../../src/graphql/ids.ts';

export type Ids = Record<NodeName, string>;
type Field = GraphQLField<unknown, unknown>;

/** A field, and a selection that asks for it. */
export interface Way {
  name: string;
  /** The type that it leads to: of a connection that of its objects. */
  target: GraphQLNamedType;
  /** Without names of its own; with the ids of the organization that is asked about. */
  selection(ids: Ids): string;
}

/** What the schema can't say of arguments: `Type.field.argument`, or the argument's name alone. */
const values: Record<string, (ids: Ids) => unknown> = {
  first: () => 10,
  by: (ids) => ({ id: ids.Device }),
  rule: () => ({ families: ['IPAD'] }),
  'Query.previewReclaim.rule': () => ({ name: 'x', reason: 'NOT_SEEN', days: 1, graceDays: 1 }),
  tokenIds: (ids) => [ids.Token],
  deviceId: (ids) => ids.Device,
  appId: (ids) => ids.App,
  taskId: (ids) => ids.Task,
  for: (ids) => ({ deviceId: ids.Device }),
  'Query.app.id': (ids) => ids.App,
};

/** The types behind the names of ids. */
const namesOfIds: Record<string, NodeName> = {
  appId: 'App',
  deviceId: 'Device',
  exceptAppId: 'App',
  exceptGroupId: 'DeviceGroup',
  groupId: 'DeviceGroup',
  ruleId: 'ReclaimRule',
  runId: 'ReclaimRun',
  policyId: 'UpdatePolicy',
  rolloutId: 'UpdateRollout',
  subscriptionId: 'SeatSubscription',
  taskId: 'Task',
  tokenId: 'Token',
  vppUserId: 'VppUser',
};

/** The fields of a type as ways, but those that are named. */
export function waysFrom(type: GraphQLObjectType, but: readonly string[] = []): Way[] {
  return Object.values(type.getFields())
    .filter((field) => !but.includes(field.name))
    .map((field) => way(type, field));
}

function way(type: GraphQLObjectType, field: Field): Way {
  const name = `${type.name}.${field.name}`;
  const target = targetOf(field);
  const given = field.args.filter(
    (arg) => isRequiredArgument(arg) || arg.name === 'first' || values[`${name}.${arg.name}`],
  );
  const selection = (ids: Ids) => {
    const args = given.map((arg) => `${arg.name}: ${literal(argumentValue(name, arg, target, ids))}`);
    return `${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${bodyOf(field, target)}`;
  };
  return { name, target, selection };
}

/** The same list once more for each argument that takes an id. */
export function narrowed(type: GraphQLObjectType): Way[] {
  return Object.values(type.getFields()).flatMap((field) =>
    field.args
      .filter((arg) => !isRequiredArgument(arg) && getNamedType(arg.type).name === 'ID' && arg.name !== 'id')
      .map((arg) => {
        const of = namesOfIds[arg.name];
        if (!of) throw new Error(`say in namesOfIds what ${type.name}.${field.name}(${arg.name}:) is an id of`);
        const plain = way(type, field);
        return {
          ...plain,
          name: `${plain.name} of ${arg.name}`,
          selection: (ids: Ids) => plain.selection(ids).replace('(', `(${arg.name}: "${ids[of]}", `),
        };
      }),
  );
}

/** The type that a field leads to: of a connection that of its objects. */
export function targetOf(field: Field): GraphQLNamedType {
  const type = getNamedType(field.type);
  if (!isObjectType(type) || !type.name.endsWith('Connection')) return type;
  const edge = getNamedType(type.getFields().edges!.type) as GraphQLObjectType;
  return getNamedType(edge.getFields().node!.type);
}

function argumentValue(name: string, arg: GraphQLArgument, target: GraphQLNamedType, ids: Ids): unknown {
  const value = values[`${name}.${arg.name}`] ?? values[arg.name];
  if (value) return value(ids);
  if (arg.name === 'id' && target.name in nodeRights) return ids[target.name as NodeName];
  throw new Error(`say in values what to give ${name}(${arg.name}:)`);
}

function bodyOf(field: Field, target: GraphQLNamedType): string {
  if (isLeafType(target)) return '';
  const body = target.name in nodeRights ? '{ __typename id }' : '{ __typename }';
  const connection = getNamedType(field.type) as GraphQLObjectType;
  if (connection === target) return body;
  return `{ ${connection.getFields().totalCount ? 'totalCount' : ''} edges { node ${body} } }`;
}

const literal = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/"(\w+)":/g, '$1:')
    .replace('["IPAD"]', '[IPAD]')
    .replace('"NOT_SEEN"', 'NOT_SEEN');

/** The least that a mutation takes: ids of the organization where it asks for ids, else something of the type. */
export function leastInput(field: Field, ids: Ids): Record<string, unknown> {
  return Object.fromEntries(field.args.map((arg) => [arg.name, some(arg.name, arg.type, ids)]));
}

function some(name: string, type: GraphQLInputType, ids: Ids): unknown {
  const bare = getNullableType(type);
  if (isListType(bare)) return [some(name.replace(/s$/, ''), bare.ofType, ids)];
  if (isInputObjectType(bare)) {
    const fields = Object.values(bare.getFields());
    const wanted = bare.isOneOf
      ? fields.slice(0, 1)
      : fields.filter((field) => isRequiredInputField(field) || isId(field));
    return Object.fromEntries(wanted.map((field) => [field.name, some(field.name, field.type, ids)]));
  }
  if (isEnumType(bare)) return bare.getValues()[0]!.name;
  const simple: Record<string, unknown> = {
    ID: ids[namesOfIds[name] ?? (`${name[0]!.toUpperCase()}${name.slice(1, -2)}` as NodeName)],
    Boolean: true,
    Int: 1,
    String: 'x',
    DateTime: '2027-01-01T00:00:00.000Z',
  };
  if (simple[bare.name] === undefined) throw new Error(`say what to give an argument "${name}" of type ${bare.name}`);
  return simple[bare.name];
}

const isId = (field: GraphQLInputField) => getNamedType(field.type).name === 'ID';

/** The object types that the schema defines. */
export function objectTypes(schema: GraphQLSchema): GraphQLObjectType[] {
  return Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && !type.name.startsWith('__'),
  ) as GraphQLObjectType[];
}
