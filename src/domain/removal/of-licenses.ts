/** Which apps are to go from which devices when licenses end: of a license of a person, from all of theirs. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type Pair, pairKey } from '../install/facts.ts';
import type { Live } from '../license/find-live.ts';
import { isOff } from '../operation/settle.ts';
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
 * nothing; one that another license of the device or of its person allows stays. `more`: pairs whose licenses have ended.
 */
export async function removalsOfLicenses(
  context: Context,
  tx: Tx,
  licenses: readonly Ending[],
  more: readonly Pair[] = [],
): Promise<RemovalsOfLicenses> {
  const pairs = await pairsOf(context, tx, licenses, more);
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

/** Those of the pairs that no license allows. */
export async function withoutLicense(context: Context, tx: Tx, pairs: readonly Pair[]): Promise<Pair[]> {
  const rows = await pairsOf(context, tx, [], pairs);
  return rows.map(({ deviceId, appId }) => ({ deviceId, appId }));
}

/** Pairs of the devices and people of the licenses, those that have none first. */
async function pairsOf(
  context: Context,
  tx: Tx,
  licenses: readonly Ending[],
  more: readonly Pair[],
): Promise<NewRemoval[]> {
  const { organizationId } = context.actor;
  const ofDevices = licenses.flatMap(({ deviceId, ...rest }) => (deviceId === null ? [] : [{ ...rest, deviceId }]));
  const ofPeople = licenses.flatMap(({ vppUserId, ...rest }) => (vppUserId === null ? [] : [{ ...rest, vppUserId }]));
  if (more.length + ofDevices.length + ofPeople.length === 0) return [];
  return tx.$queryRaw<NewRemoval[]>(sql`
    WITH k AS MATERIALIZED (
      SELECT device_id, app_id, NULL::bigint AS license_id
      FROM unnest(${ids(more.map((one) => one.deviceId))}, ${ids(more.map((one) => one.appId))}) AS m(device_id, app_id)
      UNION ALL
      SELECT device_id, app_id, id FROM unnest(${ids(ofDevices.map((one) => one.id))}, ${ids(ofDevices.map((one) => one.appId))},
        ${ids(ofDevices.map((one) => one.deviceId))}) AS d(id, app_id, device_id)
      UNION ALL
      SELECT o.device_id, p.app_id, p.id FROM unnest(${ids(ofPeople.map((one) => one.id))}, ${ids(ofPeople.map((one) => one.appId))},
        ${ids(ofPeople.map((one) => one.vppUserId))}) AS p(id, app_id, vpp_user_id)
      JOIN (${devicesOfPeople(organizationId, sql`${ids([...new Set(ofPeople.map((one) => one.vppUserId))])}`)}) o ON o.vpp_user_id = p.vpp_user_id
    )
    SELECT k.device_id AS "deviceId", k.app_id AS "appId", k.license_id AS "licenseId" FROM k
    WHERE NOT EXISTS (
      SELECT 1 FROM license x WHERE ${stays(organizationId, licenses)} AND x.device_id = k.device_id
    ) AND NOT EXISTS (
      SELECT 1 FROM (${peopleOf(organizationId)}) s
      JOIN license x ON ${stays(organizationId, licenses)} AND x.vpp_user_id = s.id
    ) ORDER BY k.license_id NULLS FIRST, k.device_id, k.app_id`);
}

/** A license `x` of the app of `k` that is none of those that end, nor goes back as soon as an app is gone elsewhere. */
const stays = (organizationId: bigint, ending: readonly Ending[]): Sql => sql`
  x.organization_id = ${organizationId} AND x.app_id = k.app_id AND x.ended_at IS NULL AND x.revoke_task_id IS NULL
    AND x.id <> ALL (${ids(ending.map((one) => one.id))})
    AND NOT EXISTS (SELECT 1 FROM app_operation g WHERE g.organization_id = x.organization_id AND g.license_id = x.id AND g.kind = 'REMOVE'
      AND g.release_license AND NOT g.settled AND (g.ended_at IS NULL OR ${isOff('g')})
      AND NOT EXISTS (SELECT 1 FROM app_operation s WHERE s.organization_id = g.organization_id AND s.license_id = g.license_id AND s.kind = 'REMOVE'
        AND s.task_id = g.task_id AND s.id <> g.id AND s.ended_at IS NOT NULL AND NOT ${isOff('s')}))`;

/** Whose licenses the device of `k` may use: of whom it is, and of everybody who is linked to its account or to theirs. */
const peopleOf = (organizationId: bigint): Sql => sql`
  SELECT d.vpp_user_id AS id FROM device d WHERE d.organization_id = ${organizationId} AND d.id = k.device_id
  UNION ALL
  SELECT u.id FROM enrollment e JOIN vpp_user u ON u.organization_id = e.organization_id AND u.id_hash = e.store_account_hash
  WHERE e.organization_id = ${organizationId} AND e.device_id = k.device_id AND e.state <> 'GONE' AND u.status = 'ASSOCIATED'
  UNION ALL
  SELECT u.id FROM device d JOIN vpp_user o ON o.organization_id = d.organization_id AND o.id = d.vpp_user_id
  JOIN vpp_user u ON u.organization_id = o.organization_id AND u.id_hash = o.id_hash
  WHERE d.organization_id = ${organizationId} AND d.id = k.device_id AND u.status = 'ASSOCIATED'`;
