/** The table of contents: which path and method is which operation, and who answers it. @module */
import { subscriptionRoutes } from '../subscriptions/routes.ts';
import type { Answer, Call, Operation } from './call.ts';
import { readCatalog, readCatalogPath } from './catalog.ts';
import { readClientConfig, readServiceConfig, writeClientConfig } from './configs.ts';
import type { EventPlan } from './events.ts';
import { listAssets, listAssignments, listUsers } from './lists.ts';
import { readStatus, startEvent, startUserEvent } from './manage.ts';
import { lookUp } from './metadata.ts';
import { catalogPath, lookupPath, paths, publicLookupPath, serviceConfigPath } from './paths.ts';
import { lookUpPublic } from './public-lookup.ts';

/** One operation. */
export interface Route {
  method: 'GET' | 'POST';
  path: string;
  operation: Operation;
  /** Answers a call that passed its checks; `plan` is what a fault ordered for the event. */
  answer(call: Call, plan?: EventPlan): Answer | Promise<Answer>;
}

/** Every operation. */
export const routes: readonly Route[] = [
  { method: 'GET', path: serviceConfigPath, operation: 'serviceConfig', answer: readServiceConfig },
  { method: 'GET', path: paths.clientConfig, operation: 'getClientConfig', answer: readClientConfig },
  { method: 'POST', path: paths.clientConfig, operation: 'setClientConfig', answer: writeClientConfig },
  { method: 'GET', path: paths.getAssets, operation: 'getAssets', answer: listAssets },
  { method: 'GET', path: paths.getAssignments, operation: 'getAssignments', answer: listAssignments },
  { method: 'GET', path: paths.getUsers, operation: 'getUsers', answer: listUsers },
  {
    method: 'POST',
    path: paths.createUsers,
    operation: 'createUsers',
    answer: (call, plan) => startUserEvent(call, 'CREATE', plan),
  },
  {
    method: 'POST',
    path: paths.updateUsers,
    operation: 'updateUsers',
    answer: (call, plan) => startUserEvent(call, 'UPDATE', plan),
  },
  {
    method: 'POST',
    path: paths.retireUsers,
    operation: 'retireUsers',
    answer: (call, plan) => startUserEvent(call, 'RETIRE', plan),
  },
  {
    method: 'POST',
    path: paths.associateAssets,
    operation: 'associateAssets',
    answer: (call, plan) => startEvent(call, 'ASSOCIATE', plan),
  },
  {
    method: 'POST',
    path: paths.disassociateAssets,
    operation: 'disassociateAssets',
    answer: (call, plan) => startEvent(call, 'DISASSOCIATE', plan),
  },
  {
    method: 'POST',
    path: paths.revokeAssets,
    operation: 'revokeAssets',
    answer: (call, plan) => startEvent(call, 'REVOKE', plan),
  },
  { method: 'GET', path: paths.eventStatus, operation: 'eventStatus', answer: readStatus },
  {
    method: 'GET',
    path: lookupPath,
    operation: 'contentMetadataLookup',
    answer: lookUp,
  },
  ...subscriptionRoutes,
  { method: 'GET', path: publicLookupPath, operation: 'publicLookup', answer: lookUpPublic },
];

const catalogRoute: Route = { method: 'GET', path: catalogPath, operation: 'readCatalog', answer: readCatalog };

/** The routes of a path: the one for the method, or another of the same path with a method that is not allowed. */
export function findRoute(method: string, path: string): { route: Route; allowed: string[] } | undefined {
  if (readCatalogPath(path)) return { route: catalogRoute, allowed: [catalogRoute.method] };
  const here = routes.filter((route) => route.path === path);
  const route = here.find((one) => one.method === method) ?? here[0];
  return route && { route, allowed: here.map((one) => one.method) };
}
