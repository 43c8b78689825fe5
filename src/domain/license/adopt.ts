import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { actorLabel } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { AlreadyLicensedError, NotFoundError, NotLicensedError } from '../errors.ts';
import { parseInput } from '../parse.ts';

const inputSchema = z.object({ licenseIds: z.array(z.bigint()).min(1).max(10_000) });

/** What was adopted. */
export interface Adopted {
  licenseIds: bigint[];
  /** Licenses that were Russet's before. */
  already: number;
}

interface Found {
  id: bigint;
  source: string;
  ended: boolean;
}

/**
 * Makes licenses that somebody else gave Russet's own: from then on rules may end them. All of them or none: throws
 * NOT_FOUND, NOT_LICENSED for one that has ended, and ALREADY_LICENSED when a device would hold two of Russet's.
 */
export async function adoptLicenses(context: Context, rawInput: z.input<typeof inputSchema>): Promise<Adopted> {
  requireRight(context, 'licenses:write');
  const wanted = [...new Set(parseInput(inputSchema, rawInput).licenseIds)];
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    await lockHolders(tx, organizationId, wanted);
    const found = await tx.$queryRaw<Found[]>(sql`
      SELECT id, source::text AS source, ended_at IS NOT NULL AS ended FROM license
      WHERE organization_id = ${organizationId} AND id = ANY (${ids(wanted)}) ORDER BY id FOR NO KEY UPDATE`);
    const known = new Set(found.map((license) => license.id));
    const missing = wanted.filter((id) => !known.has(id));
    if (missing.length > 0) throw new NotFoundError('license', missing.map(String), ['licenseIds']);
    if (found.some((license) => license.ended))
      throw new NotLicensedError('At least one of these licenses has ended. Nothing was adopted.');
    const licenseIds = found.flatMap((license) => (license.source === 'EXTERNAL' ? [license.id] : []));
    await refuseSecond(tx, organizationId, licenseIds);
    await adopt(context, tx, licenseIds);
    await recordAudit(context, tx, { action: 'license.adopt', data: { licenses: licenseIds.map(String) } });
    return { licenseIds, already: found.length - licenseIds.length };
  });
}

/** In the order of all locks: who associates holds the devices too, so nothing is given to them meanwhile. */
async function lockHolders(tx: Tx, organizationId: bigint, licenseIds: readonly bigint[]): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM device WHERE organization_id = ${organizationId} AND id IN (
      SELECT device_id FROM license WHERE organization_id = ${organizationId} AND id = ANY (${ids(licenseIds)}))
    ORDER BY serial_number FOR NO KEY UPDATE`);
}

async function refuseSecond(tx: Tx, organizationId: bigint, licenseIds: readonly bigint[]): Promise<void> {
  const [second] = await tx.$queryRaw<{ tokenId: bigint; name: string }[]>(sql`
    SELECT o.token_id AS "tokenId", coalesce(a.name, a.adam_id) AS name
    FROM license l JOIN license o ON o.organization_id = l.organization_id AND o.device_id = l.device_id AND o.adam_id = l.adam_id
      AND o.pricing_param = l.pricing_param AND o.id <> l.id AND o.ended_at IS NULL AND (o.source = 'RUSSET' OR o.id = ANY (${ids(licenseIds)}))
    JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id
    WHERE l.organization_id = ${organizationId} AND l.id = ANY (${ids(licenseIds)}) ORDER BY l.id, o.id LIMIT 1`);
  if (second) throw new AlreadyLicensedError(second.name, second.tokenId);
}

/** No count moves; the ledger says who took them over. */
async function adopt(context: Context, tx: Tx, licenseIds: readonly bigint[]): Promise<void> {
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    WITH adopted AS (
      UPDATE license SET source = 'RUSSET' WHERE organization_id = ${organizationId} AND id = ANY (${ids(licenseIds)}) RETURNING id, pool_id
    )
    INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, actor)
    SELECT ${organizationId}, ${moment(context.clock.now())}, pool_id, id, 'ADOPT', 0, 0, ${actorLabel(context.actor)} FROM adopted`);
}
