/** Who does something. @module */

/** What a person or key may be. EMPLOYEE has no rights at all. */
export type Role = 'ADMINISTRATOR' | 'APPSTORE_MANAGER' | 'EMPLOYEE';

/** Every right there is, as `resource:verb`. A closed list. */
export const scopes = [
  'organization:read',
  'organization:write',
  'tokens:read',
  'tokens:write',
  'apps:read',
  'apps:write',
  'licenses:read',
  'licenses:write',
  'users:read',
  'users:write',
  'devices:read',
  'devices:write',
  'tasks:read',
  'tasks:write',
  'audit:read',
  'mdm:read',
  'mdm:write',
  'commands:write',
  'updates:read',
  'updates:write',
  'storefront:use',
  'keys:read',
  'keys:write',
] as const;

/** One right. */
export type Scope = (typeof scopes)[number];

/** Somebody who signed in with an API key. */
export interface KeyActor {
  kind: 'API_KEY';
  organizationId: bigint;
  apiKeyId: bigint;
  name: string;
  role: Role;
  scopes: readonly Scope[];
}

/** Russet itself, working for one organization. */
export interface SystemActor {
  kind: 'SYSTEM';
  organizationId: bigint;
  /** The part that works, e.g. `sync`. */
  name: string;
}

export type Actor = KeyActor | SystemActor;

/** How an actor stands in the ledger and the audit log. No personal data. */
export function actorLabel(actor: Actor): string {
  return actor.kind === 'API_KEY' ? `key:${actor.apiKeyId}` : `system:${actor.name}`;
}
