/** Global ids of arguments. They are read by hand, so that a wrong one is an expected failure with a path. @module */
import type { Scope } from '../domain/actor.ts';
import { InvalidInputError } from '../domain/errors.ts';

/** Types that have global ids. */
export type NodeName =
  | 'ApiKey'
  | 'App'
  | 'AppOperation'
  | 'AuditEntry'
  | 'Deployment'
  | 'Device'
  | 'DeviceGroup'
  | 'License'
  | 'LicensePool'
  | 'Organization'
  | 'Plan'
  | 'ReclaimRule'
  | 'ReclaimRun'
  | 'SeatAssignment'
  | 'SeatSubscription'
  | 'Task'
  | 'Token'
  | 'TokenNotice'
  | 'UpdatePolicy'
  | 'UpdateRollout'
  | 'VppUser';

/** The right to read each type that has global ids. Asked before `node` looks for anything. */
export const nodeRights: Record<NodeName, Scope> = {
  ApiKey: 'keys:read',
  App: 'apps:read',
  AppOperation: 'devices:read',
  AuditEntry: 'audit:read',
  Deployment: 'licenses:read',
  Device: 'devices:read',
  DeviceGroup: 'devices:read',
  License: 'licenses:read',
  LicensePool: 'apps:read',
  Organization: 'organization:read',
  Plan: 'licenses:read',
  ReclaimRule: 'licenses:read',
  ReclaimRun: 'licenses:read',
  SeatAssignment: 'licenses:read',
  SeatSubscription: 'apps:read',
  Task: 'tasks:read',
  Token: 'tokens:read',
  TokenNotice: 'tokens:read',
  UpdatePolicy: 'updates:read',
  UpdateRollout: 'updates:read',
  VppUser: 'licenses:read',
};

const largest = 2n ** 63n - 1n;

/** The global id of a row. */
export function globalId(name: NodeName, id: bigint): string {
  return Buffer.from(`${name}:${id}`).toString('base64');
}

/** The row's id that a global id of this type holds. Throws {@link InvalidInputError} for any other text. */
export function rowId(name: NodeName, id: string, path: string[]): bigint {
  const [typeName, bare, ...rest] = Buffer.from(id, 'base64').toString('utf8').split(':');
  const found = rest.length === 0 && typeName === name ? bareId(bare ?? '') : null;
  if (found === null)
    throw new InvalidInputError([
      {
        path,
        message: `must be a global id of type ${name}, as the field "id" gives it (not an adamId, uId or serial number)`,
      },
    ]);
  return found;
}

/** The row's id, or null when none is given. */
export function optionalRowId(name: NodeName, id: string | null | undefined, path: string[]): bigint | null {
  return id === null || id === undefined ? null : rowId(name, id, path);
}

/** The rows' ids, or null when no list is given; `path` leads to the list. */
export function rowIds(name: NodeName, ids: readonly string[] | null | undefined, path: string[]): bigint[] | null {
  return ids?.map((id, index) => rowId(name, id, [...path, String(index)])) ?? null;
}

/** A bare id as the database has it; null for a text that can't be one. */
export function bareId(text: string): bigint | null {
  if (!/^\d{1,19}$/.test(text)) return null;
  const id = BigInt(text);
  return id <= largest ? id : null;
}

/** The key of a row; for a text that can't be an id, one that no row has. */
export function nodeKey(
  organizationId: bigint,
  id: bigint | string,
): { organizationId_id: { organizationId: bigint; id: bigint } } {
  return { organizationId_id: { organizationId, id: typeof id === 'bigint' ? id : (bareId(id) ?? -1n) } };
}
