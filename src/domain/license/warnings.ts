import { sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** What is allowed in an association but deserves a look, as sentences: devices whose system is not known. */
export async function associationWarnings(context: Context, taskId: bigint): Promise<string[]> {
  const organizationId = context.actor.organizationId;
  const [row] = await context.prisma.$queryRaw<{ count: number }[]>(sql`
    WITH target AS (
      SELECT request -> 'target' AS t FROM task WHERE organization_id = ${organizationId} AND id = ${taskId} AND kind = 'ASSOCIATE'
    ), named AS (
      SELECT d.id FROM target, jsonb_array_elements_text(coalesce(nullif(t -> 'deviceIds', 'null'), '[]')) AS e(name)
      JOIN device d ON d.organization_id = ${organizationId} AND d.id = e.name::bigint AND d.os_version IS NULL
      UNION
      SELECT d.id FROM target, jsonb_array_elements_text(coalesce(nullif(t -> 'serialNumbers', 'null'), '[]')) AS e(name)
      JOIN device d ON d.organization_id = ${organizationId} AND d.serial_number = upper(trim(e.name)) AND d.os_version IS NULL
    )
    SELECT count(*)::int AS count FROM named`);
  const count = row?.count ?? 0;
  if (count === 0) return [];
  return [
    `The system version of ${count} ${count === 1 ? 'device is' : 'devices are'} not known, so it was not checked whether ${count === 1 ? 'it' : 'they'} can hold a device license. Tell it with upsertDevices.`,
  ];
}
