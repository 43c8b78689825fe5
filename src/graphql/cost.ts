/**
 * What an operation may cost, known before anything runs: the number of objects that it can answer with. A page counts
 * as many as it asks for, and lists inside lists multiply.
 * @module
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** Objects that a plain list is taken to hold unless it says how many it may be; what is longer is a connection. */
const plainListLength = 10;

/** Options of a field with a plain list of more objects than that: the most that it holds. */
export const atMost = (length: number) => ({ extensions: { atMost: length } });
/** Fields that only lead through a page. */
const passages = new Set(['edges', 'pageInfo']);

/** The parts of an operation that its cost depends on. */
export interface CostQuery {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: Record<string, FragmentDefinitionNode>;
  /** Coerced values. */
  variables: Record<string, unknown>;
  maxPageSize: number;
}

/** A query with what was counted already: fragments that spread each other would else be walked exponentially often. */
interface Walk extends CostQuery {
  counted: Map<SelectionSetNode, Map<GraphQLNamedType, number>>;
}

/** Counts the objects; throws a coded error for a page without a size, or a bigger one than allowed. */
export function operationCost(query: CostQuery): number {
  const root = query.schema.getRootType(query.operation.operation);
  return root ? selectionCost({ ...query, counted: new Map() }, query.operation.selectionSet, root) : 0;
}

function selectionCost(query: Walk, selectionSet: SelectionSetNode, type: GraphQLNamedType): number {
  const byType = query.counted.get(selectionSet) ?? new Map<GraphQLNamedType, number>();
  const known = byType.get(type);
  if (known !== undefined) return known;
  const cost = sumOfSelections(query, selectionSet, type);
  query.counted.set(selectionSet, byType.set(type, cost));
  return cost;
}

function sumOfSelections(query: Walk, selectionSet: SelectionSetNode, type: GraphQLNamedType): number {
  let cost = 0;
  for (const selection of selectionSet.selections) {
    if (selection.kind === 'Field') cost += fieldCost(query, selection, type);
    else {
      const part = selection.kind === 'InlineFragment' ? selection : query.fragments[selection.name.value];
      if (!part) continue;
      const condition = part.typeCondition ? query.schema.getType(part.typeCondition.name.value) : type;
      cost += selectionCost(query, part.selectionSet, condition ?? type);
    }
  }
  return cost;
}

function fieldCost(query: Walk, node: FieldNode, type: GraphQLNamedType): number {
  const field =
    isObjectType(type) || isInterfaceType(type) ? (type as GraphQLObjectType).getFields()[node.name.value] : undefined;
  if (!field || !node.selectionSet) return 0;
  const named = getNamedType(field.type);
  if (!isCompositeType(named) && !isAbstractType(named)) return 0;
  const inside = selectionCost(query, node.selectionSet, named);
  const args = getArgumentValues(field, node, query.variables);
  const takesPage = field.args.some((arg) => arg.name === 'first') && field.args.some((arg) => arg.name === 'last');
  if (takesPage) return 1 + inside * pageSize(args, node, query.maxPageSize);
  if (passages.has(field.name)) return inside;
  if (Array.isArray(args.ids)) return listLength(args.ids, node, query.maxPageSize) * (1 + inside);
  return (isListType(getNullableType(field.type)) ? lengthOf(field) : 1) * (1 + inside);
}

const lengthOf = ({ extensions }: GraphQLField<unknown, unknown>): number =>
  typeof extensions.atMost === 'number' ? extensions.atMost : plainListLength;

function pageSize(args: Record<string, unknown>, node: FieldNode, most: number): number {
  const size = args.first ?? args.last;
  if (typeof size === 'number' && size >= 0 && size <= most) return size;
  const what = size === undefined || size === null ? 'needs' : `was asked for ${size} but takes`;
  throw refusal(`"${node.name.value}" ${what} \`first\` or \`last\` between 0 and ${most}.`, node);
}

function listLength(list: unknown[], node: FieldNode, most: number): number {
  if (list.length <= most) return list.length;
  throw refusal(`"${node.name.value}" takes at most ${most} ids and was given ${list.length}.`, node);
}

function refusal(message: string, node: FieldNode): GraphQLError {
  return new GraphQLError(`${message} Nothing was done.`, {
    nodes: node,
    extensions: { code: 'PAGE_SIZE', http: { status: 400, spec: true } },
  });
}
