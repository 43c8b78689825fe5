/** What a deployment is made of. @module */
import { z } from 'zod';
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { readApps } from '../license/world.ts';

/** How a deployment is parsed. */
export const deploymentSchema = z.object({
  appId: z.bigint(),
  groupId: z.bigint(),
  mode: z.enum(['LICENSE_ONLY', 'LICENSE_AND_INSTALL', 'NONE']),
  tokenId: z.bigint().nullish(),
  rank: z.number().int().min(0).max(1000).nullish(),
  priority: z.number().int().min(-100).max(100).nullish(),
});

/** Throws NOT_FOUND unless app, group and token are the organization's. The group's row stays until the commit. */
export async function requireParts(
  context: Context,
  tx: Tx,
  { appId, groupId, tokenId }: { appId?: bigint; groupId?: bigint; tokenId?: bigint | null | undefined },
): Promise<void> {
  const { organizationId } = context.actor;
  if (appId !== undefined) await readApps(context, tx, [appId]);
  if (groupId !== undefined) {
    const found = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM device_group WHERE organization_id = ${organizationId} AND id = ${groupId} FOR KEY SHARE`);
    if (found.length === 0) throw new NotFoundError('deviceGroup', [String(groupId)], ['groupId']);
  }
  if (tokenId != null) {
    const found = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM token WHERE organization_id = ${organizationId} AND id = ${tokenId} AND removed_at IS NULL`);
    if (found.length === 0) throw new NotFoundError('token', [String(tokenId)], ['tokenId']);
  }
}
