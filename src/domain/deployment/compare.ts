/**
 * Compares what deployments want with what is, and asks for the difference: a seat for each device that has none, the way
 * back for those that shall have none. Needs no claim: each step finds the difference anew and asks for it in one
 * transaction, so one that comes twice asks for nothing. A second pass over a world that stands still does nothing.
 * @module
 */
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { startAssociation } from '../license/associate.ts';
import { blockSize } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { endWaits } from '../license/wait.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { tokenUsable } from '../token/usable-sql.ts';
import { keepRefusals, noteProblem, supplyProblem } from './problem.ts';
import { type DeviceRange, isLicensed, isRefused, isWaiting, wantedPairs } from './wanted.ts';

/** Milliseconds until a refused device is tried again, though nothing of it changed. */
export const retryAfter = 6 * 60 * 60 * 1000;
/** Milliseconds between two comparisons of an organization of which nothing seems to have changed. */
export const compareEvery = 60 * 60 * 1000;

/** What a comparison asked for, in pairs of app and device. */
export interface Compared {
  granted: number;
  refused: number;
  revoked: number;
}

/** Compares all deployments of the organization once. */
export async function compareDeployments(
  services: Services,
  organizationId: bigint,
  correlationId: string,
): Promise<Compared> {
  const context = systemContext(services, organizationId, 'deployment', correlationId);
  await takeLines(context);
  const sum: Compared = { granted: 0, refused: 0, revoked: 0 };
  for (const appId of await appsOf(context)) {
    await repeat(() => stopWaiting(context, appId));
    const sources = await openSources(context, appId);
    for await (const range of deviceRanges(context)) {
      sum.revoked += await repeat(() => takeBackBlock(context, appId, range));
      for (const source of sources) {
        let rest: DeviceRange | null = range;
        while (rest) {
          const step: Given = await giveBlock(context, source, rest);
          sum.granted += step.granted;
          sum.refused += step.refused;
          // Never back over one that was asked for: a comparison asks once, whatever came of it.
          rest = step.last === null ? null : { ...rest, after: step.last };
        }
      }
    }
  }
  await endPass(context, sum);
  return sum;
}

/** Most devices that one statement compares: more of them make more statements, not larger ones. */
const rangeSize = 20_000;

/** All devices of the organization, in parts. The last has no end, so that new ones are in it. */
async function* deviceRanges({ prisma, actor }: Context): AsyncGenerator<DeviceRange> {
  for (let after: bigint | null = 0n; after !== null; ) {
    const rows: { id: bigint }[] = await prisma.$queryRaw(sql`
      SELECT id FROM device WHERE organization_id = ${actor.organizationId} AND id > ${after} ORDER BY id OFFSET ${rangeSize - 1} LIMIT 1`);
    const to: bigint | null = rows[0]?.id ?? null;
    yield { after, to };
    after = to;
  }
}

/** Where the app may come from now. */
async function openSources(context: Context, appId: bigint): Promise<Source[]> {
  const open: Source[] = [];
  for (const kind of await sourcesOf(context, appId)) {
    const source = { appId, ...kind };
    if (!(await blocked(context, source))) open.push(source);
  }
  return open;
}

/** Does a step until it has nothing to do; gives the sum. */
async function repeat(step: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let done = await step(); done > 0; done = await step()) sum += done;
  return sum;
}

/** What changed before this moment is looked at now; what changes from here on leaves lines of its own. */
function takeLines(context: Context): Promise<unknown> {
  return transaction(context, (tx) =>
    tx.$executeRaw(sql`DELETE FROM deployment_wake WHERE organization_id = ${context.actor.organizationId}`),
  );
}

async function appsOf(context: Context): Promise<bigint[]> {
  const rows = await context.prisma.$queryRaw<{ appId: bigint }[]>(sql`
    SELECT app_id AS "appId" FROM deployment WHERE organization_id = ${context.actor.organizationId}
    UNION SELECT q.app_id FROM license_wait q
      JOIN task t ON t.organization_id = q.organization_id AND t.id = q.task_id AND t.actor = ${actorLabel(context.actor)}
      WHERE q.organization_id = ${context.actor.organizationId} ORDER BY 1`);
  return rows.map((row) => row.appId);
}

/** Where an app is to come from, and how urgently: each kind is asked for by tasks of its own. */
interface Source {
  appId: bigint;
  tokenId: bigint | null;
  priority: number;
}

function sourcesOf(context: Context, appId: bigint): Promise<Omit<Source, 'appId'>[]> {
  return context.prisma.$queryRaw(sql`
    SELECT DISTINCT token_id AS "tokenId", priority FROM deployment
    WHERE organization_id = ${context.actor.organizationId} AND app_id = ${appId} AND mode <> 'NONE' ORDER BY priority DESC, token_id NULLS FIRST`);
}

/** Whether none of the devices can be served now; what stands in the way is kept for people to see. */
function blocked(context: Context, { appId, tokenId }: Source): Promise<boolean> {
  return transaction(context, async (tx) => {
    const problem = await supplyProblem(context, tx, appId, tokenId);
    await noteProblem(context, tx, { appId, tokenId }, problem);
    return problem !== null;
  });
}

/** What one block gave, and the last device of it. */
interface Given {
  granted: number;
  refused: number;
  last: bigint | null;
}

