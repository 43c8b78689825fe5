/** Which apps are to go from which devices when licenses end: of a license of a person, from all of theirs. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { pairKey } from '../install/facts.ts';
import type { Live } from '../license/find-live.ts';
import type { TaskFailure } from '../task/failures.ts';
import { devicesOfPeople } from '../vpp-user/devices.ts';
import { isNothing } from './judge.ts';
import { judgePairs, type NewRemoval, removalFailure } from './start.ts';

/** What is removed with licenses, and what can't be. */
export interface RemovalsOfLicenses {
  removals: NewRemoval[];
  /** Apps that stay, each with the reason. */
  failures: TaskFailure[];
}

type Ending = Pick<Live, 'id' | 'appId' | 'deviceId' | 'vppUserId'>;

/**
 * Looks at the devices that have an app by these licenses. An app that is not there, or that is just being removed, needs
 * nothing; one that another license of the device or of its account allows stays.
 */
export async function removalsOfLicenses(
  context: Context,
  tx: Tx,
  licenses: readonly Ending[],
): Promise<RemovalsOfLicenses> {
  const pairs = await pairsOf(context, tx, licenses);
  const licenseOf = new Map(pairs.map((pair) => [pairKey(pair), pair.licenseId]));
  const judged = await judgePairs(context, tx, [...new Map(pairs.map((pair) => [pairKey(pair), pair])).values()]);
  const removals: NewRemoval[] = [];
  const failures: TaskFailure[] = [];
  for (const { facts, refusal } of judged) {
    const licenseId = licenseOf.get(pairKey(facts)) ?? null;
    const { deviceId, appId } = facts;
    if (refusal === null) removals.push({ deviceId, appId, licenseId });
    else if (!isNothing(refusal)) failures.push(removalFailure(facts, refusal));
  }
  return { removals, failures };
}

async function pairsOf(context: Context, tx: Tx, licenses: readonly Ending[]): Promise<NewRemoval[]> {
  const ofDevices = licenses.flatMap(({ id, appId, deviceId }) =>
    deviceId === null ? [] : [{ deviceId, appId, licenseId: id }],
  );
  const { organizationId } = context.actor;
  const ofPeople = licenses.flatMap(({ vppUserId, ...rest }) => (vppUserId === null ? [] : [{ vppUserId, ...rest }]));
  if (ofPeople.length === 0) return ofDevices;
  const rows = await tx.$queryRaw<NewRemoval[]>(sql`
    SELECT o.device_id AS "deviceId", k.app_id AS "appId", k.id AS "licenseId"
    FROM unnest(${ids(ofPeople.map((one) => one.id))}, ${ids(ofPeople.map((one) => one.appId))}, ${ids(ofPeople.map((one) => one.vppUserId))}) AS k(id, app_id, vpp_user_id)
    JOIN (${devicesOfPeople(organizationId, sql`${ids([...new Set(ofPeople.map((one) => one.vppUserId))])}`)}) o ON o.vpp_user_id = k.vpp_user_id
    JOIN vpp_user u ON u.organization_id = ${organizationId} AND u.id = k.vpp_user_id
    WHERE NOT EXISTS (
      SELECT 1 FROM license x WHERE x.organization_id = ${organizationId} AND x.app_id = k.app_id AND x.ended_at IS NULL AND x.revoke_task_id IS NULL
        AND x.id <> ALL (${ids(licenses.map((one) => one.id))}) AND (x.device_id = o.device_id OR x.vpp_user_id IN (
          SELECT s.id FROM vpp_user s WHERE s.organization_id = ${organizationId} AND s.id_hash = u.id_hash AND s.status = 'ASSOCIATED'))
    ) ORDER BY k.id, o.device_id`);
  return [...ofDevices, ...rows];
}
