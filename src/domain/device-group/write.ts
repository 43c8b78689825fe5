/** Makes, changes and removes device groups. @module */
import { z } from 'zod';
import { json, moment, nothing, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError } from '../errors.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { parseInput } from '../parse.ts';
import { lockGroup, requireFreeName } from './find.ts';
import { ruleSchema } from './rule.ts';

const name = z.string().trim().min(1, 'must not be empty').max(100);
const createSchema = z.object({ name, rule: ruleSchema.nullish() });
const updateSchema = z.object({ groupId: z.bigint(), name: name.nullish(), rule: ruleSchema.nullish() });

/** Makes a group: of the devices that a rule holds for, or without one of those that are put into it. */
export async function createDeviceGroup(context: Context, rawInput: z.input<typeof createSchema>): Promise<bigint> {
  requireRight(context, 'devices:write');
  const input = parseInput(createSchema, rawInput);
  const kind = input.rule ? 'RULE' : 'STATIC';
  const now = moment(context.clock.now());
  return transaction(context, async (tx) => {
    await requireFreeName(context, tx, input.name, null);
    const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
      INSERT INTO device_group (organization_id, name, kind, rule, created_at, updated_at)
      VALUES (${context.actor.organizationId}, ${input.name}, ${kind}::"DeviceGroupKind", ${input.rule ? json(input.rule) : sql`NULL`}, ${now}, ${now})
      RETURNING id`);
    await recordAudit(context, tx, {
      action: 'device-group.create',
      subject: `device-group:${row!.id}`,
      data: { kind, rule: input.rule ?? null },
    });
    return row!.id;
  });
}

/** Renames a group or gives a rule group another rule. Licenses that were given before stay. Throws NOT_FOUND, INVALID_INPUT. */
export async function updateDeviceGroup(context: Context, rawInput: z.input<typeof updateSchema>): Promise<bigint> {
  requireRight(context, 'devices:write');
  const input = parseInput(updateSchema, rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    if (input.name != null) await requireFreeName(context, tx, input.name, input.groupId);
    const group = await lockGroup(context, tx, input.groupId);
    if (input.rule && group.kind === 'STATIC')
      throw new InvalidInputError([{ path: ['rule'], message: 'is for rule groups; this one has a list of devices' }]);
    await tx.$executeRaw(sql`
      UPDATE device_group SET updated_at = ${moment(context.clock.now())} ${input.name == null ? nothing : sql`, name = ${input.name}`}
        ${input.rule ? sql`, rule = ${json(input.rule)}` : nothing}
      WHERE organization_id = ${organizationId} AND id = ${group.id}`);
    await wakeQueues(tx, organizationId, sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'device-group.update',
      subject: `device-group:${group.id}`,
      data: { rule: input.rule ?? null, renamed: input.name != null },
    });
  });
  return input.groupId;
}

/**
 * Removes a group with its quotas and deployments; those need the right to set them. Its devices and their licenses stay.
 * Throws NOT_FOUND, and INVALID_INPUT while a reclaim rule names the group: without it the rule would find other licenses.
 */
export async function deleteDeviceGroup(context: Context, input: { groupId: bigint }): Promise<bigint> {
  requireRight(context, 'devices:write');
  await transaction(context, async (tx) => {
    const group = await lockGroup(context, tx, input.groupId);
    const quotas = await tx.$queryRaw<object[]>(sql`
      SELECT app_id AS "appId", seats FROM group_quota WHERE organization_id = ${context.actor.organizationId} AND group_id = ${group.id} ORDER BY app_id`);
    const deployments = await tx.$queryRaw<object[]>(sql`
      SELECT app_id AS "appId", mode FROM deployment WHERE organization_id = ${context.actor.organizationId} AND group_id = ${group.id} ORDER BY app_id`);
    if (quotas.length + deployments.length > 0) requireRight(context, 'licenses:write');
    await requireNoRule(context, tx, group.id);
    await tx.$executeRaw(
      sql`DELETE FROM device_group WHERE organization_id = ${context.actor.organizationId} AND id = ${group.id}`,
    );
    await wakeQueues(tx, context.actor.organizationId, sql`true`);
    await ringQueues(tx, context.actor.organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'device-group.delete',
      subject: `device-group:${group.id}`,
      data: { name: group.name, quotas, deployments },
    });
  });
  return input.groupId;
}

async function requireNoRule(context: Context, tx: Tx, groupId: bigint): Promise<void> {
  const [rule] = await tx.$queryRaw<{ name: string }[]>(sql`
    SELECT name FROM reclaim_rule WHERE organization_id = ${context.actor.organizationId} AND ${groupId} IN (group_id, except_group_id) LIMIT 1`);
  if (rule) {
    const message = `is named by the reclaim rule "${rule.name}"; change or remove that one first`;
    throw new InvalidInputError([{ path: ['groupId'], message }]);
  }
}
