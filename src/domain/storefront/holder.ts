/** For whom the store is shown, or an app is requested. @module */
import { z } from 'zod';
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { isListed } from '../device-group/rule.ts';
import { NotFoundError } from '../errors.ts';
import type { Applicant } from '../license/allocation.ts';
import { findVppUsers } from '../vpp-user/find.ts';

/** How a holder is named. */
export const holderSchema = z
  .object({ deviceId: z.bigint().nullish(), vppUserId: z.bigint().nullish() })
  .refine((of) => (of.deviceId == null) !== (of.vppUserId == null), 'name exactly one of deviceId, vppUserId');

/** A device on the organization's list, or a person. */
export type Holder = ({ kind: 'DEVICE' } & Applicant) | { kind: 'USER'; id: bigint; tokenId: bigint };

/** Finds the holder. Throws NOT_FOUND; devices that only a license names are nobody's. */
export async function findHolder(context: Context, tx: Tx, of: z.output<typeof holderSchema>): Promise<Holder> {
  if (of.vppUserId != null) {
    const [user] = await findVppUsers(context, tx, [of.vppUserId], ['for', 'vppUserId']);
    return { kind: 'USER', id: user!.id, tokenId: user!.tokenId };
  }
  const [device] = await tx.$queryRaw<Applicant[]>(sql`
    SELECT d.id, d.serial_number AS "serialNumber", d.family::text AS family, d.os_version AS "osVersion" FROM device d
    WHERE d.organization_id = ${context.actor.organizationId} AND d.id = ${of.deviceId!} AND ${isListed}`);
  if (!device) throw new NotFoundError('device', [String(of.deviceId)], ['for', 'deviceId']);
  return { kind: 'DEVICE', ...device };
}
