/** The schema builder with its plugins. It defines no types: each has a file of its own. @module */
import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import { requireRight } from '../domain/access/rights.ts';
import type { Scope } from '../domain/actor.ts';
import type PrismaTypes from '../generated/prisma/pothos.ts';
import { getDatamodel } from '../generated/prisma/pothos.ts';
import type { GraphQLContext } from './context.ts';
import { nodeRights } from './ids.ts';
import { connectionTexts, nodeTexts } from './relay-texts.ts';

/** Longest page of any list. */
export const maxPageSize = 100;

interface NodeId {
  typename: string;
  id: string;
}

/** `node` and `nodes` tell nothing of a type whose right the key lacks, not even whether the object exists. */
function requireNodeRight(context: GraphQLContext, typeName: string): void {
  const right = (nodeRights as Partial<Record<string, Scope>>)[typeName];
  if (right) requireRight(context, right);
}

const nodeOptions = {
  ...nodeTexts,
  nodeQueryOptions: {
    ...nodeTexts.nodeQueryOptions,
    resolve: (
      _root: object,
      { id }: { id: NodeId },
      context: GraphQLContext,
      _info: unknown,
      load: (id: NodeId) => unknown,
    ) => {
      requireNodeRight(context, id.typename);
      return load(id);
    },
  },
  nodesQueryOptions: {
    ...nodeTexts.nodesQueryOptions,
    resolve: (
      _root: object,
      { ids }: { ids: NodeId[] },
      context: GraphQLContext,
      _info: unknown,
      load: (ids: NodeId[]) => Promise<unknown[]>,
    ) => {
      for (const id of ids) requireNodeRight(context, id.typename);
      return load(ids);
    },
  },
};

export const builder = new SchemaBuilder<{
  Context: GraphQLContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    Count: { Input: bigint; Output: bigint };
  };
}>({
  plugins: [ErrorsPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  // Only the expected failures that a mutation names: anything else would carry our own words to the client.
  errors: { defaultTypes: [], directResult: true },
  relay: {
    cursorType: 'String',
    edgesFieldOptions: { nullable: false },
    nodeFieldOptions: { nullable: false },
    ...nodeOptions,
    ...connectionTexts,
  },
  prisma: {
    client: (context) => context.db,
    dmmf: getDatamodel(),
    maxConnectionSize: maxPageSize,
    onUnusedQuery: null,
  },
});

builder.queryType({ description: 'What can be read. Every list is one of the organization that the key belongs to.' });
builder.mutationType({
  description:
    'What can be changed. Each takes one input and answers with a payload or with one of its expected failures, all of which are `UserError`s.',
});
builder.subscriptionType({
  description:
    'What can be watched live, over WebSocket (graphql-transport-ws) or server-sent events (distinct connections).',
});
