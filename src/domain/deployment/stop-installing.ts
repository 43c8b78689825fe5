import { type Sql, sql, transaction } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';
import { blockSize } from '../license/limits.ts';
import { type Withdrawn, withdrawOperations } from '../operation/withdraw.ts';
import { deviceRanges, partSize } from './difference.ts';
import { inBulk } from './in-bulk.ts';
import { type DeviceRange, wantedPairs } from './wanted.ts';

const outOfScope = {
  code: 'OUT_OF_SCOPE',
  message: 'No deployment wants the app installed on this device any more.',
};

/**
 * Installs that a deployment asked for and that none wants any more are taken back, unless a device is at them. A license that
 * was taken for one goes back, unless a deployment still wants that.
 */
export async function stopInstalling(context: Context): Promise<void> {
  if (!(await someOpen(context))) return;
  for await (const range of deviceRanges(context, await partSize(context)))
    while ((await stopBlock(context, range)) === blockSize);
}

/** Whether install `o` of task `t` is one of them, and no device is at it. */
const isOpen = ({
  actor,
}: Context): Sql => sql`t.organization_id = ${actor.organizationId} AND t.kind = 'INSTALL' AND t.finished_at IS NULL
  AND t.actor = ${actorLabel(actor)} AND o.organization_id = t.organization_id AND o.task_id = t.id AND o.ended_at IS NULL
  AND (o.state IN ('WAITING_FOR_LICENSE', 'READY', 'PROPAGATING') OR (o.state = 'SENT' AND EXISTS (
    SELECT 1 FROM device_command c WHERE c.organization_id = o.organization_id AND c.id = o.command_id AND c.state = 'PLANNED')))`;

async function someOpen(context: Context): Promise<boolean> {
  const rows = await context.prisma.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM task t CROSS JOIN app_operation o WHERE ${isOpen(context)} LIMIT 1`);
  return rows.length > 0;
}

function stopBlock(context: Context, range: DeviceRange): Promise<number> {
  const { organizationId } = context.actor;
  const inside = (device: Sql) =>
    range.to === null ? sql`${device} > ${range.after}` : sql`${device} > ${range.after} AND ${device} <= ${range.to}`;
  const asked = sql`EXISTS (SELECT 1 FROM app_operation x WHERE x.organization_id = ${organizationId} AND x.ended_at IS NULL AND x.kind = 'INSTALL'
    AND x.device_id = m.device_id AND x.app_id = p.app_id AND ${inside(sql`x.device_id`)})`;
  return transaction(context, async (tx) => {
    const rows = await inBulk<Withdrawn>(
      tx,
      sql`
      SELECT o.id, w.mode IS NOT NULL AS "keepsLicense" FROM task t CROSS JOIN app_operation o
      LEFT JOIN (${wantedPairs(organizationId, null, range, asked)}) w ON w.app_id = o.app_id AND w.device_id = o.device_id AND w.mode <> 'NONE'
      WHERE ${isOpen(context)} AND ${inside(sql`o.device_id`)} AND w.mode IS DISTINCT FROM 'LICENSE_AND_INSTALL' ORDER BY o.id LIMIT ${blockSize}`,
    );
    return rows.length === 0 ? 0 : withdrawOperations(context, tx, rows, outOfScope);
  });
}
