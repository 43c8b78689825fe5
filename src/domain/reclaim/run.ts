/**
 * Runs a rule: marks what it finds, frees what it finds no longer, and takes back what was marked long enough ago and is
 * still found. Each step looks anew under the rule's lock, so a second run of a world that stands still does nothing.
 * @module
 */
import { z } from 'zod';
import { ids, json, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { actorLabel } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { blockSize } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { parseInput } from '../parse.ts';
import { foundBy } from './found.ts';
import { lockRule, type Money, type ReclaimRuleRow, worthOfLicenses } from './rule.ts';

const day = 86_400_000;

/** Runs every rule of the organization that is due. */
export async function runDueRules(services: Services, organizationId: bigint, correlationId: string): Promise<void> {
  const context = systemContext(services, organizationId, 'reclaim', correlationId);
  const due = await services.prisma.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM reclaim_rule WHERE organization_id = ${organizationId} AND due_at <= ${moment(services.clock.now())} ORDER BY due_at, id`);
  for (const { id } of due) await run(context, id, { report: false });
}

/** Runs a rule now, grace and all; gives the id of the run. Throws NOT_FOUND. */
export async function runReclaimRule(context: Context, rawInput: { ruleId: bigint }): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { ruleId } = parseInput(z.object({ ruleId: z.bigint() }), rawInput);
  const runId = await run(context, ruleId, { report: true });
  if (runId === null) throw new NotFoundError('reclaimRule', [String(ruleId)], ['ruleId']);
  return runId;
}

/** What was taken back so far. */
interface Taken {
  licenses: number;
  taskIds: bigint[];
  value: Map<string, number>;
  unpriced: number;
}

/** One run. It is reported when it took or marked something, or when somebody asked for it. */
async function run(context: Context, ruleId: bigint, { report }: { report: boolean }): Promise<bigint | null> {
  const counts = await mark(context, ruleId);
  if (!counts) return null;
  const taken: Taken = { licenses: 0, taskIds: [], value: new Map(), unpriced: 0 };
  for (let after: bigint | null = 0n; after !== null; ) after = await takeBlock(context, ruleId, after, taken);
  if (!report && counts.fresh === 0 && taken.licenses === 0) return null;
  return transaction(context, (tx) => keepReport(context, tx, ruleId, counts.found, taken));
}

/** Marks what is found and frees what is not; gives how many are found, and how many of them are marked for the first time. */
function mark(context: Context, ruleId: bigint): Promise<{ found: number; fresh: number } | null> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rule = await lockRule(tx, organizationId, ruleId);
    if (!rule) return null;
    const now = context.clock.now();
    const takesAt = moment(new Date(now.getTime() + rule.graceDays * day));
    const [counts] = await tx.$queryRaw<{ found: number; fresh: number }[]>(sql`
      WITH found AS MATERIALIZED (${foundBy(organizationId, rule, now)}),
      freed AS (
        DELETE FROM reclaim_mark m WHERE m.organization_id = ${organizationId} AND m.rule_id = ${ruleId}
          AND NOT EXISTS (SELECT 1 FROM found f WHERE f.id = m.license_id)
      ), fresh AS (
        INSERT INTO reclaim_mark (organization_id, rule_id, license_id, marked_at, takes_at)
        SELECT ${organizationId}, ${ruleId}, f.id, ${moment(now)}, ${takesAt} FROM found f ORDER BY f.id ON CONFLICT DO NOTHING RETURNING 1
      )
      SELECT (SELECT count(*) FROM found)::int AS found, (SELECT count(*) FROM fresh)::int AS fresh`);
    await tx.$executeRaw(sql`
      UPDATE reclaim_rule SET due_at = CASE WHEN enabled THEN ${moment(new Date(now.getTime() + day))} END
      WHERE organization_id = ${organizationId} AND id = ${ruleId}`);
    return counts!;
  });
}

/** Takes back the next licenses whose grace is over; gives the last one looked at, or null at the end. */
function takeBlock(context: Context, ruleId: bigint, after: bigint, taken: Taken): Promise<bigint | null> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rule = await lockRule(tx, organizationId, ruleId);
    const due = rule ? await dueOf(context, tx, rule, after) : [];
    if (due.length === 0) return null;
    const taskId = await startRevoke(context, tx, { target: { licenseIds: due }, onError: 'SKIP_FAILED' });
    const moved = await tx.$queryRaw<{ id: bigint }[]>(sql`
      SELECT id FROM license WHERE organization_id = ${organizationId} AND id = ANY (${ids(due)}) AND revoke_task_id = ${taskId}`);
    const movedIds = moved.map((license) => license.id);
    await tx.$executeRaw(sql`
      DELETE FROM reclaim_mark WHERE organization_id = ${organizationId} AND license_id = ANY (${ids(movedIds)})`);
    add(taken, taskId, await worthOfLicenses(tx, organizationId, movedIds));
    return due.length < blockSize ? null : due.at(-1)!;
  });
}

async function dueOf(context: Context, tx: Tx, rule: ReclaimRuleRow, after: bigint): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT m.license_id AS id FROM reclaim_mark m
    JOIN (${foundBy(organizationId, rule, now)}) f ON f.id = m.license_id
    WHERE m.organization_id = ${organizationId} AND m.rule_id = ${rule.id} AND m.takes_at <= ${moment(now)} AND m.license_id > ${after}
    ORDER BY 1 LIMIT ${blockSize}`);
  return rows.map((row) => row.id);
}

function add(taken: Taken, taskId: bigint, worth: { licenses: number; value: Money[]; unpriced: number }): void {
  taken.licenses += worth.licenses;
  taken.unpriced += worth.unpriced;
  taken.taskIds.push(taskId);
  // In hundredths, so that sums stay exact.
  for (const { currency, amount } of worth.value)
    taken.value.set(currency, (taken.value.get(currency) ?? 0) + Math.round(Number(amount) * 100));
}

async function keepReport(context: Context, tx: Tx, ruleId: bigint, found: number, taken: Taken): Promise<bigint> {
  const { organizationId } = context.actor;
  const value = [...taken.value].map(([currency, cents]) => ({ currency, amount: (cents / 100).toFixed(2) }));
  const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO reclaim_run (organization_id, rule_id, at, actor, found, marked, taken, task_ids, value, unpriced, undo_task_ids)
    VALUES (${organizationId}, ${ruleId}, ${moment(context.clock.now())}, ${actorLabel(context.actor)}, ${found}, ${found - taken.licenses},
      ${taken.licenses}, ${ids(taken.taskIds)}, ${json(value)}, ${taken.unpriced}, '{}') RETURNING id`);
  await recordAudit(context, tx, {
    action: 'reclaim-rule.run',
    subject: `reclaim-rule:${ruleId}`,
    data: { runId: row!.id, found, taken: taken.licenses },
  });
  return row!.id;
}
