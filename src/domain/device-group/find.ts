import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';

/** A group whose row is locked. */
export interface LockedGroup {
  id: bigint;
  name: string;
  kind: 'STATIC' | 'RULE';
}

/**
 * Locks the group and its quotas, or NOT_FOUND: who is in it stays as it is while a request counts, and the other way
 * round.
 */
export async function lockGroup(context: Context, tx: Tx, groupId: bigint): Promise<LockedGroup> {
  const { organizationId } = context.actor;
  const [group] = await tx.$queryRaw<LockedGroup[]>(sql`
    SELECT id, name, kind::text AS kind FROM device_group WHERE organization_id = ${organizationId} AND id = ${groupId} FOR UPDATE`);
  if (!group) throw new NotFoundError('deviceGroup', [String(groupId)], ['groupId']);
  await tx.$queryRaw(sql`
    SELECT 1 FROM group_quota WHERE organization_id = ${organizationId} AND group_id = ${groupId} ORDER BY id FOR NO KEY UPDATE`);
  return group;
}

/** Names of groups are unique, so that people can tell them apart. */
export async function requireFreeName(context: Context, tx: Tx, name: string, groupId: bigint | null): Promise<void> {
  const { organizationId } = context.actor;
  // The list of groups as a whole: two that take the same name at once come one after another.
  await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`);
  const [other] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM device_group WHERE organization_id = ${organizationId} AND name = ${name} AND id IS DISTINCT FROM ${groupId}::bigint`);
  if (other) throw new InvalidInputError([{ path: ['name'], message: 'is the name of another group' }]);
}
