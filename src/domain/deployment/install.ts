import { moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { startInstalls } from '../install/start.ts';
import { blockSize } from '../license/limits.ts';
import { inBulk } from './in-bulk.ts';
import { keepInstallRefusals, noteFailedInstalls } from './install-refusals.ts';
import { type DeviceRange, hasInstalled, isListedThere, isRefused, isWaiting, wantedPairs } from './wanted.ts';

/** Milliseconds in which an app that was installed is not installed again, whatever the device's list says. */
const installAgainAfter = 24 * 60 * 60 * 1000;

/**
 * The pairs that a deployment wants installed, that have a license or wait for one, and that lack the app: nothing is being
 * done with it there, and nothing speaks against. Columns as of {@link wantedPairs}.
 */
export function uninstalledPairs(context: Context, appIds: readonly bigint[] | null, range: DeviceRange): Sql {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const since = moment(new Date(now.getTime() - installAgainAfter));
  const asked = sql`EXISTS (SELECT 1 FROM deployment x WHERE x.organization_id = ${organizationId} AND x.app_id = p.app_id AND x.mode = 'LICENSE_AND_INSTALL')`;
  const lacks = sql`${asked} AND NOT ${isListedThere(organizationId, range)}`;
  const licensed = sql`EXISTS (SELECT 1 FROM license l WHERE l.organization_id = ${organizationId} AND l.app_id = w.app_id AND l.device_id = w.device_id
    AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED') AND l.revoke_task_id IS NULL OFFSET 0)`;
  const busy = sql`EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = ${organizationId} AND o.app_id = w.app_id AND o.device_id = w.device_id
    AND o.ended_at IS NULL OFFSET 0)`;
  return sql`
    SELECT w.* FROM (${wantedPairs(organizationId, appIds, range, lacks)}) w
    WHERE w.mode = 'LICENSE_AND_INSTALL' AND (${licensed} OR ${isWaiting(organizationId)}) AND NOT ${busy}
      AND NOT ${isRefused(organizationId, moment(now))} AND NOT ${hasInstalled(organizationId, since)}`;
}

/** Installs the app on all of them, block by block; gives how many were asked for. */
export async function installLacking(context: Context, appId: bigint, range: DeviceRange): Promise<number> {
  let sum = 0;
  for (let rest: DeviceRange | null = range; rest; ) {
    const block: Block = await installBlock(context, appId, rest);
    sum += block.started;
    rest = block.last === null ? null : { ...rest, after: block.last };
  }
  return sum;
}

interface Block {
  started: number;
  last: bigint | null;
}

async function installBlock(context: Context, appId: bigint, range: DeviceRange): Promise<Block> {
  await noteFailedInstalls(context);
  return transaction(context, async (tx) => {
    const rows = await inBulk<{ id: bigint }>(
      tx,
      sql`SELECT w.device_id AS id FROM (${uninstalledPairs(context, [appId], range)}) w ORDER BY w.device_id LIMIT ${blockSize}`,
    );
    if (rows.length === 0) return { started: 0, last: null };
    const pairs = rows.map(({ id }) => ({ appId, deviceId: id }));
    const taskId = await startInstalls(context, tx, { pairs, unenrolled: 'WAIT' });
    const refused = await keepInstallRefusals(context, tx, taskId);
    return { started: rows.length - refused, last: rows.length < blockSize ? null : rows.at(-1)!.id };
  });
}
