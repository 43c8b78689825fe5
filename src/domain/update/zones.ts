/** In which time zones an organization's windows open. @module */
import { type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import { isTimeZone } from '../organization/settings.ts';

/** The organization's zone, and those of its devices that are zones at all. */
export interface Zones {
  own: string;
  devices: string[];
}

/** Reads them. A device that does not say its zone, or says none of the IANA list, counts in the organization's. */
export async function readZones(tx: Tx, organizationId: bigint): Promise<Zones> {
  const [organization] = await tx.$queryRaw<{ zone: string }[]>(
    sql`SELECT time_zone AS zone FROM organization WHERE id = ${organizationId}`,
  );
  const told = await tx.$queryRaw<{ zone: string }[]>(sql`
    SELECT DISTINCT time_zone AS zone FROM enrollment WHERE organization_id = ${organizationId} AND state = 'ENROLLED' AND time_zone IS NOT NULL`);
  return { own: organization!.zone, devices: told.map(({ zone }) => zone).filter(isTimeZone) };
}

/** The zones in which the windows of a policy open. */
export function zonesOf(policy: { zone: 'ORGANIZATION' | 'DEVICE' }, zones: Zones): string[] {
  return policy.zone === 'ORGANIZATION' ? [zones.own] : [...new Set([zones.own, ...zones.devices])];
}

/** The zone of enrollment `e` under a policy's `zone`. */
export function zoneOf(zone: Sql, zones: Zones): Sql {
  return sql`CASE WHEN ${zone} = 'DEVICE' AND e.time_zone = ANY (${texts(zones.devices)}) THEN e.time_zone ELSE ${zones.own} END`;
}
