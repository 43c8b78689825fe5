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
import { type Hold, holdBack } from '../deployment/hold-back.ts';
import { NotFoundError } from '../errors.ts';
import { blockSize } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { parseInput } from '../parse.ts';
import { daysMarked, foundBy, type ReclaimReason } from './found.ts';
import { lockRule, lockRun, type ReclaimRuleRow, type Worth, worthOfLicenses } from './rule.ts';

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

/**
 * One run. Its report is written with the first thing that it does, and grows with each block, so that whatever was taken
 * is told, and can be undone, wherever the run was cut off. Null when the rule is gone, or nothing was done and nobody asked.
 */
async function run(context: Context, ruleId: bigint, { report }: { report: boolean }): Promise<bigint | null> {
  const marked = await mark(context, ruleId, report);
  if (!marked) return null;
  const state: Run = { ruleId, found: marked.found, runId: marked.runId };
  for (let after: bigint | null = 0n; after !== null; ) after = await takeBlock(context, state, after);
  await putOff(context, ruleId);
  return state.runId;
}

interface Run {
  ruleId: bigint;
  found: number;
  /** Null while there is nothing to report. */
  runId: bigint | null;
}

/** Marks what is found and frees what is not; begins a report when something is marked for the first time. */
function mark(
  context: Context,
  ruleId: bigint,
  report: boolean,
): Promise<{ found: number; runId: bigint | null } | null> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rule = await lockRule(tx, organizationId, ruleId);
    if (!rule) return null;
    const now = context.clock.now();
    const takesAt = moment(new Date(now.getTime() + daysMarked(rule) * day));
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
    const { found, fresh } = counts!;
    return { found, runId: report || fresh > 0 ? await beginReport(context, tx, ruleId, found) : null };
  });
}

/** The next run by itself is tomorrow's. Last, so that a run that was cut off is taken up again. */
function putOff(context: Context, ruleId: bigint): Promise<unknown> {
  const tomorrow = moment(new Date(context.clock.now().getTime() + day));
  return transaction(context, (tx) =>
    tx.$executeRaw(sql`
      UPDATE reclaim_rule SET due_at = CASE WHEN enabled THEN ${tomorrow} END
      WHERE organization_id = ${context.actor.organizationId} AND id = ${ruleId}`),
  );
}

/** Takes back the next licenses whose grace is over; gives the last one looked at, or null at the end. */
function takeBlock(context: Context, state: Run, after: bigint): Promise<bigint | null> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rule = await lockRule(tx, organizationId, state.ruleId);
    if (state.runId !== null) await lockRun(tx, organizationId, state.runId);
    const due = rule ? await dueOf(context, tx, rule, after) : [];
    if (due.length === 0) return null;
    const taskId = await startRevoke(context, tx, { target: { licenseIds: due }, onError: 'SKIP_FAILED' });
    const moved = await tx.$queryRaw<{ id: bigint }[]>(sql`
      SELECT id FROM license WHERE organization_id = ${organizationId} AND id = ANY (${ids(due)}) AND revoke_task_id = ${taskId}`);
    const movedIds = moved.map((license) => license.id);
    await tx.$executeRaw(sql`
      DELETE FROM reclaim_mark WHERE organization_id = ${organizationId} AND license_id = ANY (${ids(movedIds)})`);
    await holdBack(context, tx, movedIds, holdOf(rule!.reason));
    state.runId ??= await beginReport(context, tx, state.ruleId, state.found);
    await addToReport(context, tx, state.runId, taskId, await worthOfLicenses(tx, organizationId, movedIds));
    return due.length < blockSize ? null : due.at(-1)!;
  });
}

/** What is held back of a deployment, and until when: of devices that nobody heard of, until somebody does. */
function holdOf(reason: ReclaimReason): Hold {
  const untilSeen = reason === 'UNENROLLED' || reason === 'NOT_SEEN';
  const again = untilSeen
    ? 'the device is seen again, or the deployment changes'
    : 'the device or the deployment changes';
  const message = `A reclaim rule took the license back (${reason}). It is given again when ${again}.`;
  return { code: 'RECLAIMED', message, untilSeen };
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

async function beginReport(context: Context, tx: Tx, ruleId: bigint, found: number): Promise<bigint> {
  const { organizationId } = context.actor;
  const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO reclaim_run (organization_id, rule_id, at, actor, found, marked, taken, task_ids, value, unpriced, undo_task_ids)
    VALUES (${organizationId}, ${ruleId}, ${moment(context.clock.now())}, ${actorLabel(context.actor)}, ${found}, ${found}, 0, '{}', '[]', 0, '{}') RETURNING id`);
  await recordAudit(context, tx, {
    action: 'reclaim-rule.run',
    subject: `reclaim-rule:${ruleId}`,
    data: { runId: row!.id, found },
  });
  return row!.id;
}

async function addToReport(context: Context, tx: Tx, runId: bigint, taskId: bigint, worth: Worth): Promise<void> {
  const { organizationId } = context.actor;
  // Sums are the database's: exact decimals.
  await tx.$executeRaw(sql`
    UPDATE reclaim_run SET taken = taken + ${worth.licenses}, marked = marked - ${worth.licenses}, unpriced = unpriced + ${worth.unpriced},
      task_ids = task_ids || ${ids([taskId])}, value = (
        SELECT coalesce(jsonb_agg(jsonb_build_object('currency', m.currency, 'amount', m.amount::text) ORDER BY m.currency), '[]') FROM (
          SELECT v ->> 'currency' AS currency, sum((v ->> 'amount')::numeric) AS amount FROM jsonb_array_elements(value || ${json(worth.value)}) v GROUP BY 1
        ) m)
    WHERE organization_id = ${organizationId} AND id = ${runId}`);
}
