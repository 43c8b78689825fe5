/** Making, changing and removing deployments. @module */
import { z } from 'zod';
import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { forgetOfGroup } from './forget-refusals.ts';
import { deploymentSchema, requireParts } from './input.ts';
import { wakeDeployments } from './wake.ts';

/**
 * Says what the devices of a group shall have of an app; the comparison begins at once. Throws NOT_FOUND, and
 * INVALID_INPUT when the group has a deployment of the app already.
 */
export async function createDeployment(context: Context, rawInput: z.input<typeof deploymentSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const input = parseInput(deploymentSchema, rawInput);
  requireInstalls(context, input);
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    await requireParts(context, tx, input);
    const now = context.clock.now();
    const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
      INSERT INTO deployment (organization_id, app_id, group_id, mode, token_id, rank, priority, created_at, updated_at)
      VALUES (${organizationId}, ${input.appId}, ${input.groupId}, ${input.mode}::"DeploymentMode", ${input.tokenId ?? null}::bigint,
        ${input.rank ?? 0}, ${input.priority ?? 0}, ${moment(now)}, ${moment(now)})
      ON CONFLICT DO NOTHING RETURNING id`);
    if (!row) {
      const message = 'has a deployment of this app already; change that one';
      throw new InvalidInputError([{ path: ['groupId'], message }]);
    }
    await forgetOfGroup(tx, organizationId, input);
    await recordAudit(context, tx, { action: 'deployment.create', subject: `deployment:${row.id}`, data: input });
    await wakeDeployments(tx, organizationId, now);
    return row.id;
  });
}

const changeSchema = deploymentSchema
  .omit({ appId: true, groupId: true })
  .partial({ mode: true })
  .extend({ deploymentId: z.bigint() });

/** Changes what is given; `tokenId: null` takes licenses from any token again. Who was refused is tried again. Throws NOT_FOUND. */
export async function updateDeployment(context: Context, rawInput: z.input<typeof changeSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { deploymentId, ...change } = parseInput(changeSchema, rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    await requireParts(context, tx, { tokenId: change.tokenId });
    const now = context.clock.now();
    const [changed] = await tx.$queryRaw<{ appId: bigint; groupId: bigint; mode: string }[]>(sql`
      UPDATE deployment SET mode = coalesce(${change.mode ?? null}::"DeploymentMode", mode), rank = coalesce(${change.rank ?? null}::int, rank),
        priority = coalesce(${change.priority ?? null}::int, priority), problem = NULL, updated_at = ${moment(now)},
        token_id = CASE WHEN ${change.tokenId !== undefined} THEN ${change.tokenId ?? null}::bigint ELSE token_id END
      WHERE organization_id = ${organizationId} AND id = ${deploymentId}
      RETURNING app_id AS "appId", group_id AS "groupId", mode::text AS mode`);
    if (!changed) throw new NotFoundError('deployment', [String(deploymentId)], ['deploymentId']);
    requireInstalls(context, changed);
    await forgetOfGroup(tx, organizationId, changed);
    await recordAudit(context, tx, {
      action: 'deployment.update',
      subject: `deployment:${deploymentId}`,
      data: change,
    });
    await wakeDeployments(tx, organizationId, now);
  });
  return deploymentId;
}

/** Who lets apps be installed acts on devices, though Russet does it later, and so does who gives such a deployment another rank. */
function requireInstalls(context: Context, { mode }: { mode: string }): void {
  if (mode === 'LICENSE_AND_INSTALL') requireRight(context, 'devices:write');
}

const deleteSchema = z.object({ deploymentId: z.bigint() });

/** Ends a deployment. What it gave stays with the devices. Throws NOT_FOUND. */
export async function deleteDeployment(context: Context, rawInput: z.input<typeof deleteSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { deploymentId } = parseInput(deleteSchema, rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    const [gone] = await tx.$queryRaw<{ appId: bigint; groupId: bigint }[]>(sql`
      DELETE FROM deployment WHERE organization_id = ${organizationId} AND id = ${deploymentId}
      RETURNING app_id AS "appId", group_id AS "groupId"`);
    if (!gone) throw new NotFoundError('deployment', [String(deploymentId)], ['deploymentId']);
    await recordAudit(context, tx, { action: 'deployment.delete', subject: `deployment:${deploymentId}`, data: gone });
    await wakeDeployments(tx, organizationId, context.clock.now());
  });
  return deploymentId;
}
