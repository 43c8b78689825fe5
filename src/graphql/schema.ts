/** The whole schema: every type file registers what it defines when it is imported. @module */
import { type GraphQLSchema, isInterfaceType, isObjectType } from 'graphql';
import './scalars.ts';
import './user-errors.ts';
import './viewer.ts';
import './organization.ts';
import './api-key.ts';
import './audit-entry.ts';
import './token.ts';
import './token-mutations.ts';
import './token-notice.ts';
import './token-notifications.ts';
import './app.ts';
import './app-mutations.ts';
import './license-counts.ts';
import './license-pool.ts';
import './license.ts';
import './license-mutations.ts';
import './install-mutations.ts';
import './removal-mutations.ts';
import './plan.ts';
import './plan-mutations.ts';
import './device.ts';
import './device-mutations.ts';
import './device-commands.ts';
import './device-command-history.ts';
import './app-operation.ts';
import './device-enrollment.ts';
import './installed-app.ts';
import './device-group.ts';
import './device-group-mutations.ts';
import './deployment.ts';
import './deployment-mutations.ts';
import './reclaim.ts';
import './reclaim-mutations.ts';
import './allocation-limits.ts';
import './token-order-preview.ts';
import './app-forecast.ts';
import './storefront.ts';
import './explain.ts';
import './waiting.ts';
import './vpp-user.ts';
import './vpp-user-mutations.ts';
import './device-person.ts';
import './vpp-user-invitations.ts';
import './seat-subscription.ts';
import './seat-assignment.ts';
import './seat-mutations.ts';
import './update-policy.ts';
import './update-rollout.ts';
import './update-decision.ts';
import './update-mutations.ts';
import './mdm.ts';
import './mdm-mutations.ts';
import './task.ts';
import './task-mutations.ts';
import './task-progress.ts';
import { builder } from './builder.ts';
import { globalId, type NodeName, nodeRights } from './ids.ts';
import { guard } from './rights.ts';

/** Descriptions of fields that plugins add without one. */
const generatedFields: Record<string, string> = {
  totalCount: 'How many there are in the whole list; counted only when asked for.',
  edges: 'The objects of this page, each with its cursor.',
  node: 'The object.',
  cursor: 'Opaque position in the list.',
};

/** Builds the schema. Costly: once for each process. */
export function buildSchema(): GraphQLSchema {
  const schema = builder.toSchema({ sortSchema: true });
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) field.description ??= generatedFields[field.name];
  }
  for (const name of Object.keys(nodeRights) as NodeName[]) plainId(schema, name);
  guard(schema);
  return schema;
}

/** The plugin's own resolver of `id` is asynchronous, and one promise an object makes a long page slow. */
function plainId(schema: GraphQLSchema, name: NodeName): void {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new TypeError(`${name} is no object type`);
  type.getFields().id!.resolve = (row: { id: bigint }) => globalId(name, row.id);
}
