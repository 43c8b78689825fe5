import { json, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { actorLabel } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DomainError, ForbiddenError, InvalidInputError, NotFoundError } from '../errors.ts';
import { blockSize } from '../license/limits.ts';
import { type PlanInputs, type PlanKind, planned } from './kinds.ts';
import { look, type PlanItem, type Seen } from './look.ts';
import { pack } from './packed.ts';
import type { StartedPlan } from './planned.ts';
import { rehearse } from './rehearse.ts';

/** Milliseconds for which a plan can be applied. */
export const planLife = 3_600_000;

/** Why the request as a whole would be refused: an ATOMIC one with a refused item. */
export interface PlanRefusal {
  code: string;
  message: string;
}

/**
 * Plans: what the mutation would do now, item by item, without doing it. Nothing is reserved and Apple is not asked.
 * Throws what is wrong with the request itself; what would be refused stands in the plan.
 */
export async function makePlan<Kind extends PlanKind>(
  context: Context,
  kind: Kind,
  input: PlanInputs[Kind],
): Promise<{ planId: bigint }> {
  requireRight(context, planned[kind].right);
  const request = planned[kind].parse(input);
  const { seen, refusal } = await foresee(context, kind, request);
  return transaction(context, async (tx) => {
    const planId = await storePlan(context, tx, { kind, request, seen, refusal });
    await storeItems(tx, context.actor.organizationId, planId, seen.items);
    await recordAudit(context, tx, { action: 'plan.create', subject: `plan:${planId}`, data: { kind } });
    return { planId };
  });
}

/** An ATOMIC request that would be refused is looked at once more without that rule, so that all of it can be seen. */
async function foresee(
  context: Context,
  kind: PlanKind,
  request: object,
): Promise<{ seen: Seen; refusal: PlanRefusal | null }> {
  const attempt = (asked: object) =>
    rehearse(context, async (tx) => {
      return (await startAndLook(context, tx, kind, asked)).seen;
    });
  try {
    return { seen: await attempt(request), refusal: null };
  } catch (error) {
    if (!(error instanceof DomainError) || isOfRequest(error)) throw error;
    const { code, message } = error;
    return { seen: await attempt({ ...request, onError: 'SKIP_FAILED' }), refusal: { code, message } };
  }
}

const isOfRequest = (error: DomainError) =>
  error instanceof InvalidInputError || error instanceof NotFoundError || error instanceof ForbiddenError;

/** Does it and looks at it: what happens is either seen in the task, or surveyed before. */
export async function startAndLook(
  context: Context,
  tx: Tx,
  kind: PlanKind,
  request: object,
): Promise<StartedPlan & { seen: Seen }> {
  const { start, survey } = planned[kind];
  const surveyed = await survey?.(context, tx, request);
  const started = await start(context, tx, request);
  const { taskId, installsTaskId } = started;
  if (surveyed) return { ...started, seen: surveyed };
  if (taskId === null) throw new Error('a plan without a task has to be surveyed');
  await requireWhole(tx, context.actor.organizationId, taskId);
  return { ...started, seen: await look(context, tx, installsTaskId === null ? [taskId] : [taskId, installsTaskId]) };
}

/** What a task would reserve later, in blocks, is not known beforehand. */
async function requireWhole(tx: Tx, organizationId: bigint, taskId: bigint): Promise<void> {
  const [task] = await tx.$queryRaw<{ whole: boolean }[]>(sql`
    SELECT reserved_all AS whole FROM task WHERE organization_id = ${organizationId} AND id = ${taskId}`);
  if (task?.whole) return;
  throw new InvalidInputError([
    {
      path: ['target'],
      message: `a plan covers at most ${blockSize.toLocaleString('en-US')} pairs of app and device; make several plans`,
    },
  ]);
}

interface NewPlan {
  kind: PlanKind;
  request: object;
  seen: Seen;
  refusal: PlanRefusal | null;
}

async function storePlan(context: Context, tx: Tx, { kind, request, seen, refusal }: NewPlan): Promise<bigint> {
  const now = context.clock.now();
  const [row] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO plan (organization_id, kind, request, facts, refusal, actor, created_at, expires_at)
    VALUES (${context.actor.organizationId}, ${kind}::"PlanKind", ${pack(request)}::jsonb, ${json(seen.facts)},
            ${refusal === null ? sql`NULL` : json(refusal)}, ${actorLabel(context.actor)}, ${moment(now)},
            ${moment(new Date(now.getTime() + planLife))})
    RETURNING id`);
  return row!.id;
}

async function storeItems(tx: Tx, organizationId: bigint, planId: bigint, items: readonly PlanItem[]): Promise<void> {
  if (items.length === 0) return;
  const column = (pick: (item: PlanItem) => unknown) =>
    texts(
      items.map((item) => {
        const value = pick(item);
        return value === null || value === undefined ? null : String(value);
      }),
    );
  await tx.$executeRaw(sql`
    INSERT INTO plan_item (organization_id, plan_id, id, outcome, licenses, app_id, token_id, device_id, serial_number, vpp_user_id, client_user_id,
                           license_id, seat_id, seat_subscription_id, code, message, data)
    SELECT ${organizationId}, ${planId}, i.id, i.outcome::"PlanOutcome", i.licenses::bigint, i.app::bigint, i.token::bigint, i.device::bigint, i.serial,
           i.person::bigint, i.client_user, i.license::bigint, i.seat::bigint, i.subscription::bigint, i.code, i.message, i.data::jsonb
    FROM unnest(${column((item) => item.outcome)}, ${column((item) => item.licenses)}, ${column((item) => item.appId)}, ${column((item) => item.tokenId)},
      ${column((item) => item.deviceId)}, ${column((item) => item.serialNumber)}, ${column((item) => item.vppUserId)},
      ${column((item) => item.clientUserId)}, ${column((item) => item.licenseId)}, ${column((item) => item.seatId)}, ${column((item) => item.seatSubscriptionId)},
      ${column((item) => item.code)},
      ${column((item) => item.message)}, ${column((item) => (item.data === null ? null : JSON.stringify(item.data)))})
      WITH ORDINALITY AS i(outcome, licenses, app, token, device, serial, person, client_user, license, seat, subscription, code, message, data, id)`);
}
