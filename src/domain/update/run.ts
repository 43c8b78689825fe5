/**
 * The updates of an organization, one step after another: what devices answered, what became of what was sent, windows that
 * open and close, rings, and then as many updates as there are places: in one transaction, for
 * nobody outside is asked. What is not to be sent any more is recalled behind it.
 * @module
 */
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { publishProgress } from '../task/events.ts';
import { askDevices } from './ask.ts';
import { closeRuns, endRuns, stopMoved } from './close.ts';
import { collectAnswers, collectEnds } from './collect.ts';
import { handOver } from './hand-over.ts';
import { freeSlots } from './next-items.ts';
import { openRuns } from './open-runs.ts';
import { missedOpenings, nextOfAll, openPolicies } from './openings.ts';
import type { Scope } from './plan.ts';
import { type PolicyRow, policyDefaults, readPolicies } from './policy.ts';
import { recallUnsent } from './recall.ts';
import { brakeRollouts, openRings } from './rollouts.ts';
import { rowsOf } from './rows-of.ts';
import { lockRunTasks } from './stop.ts';
import { lookAgain } from './times.ts';
import { readZones, type Zones } from './zones.ts';

/** Does what is due for the updates of an organization. */
export async function runUpdates(
  services: Services,
  { organizationId }: { organizationId: bigint },
  correlationId: string,
): Promise<void> {
  const context = systemContext(services, organizationId, 'updates', correlationId);
  const taskIds = await transaction(context, (tx) => step(context, tx));
  // By itself, since it waits for whoever gives commands to devices, who comes before tasks.
  await transaction(context, (tx) => recallUnsent(context, tx));
  for (const taskId of taskIds) await publishProgress(context, { organizationId, taskId }, { force: true });
}

/** One step. Gives the tasks whose counts moved. */
async function step(context: Context, tx: Tx): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const [schedule] = await tx.$queryRaw<{ lookedAt: Date }[]>(sql`
    SELECT looked_at AS "lookedAt" FROM update_schedule WHERE organization_id = ${organizationId} FOR UPDATE`);
  if (!schedule) return [];
  await lockRunTasks(tx, organizationId);
  const policies = await readPolicies(rowsOf(tx), organizationId);
  const zones = await readZones(tx, organizationId);
  await collectAnswers(context, tx);
  await collectEnds(context, tx);
  await brakeRollouts(context, tx);
  const { carriedOver } = await closeRuns(context, tx);
  const scope = await takeNews(context, tx, carriedOver > 0);
  await stopMoved(context, tx, scope, zones);
  await endRuns(context, tx);
  await openRuns(context, tx, { open: openPolicies(policies, zones, schedule.lookedAt, now), scope, zones });
  await openRings(context, tx);
  const { cap, free } = await freeSlots(tx, organizationId, { now, otherwise: policyDefaults.maxInFlight });
  await handOver(context, tx, free);
  await askDevices(context, tx, cap);
  await endRuns(context, tx);
  await scheduleNext(context, tx, policies, zones);
  const missed = missedOpenings(policies, zones, schedule.lookedAt, now);
  if (missed > 0) context.logger.warn({ missed }, 'update windows opened and closed while nothing looked at them');
  const moved = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT t.id FROM update_run u JOIN task t ON t.organization_id = u.organization_id AND t.id = u.task_id
    WHERE u.organization_id = ${organizationId} AND u.ended_at IS NULL AND t.dirty`);
  return moved.map((row) => row.id);
}

/** What changed since the last step; with IMMEDIATELY also the tries whose wait is over, and what a run left over. */
async function takeNews(context: Context, tx: Tx, leftOver: boolean): Promise<Scope> {
  const { organizationId } = context.actor;
  const lines = await tx.$queryRaw<{ appId: bigint | null; deviceId: bigint | null }[]>(sql`
    DELETE FROM update_wake WHERE organization_id = ${organizationId} RETURNING app_id AS "appId", device_id AS "deviceId"`);
  const again = await tx.$queryRaw<{ deviceId: bigint }[]>(sql`
    UPDATE update_attempt SET next_at = NULL WHERE organization_id = ${organizationId} AND next_at <= ${moment(context.clock.now())} AND stuck_at IS NULL
    RETURNING device_id AS "deviceId"`);
  return {
    all: leftOver || lines.some((line) => line.appId === null && line.deviceId === null),
    appIds: lines.flatMap((line) => line.appId ?? []),
    deviceIds: [...new Set([...lines, ...again].flatMap((line) => line.deviceId ?? []))],
  };
}

/** When the next step is due: an opening, a wait that ends, or soon while something is under way. */
async function scheduleNext(context: Context, tx: Tx, policies: readonly PolicyRow[], zones: Zones): Promise<void> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const soon = moment(new Date(now.getTime() + lookAgain));
  const next = nextOfAll(policies, zones, now);
  const immediate = policies.some(({ mode }) => mode === 'IMMEDIATELY');
  const waits = immediate
    ? sql`(SELECT min(t.next_at) FROM update_attempt t WHERE t.organization_id = s.organization_id AND t.next_at IS NOT NULL AND t.stuck_at IS NULL)`
    : sql`NULL`;
  await tx.$executeRaw(sql`
    UPDATE update_schedule s SET looked_at = ${moment(now)}, due_at = least(${moment(next)}, ${waits},
      CASE WHEN EXISTS (SELECT 1 FROM update_run u WHERE u.organization_id = s.organization_id AND u.ended_at IS NULL) THEN ${soon} END)
    WHERE s.organization_id = ${organizationId}`);
}
