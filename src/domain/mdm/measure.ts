/** What an operator watches of MDM servers and devices, over all organizations. @module */
import { sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { MdmProblem } from '../mdm-ports.ts';

/** How one present connection stands. */
export interface MeasuredMdm {
  organizationId: bigint;
  /** Why its server can't be used; null while it can. */
  problem: MdmProblem | null;
  /** When something of a device last came; null before the first time. */
  heardAt: Date | null;
  /** News that are stored and not applied yet. */
  waiting: number;
  /** News at which Russet failed five times. */
  setAside: number;
}

/** Read where it is kept: the same numbers in every process. */
export function measureMdm({ prisma }: Pick<Services, 'prisma'>): Promise<MeasuredMdm[]> {
  return prisma.$queryRaw<MeasuredMdm[]>(sql`
    SELECT m.organization_id AS "organizationId", m.problem ->> 'code' AS problem, m.heard_at AS "heardAt",
      (SELECT count(*)::int FROM device_news n WHERE n.organization_id = m.organization_id AND n.connection_id = m.id AND n.applied_at IS NULL) AS waiting,
      (SELECT count(*)::int FROM device_news n WHERE n.organization_id = m.organization_id AND n.connection_id = m.id AND n.outcome = 'SET_ASIDE') AS "setAside"
    FROM mdm_connection m WHERE m.removed_at IS NULL ORDER BY m.organization_id`);
}
