import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DomainError, ForbiddenError, NotFoundError, type PlanChange, PlanStaleError } from '../errors.ts';
import { type PlanKind, planned } from './kinds.ts';
import type { PlanFacts, Seen } from './look.ts';
import { type PlanRefusal, startAndLook } from './make.ts';
import { unpack } from './packed.ts';
import type { StartedPlan } from './planned.ts';

/** What became of it. */
export interface AppliedPlan {
  planId: bigint;
  /** Null when it was done at once. */
  taskId: bigint | null;
  /** The installs that follow; null where none do. */
  installsTaskId: bigint | null;
  /** It was applied before; the task is that of then. */
  replayed: boolean;
}

interface StoredPlan {
  kind: PlanKind;
  request: unknown;
  facts: PlanFacts;
  refusal: PlanRefusal | null;
  expiresAt: Date;
  appliedAt: Date | null;
  taskId: bigint | null;
  installsTaskId: bigint | null;
}

/**
 * Does exactly what the plan says, or nothing: the write is done, looked at, and kept only if it and the world are what
 * the plan saw. Applying twice does it once. Throws PLAN_STALE, NOT_FOUND, and the refusal that stands in the plan.
 */
export async function applyPlan(context: Context, { planId }: { planId: bigint }): Promise<AppliedPlan> {
  const { plan, applied } = await transaction(context, async (tx) => {
    const plan = await lockPlan(context, tx, planId);
    return { plan, applied: await applyInside(context, tx, planId, plan) };
  });
  if (!applied.replayed) await planned[plan.kind].after?.(context, unpack(plan.request) as object, applied.taskId);
  return applied;
}

async function applyInside(context: Context, tx: Tx, planId: bigint, plan: StoredPlan): Promise<AppliedPlan> {
  requireRight(context, planned[plan.kind].right);
  if (plan.appliedAt !== null)
    return { planId, taskId: plan.taskId, installsTaskId: plan.installsTaskId, replayed: true };
  const now = context.clock.now();
  if (plan.expiresAt <= now) throw new PlanStaleError(['EXPIRED']);
  const { taskId, installsTaskId, seen } = await startAsPlanned(context, tx, plan);
  requireSame(plan.facts, seen.facts);
  await tx.$executeRaw(sql`
      UPDATE plan SET applied_at = ${moment(now)}, task_id = ${taskId}, installs_task_id = ${installsTaskId} WHERE organization_id = ${context.actor.organizationId} AND id = ${planId}`);
  await recordAudit(context, tx, {
    action: 'plan.apply',
    subject: `plan:${planId}`,
    ...(taskId === null ? {} : { taskId }),
  });
  return { planId, taskId, installsTaskId, replayed: false };
}

async function lockPlan(context: Context, tx: Tx, planId: bigint): Promise<StoredPlan> {
  const [plan] = await tx.$queryRaw<StoredPlan[]>(sql`
    SELECT kind::text AS kind, request, facts, refusal, expires_at AS "expiresAt", applied_at AS "appliedAt", task_id AS "taskId",
      installs_task_id AS "installsTaskId" FROM plan
    WHERE organization_id = ${context.actor.organizationId} AND id = ${planId} FOR UPDATE`);
  if (!plan) throw new NotFoundError('plan', [String(planId)], ['planId']);
  return plan;
}

/** A refusal that the plan does not know is a change as well. */
async function startAsPlanned(context: Context, tx: Tx, plan: StoredPlan): Promise<StartedPlan & { seen: Seen }> {
  try {
    return await startAndLook(context, tx, plan.kind, unpack(plan.request) as object);
  } catch (error) {
    if (error instanceof ForbiddenError) throw error;
    if (error instanceof DomainError && error.code !== plan.refusal?.code) throw new PlanStaleError(['ITEMS']);
    throw error;
  }
}

function requireSame(expected: PlanFacts, actual: PlanFacts): void {
  const names: (keyof PlanFacts & PlanChange)[] = ['LICENSES', 'TOKENS', 'ITEMS'];
  const changed = names.filter((name) => expected[name] !== actual[name]);
  if (changed.length > 0) throw new PlanStaleError(changed);
}
