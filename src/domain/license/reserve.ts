/** Reserves seats: one conditional update a pool, one insert for all licenses with their ledger lines. @module */
import { ring } from '../../db/notify.ts';
import { ids, moment, sql, type Tx, texts } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';
import { linkLicenses } from '../operation/await-license.ts';
import { addTaskTokens } from '../task/start.ts';
import type { UserGrant } from './allocate-users.ts';
import type { Grant } from './allocation.ts';
import type { CountedQuota } from './quota-room.ts';
import { wakeWriter } from './wake-writer.ts';

/** A seat, the task that it is for, and since when that has waited for it. */
export type TaskGrant = (Grant | UserGrant) & {
  taskId: bigint;
  waitedSince?: Date;
};

/** Takes the seats for their tasks, and wakes the writers of the tokens concerned. The tasks are new, or locked already. */
export async function reserve(context: Context, tx: Tx, grants: readonly TaskGrant[]): Promise<void> {
  if (grants.length === 0) return;
  const organizationId = context.actor.organizationId;
  await takeSeats(tx, organizationId, grants);
  await insertLicenses(context, tx, grants);
  const tokenIds = [...new Set(grants.map((grant) => grant.candidate.token.id))].sort((a, b) => (a < b ? -1 : 1));
  await addTaskTokens(
    tx,
    organizationId,
    grants.map(({ taskId, candidate }) => ({ taskId, tokenId: candidate.token.id })),
  );
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await ring(tx, { organizationId, kind: 'counts' });
}

async function takeSeats(tx: Tx, organizationId: bigint, grants: readonly TaskGrant[]): Promise<void> {
  const counts = new Map<bigint, number>();
  for (const { candidate } of grants) counts.set(candidate.poolId, (counts.get(candidate.poolId) ?? 0) + 1);
  const taken = await tx.$executeRaw(sql`
    UPDATE license_pool p SET reserved = p.reserved + w.n
    FROM unnest(${ids([...counts.keys()])}, ${[...counts.values()]}::int[]) AS w(id, n)
    WHERE p.organization_id = ${organizationId} AND p.id = w.id AND (p.unlimited OR p.total - p.held - p.reserved >= w.n)`);
  // The pools are locked and were just read: anything else is a defect, and must not become a seat too many.
  if (taken !== counts.size) throw new Error('a pool changed under its lock');
}

/** Why the seat came from its token, as the license keeps it; what does not apply is left out. */
function describe(grant: TaskGrant): string {
  if ('user' in grant) return JSON.stringify({ reason: grant.named ? 'NAMED' : 'TOKEN_OF_USER', skipped: [] });
  const { named, skipped, fromReserve, quotas, waitedSince } = grant;
  return JSON.stringify({
    reason: named ? 'NAMED' : skipped.length === 0 ? 'FIRST_IN_ORDER' : 'NEXT_IN_ORDER',
    skipped: skipped.map((token) => ({ tokenId: String(token.tokenId), reason: token.reason })),
    ...(fromReserve ? { fromReserve } : {}),
    ...(quotas.length === 0 ? {} : { quotas: quotas.map(describeQuota) }),
    ...(waitedSince ? { waitedSince: waitedSince.toISOString() } : {}),
  });
}

const describeQuota = ({ groupId, groupName, seats, used }: CountedQuota) => ({
  groupId: String(groupId),
  group: groupName,
  seats: String(seats),
  used: String(used),
});

async function insertLicenses(context: Context, tx: Tx, grants: readonly TaskGrant[]): Promise<void> {
  const organizationId = context.actor.organizationId;
  const now = moment(context.clock.now());
  const names = (pick: (grant: TaskGrant) => string | false) => texts(grants.map((grant) => pick(grant) || null));
  await tx.$executeRaw(sql`
    WITH made AS (
      INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, client_user_id, vpp_user_id, state, source,
                           task_id, started_at, changed_at, allocation)
      SELECT ${organizationId}, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, g.serial, g.device_id, g.client_user_id, g.user_id, 'REQUESTED', 'RUSSET',
             g.task_id, ${now}, ${now}, g.allocation::jsonb
      FROM unnest(${ids(grants.map((grant) => grant.candidate.poolId))}, ${names((grant) => 'device' in grant && grant.device.serialNumber)},
                  ${names((grant) => 'device' in grant && String(grant.device.id))}::bigint[],
                  ${names((grant) => 'user' in grant && grant.user.clientUserId)}, ${names((grant) => 'user' in grant && String(grant.user.id))}::bigint[],
                  ${ids(grants.map((grant) => grant.taskId))}, ${texts(grants.map(describe))})
        AS g(pool_id, serial, device_id, client_user_id, user_id, task_id, allocation)
      JOIN license_pool p ON p.organization_id = ${organizationId} AND p.id = g.pool_id
      RETURNING id, pool_id, task_id, app_id, device_id
    ) ${linkLicenses(organizationId)}
    INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, task_id, actor)
    SELECT ${organizationId}, ${now}, pool_id, id, 'REQUEST', 0, 1, task_id, ${actorLabel(context.actor)} FROM made`);
}
