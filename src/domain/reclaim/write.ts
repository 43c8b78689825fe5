/** Making, changing and removing reclaim rules. @module */
import { z } from 'zod';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { readApps } from '../license/world.ts';
import { parseInput } from '../parse.ts';

const apps = z
  .array(z.bigint())
  .max(1000)
  .nullish()
  .transform((list) => [...new Set(list ?? [])]);

/** What a rule is made of. */
export const reclaimSchema = z.object({
  name: z.string().trim().min(1, 'must not be empty').max(100),
  reason: z.enum(['UNENROLLED', 'NOT_SEEN', 'APP_REMOVED', 'OUT_OF_SCOPE', 'INSTALL_FAILED']),
  days: z.number().int().min(0).max(3650),
  graceDays: z.number().int().min(0).max(365),
  appIds: apps,
  exceptAppIds: apps,
  groupId: z
    .bigint()
    .nullish()
    .transform((id) => id ?? null),
  exceptGroupId: z
    .bigint()
    .nullish()
    .transform((id) => id ?? null),
  enabled: z
    .boolean()
    .nullish()
    .transform((enabled) => enabled ?? true),
});

type Rule = z.output<typeof reclaimSchema>;

/** Throws NOT_FOUND unless apps and groups are the organization's. */
export async function requireParts(
  context: Context,
  tx: Tx,
  rule: Omit<Rule, 'name' | 'enabled' | 'graceDays'>,
): Promise<void> {
  const appIds = [...new Set([...rule.appIds, ...rule.exceptAppIds])];
  if (appIds.length > 0) await readApps(context, tx, appIds);
  for (const field of ['groupId', 'exceptGroupId'] as const) {
    const id = rule[field];
    if (id === null) continue;
    const found = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM device_group WHERE organization_id = ${context.actor.organizationId} AND id = ${id}`);
    if (found.length === 0) throw new NotFoundError('deviceGroup', [String(id)], [field]);
  }
}

const list = (ids: readonly bigint[]) => sql`${ids.map(String)}::text[]::bigint[]`;

/** Makes a rule; it runs for the first time at once, if it is enabled. Throws NOT_FOUND. */
export async function createReclaimRule(context: Context, rawInput: z.input<typeof reclaimSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const rule = parseInput(reclaimSchema, rawInput);
  const now = moment(context.clock.now());
  return transaction(context, async (tx) => {
    await requireParts(context, tx, rule);
    const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
      INSERT INTO reclaim_rule (organization_id, name, reason, days, grace_days, app_ids, except_app_ids, group_id, except_group_id, enabled, due_at, created_at, updated_at)
      VALUES (${context.actor.organizationId}, ${rule.name}, ${rule.reason}::"ReclaimReason", ${rule.days}, ${rule.graceDays}, ${list(rule.appIds)},
        ${list(rule.exceptAppIds)}, ${rule.groupId}::bigint, ${rule.exceptGroupId}::bigint, ${rule.enabled},
        CASE WHEN ${rule.enabled} THEN ${now} END, ${now}, ${now}) RETURNING id`);
    await recordAudit(context, tx, { action: 'reclaim-rule.create', subject: `reclaim-rule:${row!.id}`, data: rule });
    return row!.id;
  });
}

const changeSchema = reclaimSchema.extend({ ruleId: z.bigint() });

/** Puts other terms in place of a rule's, as a whole. What it marked by the old ones and would not by the new is freed by its next run. Throws NOT_FOUND. */
export async function replaceReclaimRule(context: Context, rawInput: z.input<typeof changeSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { ruleId, ...rule } = parseInput(changeSchema, rawInput);
  const now = moment(context.clock.now());
  await transaction(context, async (tx) => {
    await requireParts(context, tx, rule);
    const changed = await tx.$executeRaw(sql`
      UPDATE reclaim_rule SET name = ${rule.name}, reason = ${rule.reason}::"ReclaimReason", days = ${rule.days}, grace_days = ${rule.graceDays},
        app_ids = ${list(rule.appIds)}, except_app_ids = ${list(rule.exceptAppIds)}, group_id = ${rule.groupId}::bigint,
        except_group_id = ${rule.exceptGroupId}::bigint, enabled = ${rule.enabled}, due_at = CASE WHEN ${rule.enabled} THEN ${now} END, updated_at = ${now}
      WHERE organization_id = ${context.actor.organizationId} AND id = ${ruleId}`);
    if (changed === 0) throw new NotFoundError('reclaimRule', [String(ruleId)], ['ruleId']);
    if (!rule.enabled) await freeAll(context, tx, ruleId);
    await recordAudit(context, tx, { action: 'reclaim-rule.update', subject: `reclaim-rule:${ruleId}`, data: rule });
  });
  return ruleId;
}

/** Removes a rule with its marks. The reports of its runs stay. Throws NOT_FOUND. */
export async function deleteReclaimRule(context: Context, rawInput: { ruleId: bigint }): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { ruleId } = parseInput(z.object({ ruleId: z.bigint() }), rawInput);
  await transaction(context, async (tx) => {
    const gone = await tx.$executeRaw(sql`
      DELETE FROM reclaim_rule WHERE organization_id = ${context.actor.organizationId} AND id = ${ruleId}`);
    if (gone === 0) throw new NotFoundError('reclaimRule', [String(ruleId)], ['ruleId']);
    await freeAll(context, tx, ruleId);
    await recordAudit(context, tx, { action: 'reclaim-rule.delete', subject: `reclaim-rule:${ruleId}`, data: {} });
  });
  return ruleId;
}

function freeAll(context: Context, tx: Tx, ruleId: bigint): Promise<unknown> {
  return tx.$executeRaw(sql`
    DELETE FROM reclaim_mark WHERE organization_id = ${context.actor.organizationId} AND rule_id = ${ruleId}`);
}
