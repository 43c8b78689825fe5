/**
 * Who may get an app by where it stands in the organization's store (S39): released ones are for all; those in review or
 * development for the devices of groups that may have such. What is held already stays.
 * @module
 */
import { ids, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { AppStatus } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import { inGroup, isListed } from '../device-group/rule.ts';

/** Devices that may get apps which are not released, as {@link trialKey}. */
export type Trials = ReadonlySet<string>;

export const noTrials: Trials = new Set();

/** A device that may get apps which stand there. */
export const trialKey = (status: string, deviceId: bigint): string => `${status}:${deviceId}`;

/** Which of the devices may get those of the apps that are not released. Asks nothing when all are. */
export async function readTrials(
  context: Pick<Context, 'actor'>,
  tx: Tx,
  apps: readonly { status?: AppStatus }[],
  deviceIds: readonly bigint[],
): Promise<Trials> {
  const statuses = [...new Set(apps.flatMap(({ status }) => (status && status !== 'RELEASE' ? [status] : [])))];
  if (statuses.length === 0 || deviceIds.length === 0) return noTrials;
  const rows = await tx.$queryRaw<{ status: string; deviceId: bigint }[]>(sql`
    SELECT DISTINCT s.status::text AS status, d.id AS "deviceId" FROM device_group g CROSS JOIN LATERAL unnest(g.app_statuses) s(status)
    JOIN device d ON d.organization_id = g.organization_id AND d.id = ANY (${ids(deviceIds)})
    WHERE g.organization_id = ${context.actor.organizationId} AND s.status::text = ANY (${texts(statuses)}) AND ${isListed} AND ${inGroup}`);
  return new Set(rows.map(({ status, deviceId }) => trialKey(status, deviceId)));
}

/** Whether app `a` may go to device `d`, in SQL. */
export const isAdmitted: Sql = sql`(a.status = 'RELEASE' OR EXISTS (SELECT 1 FROM device_group g
  WHERE g.organization_id = d.organization_id AND a.status = ANY (g.app_statuses) AND ${isListed} AND ${inGroup}))`;