/** Asks for the next devices that lack the app. Those without a seat wait for one; others that can't have it are kept as refused. */
function giveBlock(context: Context, { appId, tokenId, priority }: Source, range: DeviceRange): Promise<Given> {
  return transaction(context, async (tx) => {
    const deviceIds = await lacking(context, tx, { appId, tokenId, priority }, range);
    if (deviceIds.length === 0) return { granted: 0, refused: 0, last: null };
    const taskId = await startAssociation(context, tx, {
      appIds: [appId],
      target: { deviceIds },
      tokenId,
      onError: 'SKIP_FAILED',
      onShortage: 'WAIT',
      priority,
    });
    const retryAt = new Date(context.clock.now().getTime() + retryAfter);
    const refused = await keepRefusals(context, tx, taskId, retryAt);
    return { granted: deviceIds.length - refused, refused, last: deviceIds.at(-1)! };
  });
}

async function lacking(
  context: Context,
  tx: Tx,
  { appId, tokenId, priority }: Source,
  range: DeviceRange,
): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const failedSince = moment(new Date(now.getTime() - retryAfter));
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT w.device_id AS id FROM (${wantedPairs(organizationId, [appId], range)}) w
    WHERE w.mode <> 'NONE' AND w.token_id IS NOT DISTINCT FROM ${tokenId}::bigint AND w.priority = ${priority}
      AND NOT ${isLicensed(organizationId)} AND NOT ${isWaiting(organizationId)} AND NOT ${isRefused(organizationId, moment(now))}
      AND NOT EXISTS (SELECT 1 FROM license f WHERE f.organization_id = ${organizationId} AND f.app_id = w.app_id AND f.device_id = w.device_id
        AND f.state = 'FAILED' AND f.ended_at > ${failedSince})
    ORDER BY w.device_id LIMIT ${blockSize}`);
  return rows.map((row) => row.id);
}

/** Takes licenses back from the next devices that shall have none. Only ones that Russet gave; others are nobody's to end by a rule (decisions §1.20). */
function takeBackBlock(context: Context, appId: bigint, range: DeviceRange): Promise<number> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const since = moment(new Date(context.clock.now().getTime() - retryAfter));
    const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
      SELECT l.id FROM (${wantedPairs(organizationId, [appId], range)}) w
      JOIN license l ON l.organization_id = ${organizationId} AND l.app_id = w.app_id AND l.device_id = w.device_id AND l.ended_at IS NULL
      JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id AND p.revocable
      JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id AND ${tokenUsable(context.clock.now())}
      WHERE w.mode = 'NONE' AND l.source = 'RUSSET' AND l.revoke_task_id IS NULL AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED')
        AND NOT EXISTS (SELECT 1 FROM ledger k WHERE k.organization_id = l.organization_id AND k.license_id = l.id AND k.kind = 'KEEP' AND k.at > ${since})
      ORDER BY l.id LIMIT ${blockSize}`);
    if (rows.length === 0) return 0;
    const taskId = await startRevoke(context, tx, {
      target: { licenseIds: rows.map((row) => row.id) },
      onError: 'SKIP_FAILED',
    });
    const [moved] = await tx.$queryRaw<{ count: number }[]>(sql`
      SELECT count(*)::int AS count FROM license WHERE organization_id = ${organizationId} AND id = ANY (${ids(rows.map((row) => row.id))})
        AND (revoke_task_id = ${taskId} OR ended_at IS NOT NULL)`);
    return moved!.count;
  });
}

/**
 * Devices that a deployment let wait and that no deployment wants there any more leave the queue; so do those that wait on
 * other terms than the present ones, to come back on these.
 */
function stopWaiting(context: Context, appId: bigint): Promise<number> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rows = await tx.$queryRaw<{ id: bigint; taskId: bigint }[]>(sql`
      SELECT q.id, q.task_id AS "taskId" FROM license_wait q
      JOIN task t ON t.organization_id = q.organization_id AND t.id = q.task_id AND t.actor = ${actorLabel(context.actor)}
      LEFT JOIN (${wantedPairs(organizationId, [appId])}) w ON w.app_id = q.app_id AND w.device_id = q.device_id AND w.mode <> 'NONE'
        AND w.token_id IS NOT DISTINCT FROM q.token_id AND w.priority = q.priority
      WHERE q.organization_id = ${organizationId} AND q.app_id = ${appId} AND w.device_id IS NULL ORDER BY q.id LIMIT ${blockSize}`);
    if (rows.length === 0) return 0;
    const taskIds = [...new Set(rows.map((row) => row.taskId))];
    await lockTasks(tx, organizationId, taskIds);
    await endWaits(tx, organizationId, sql`w.id = ANY (${ids(rows.map((row) => row.id))})`, {
      code: 'OUT_OF_SCOPE',
      message: 'No deployment wants the app on this device any more, or on other terms.',
    });
    await endSettledTasks(tx, organizationId, taskIds, context.clock.now());
    return rows.length;
  });
}

/** Says when the next comparison is due, and what this one did. */
function endPass(context: Context, { granted, refused, revoked }: Compared): Promise<unknown> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      DELETE FROM deployment_refusal r WHERE r.organization_id = ${organizationId}
        AND (r.retry_at <= ${moment(now)} OR NOT EXISTS (SELECT 1 FROM deployment p WHERE p.organization_id = r.organization_id AND p.app_id = r.app_id))`);
    await tx.$executeRaw(sql`
      INSERT INTO deployment_pass (organization_id, due_at, ended_at, granted, refused, revoked)
      VALUES (${organizationId}, ${moment(new Date(now.getTime() + compareEvery))}, ${moment(now)}, ${granted}, ${refused}, ${revoked})
      ON CONFLICT (organization_id) DO UPDATE SET due_at = excluded.due_at, ended_at = excluded.ended_at,
        granted = excluded.granted, refused = excluded.refused, revoked = excluded.revoked`);
  });
}
