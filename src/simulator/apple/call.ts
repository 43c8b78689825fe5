/** One request on its way through the simulator, and what comes back. @module */
import type { IncomingHttpHeaders } from 'node:http';
import type { OrganizationalUnit } from './organizational-unit.ts';
import type { ContentToken } from './tokens.ts';
import type { World } from './world.ts';

/** An operation of Apple's, named after its key in `urls`. */
export type Operation =
  | 'serviceConfig'
  | 'getClientConfig'
  | 'setClientConfig'
  | 'getAssets'
  | 'getAssignments'
  | 'getUsers'
  | 'createUsers'
  | 'updateUsers'
  | 'retireUsers'
  | 'associateAssets'
  | 'disassociateAssets'
  | 'revokeAssets'
  | 'eventStatus'
  | 'contentMetadataLookup'
  | 'getSubscriptions'
  | 'getSubscriptionAssignments'
  | 'getSubscriptionAdmins'
  | 'enableSubscriptions'
  | 'disableSubscriptions'
  | 'associateSubscriptions'
  | 'disassociateSubscriptions'
  | 'addSubscriptionAdmins'
  | 'removeSubscriptionAdmins'
  | 'publicLookup'
  | 'readCatalog';

/** A request with what was found out about it before any check. */
export interface Call {
  method: string;
  path: string;
  operation: Operation;
  /** Methods that the path knows. */
  allowedMethods: readonly string[];
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  /** The parsed body; undefined when there is none or it is not JSON. */
  body: unknown;
  /** The token that the bearer stands for, in whatever state. */
  token: ContentToken | undefined;
  /** That token's library. */
  unit: OrganizationalUnit | undefined;
  now: number;
  world: World;
}

/** What goes back, before faults. */
export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** The library of a call that passed the checks of its token. */
export function unitOf(call: Call): OrganizationalUnit {
  if (!call.unit) throw new Error(`${call.operation} has no library`);
  return call.unit;
}
