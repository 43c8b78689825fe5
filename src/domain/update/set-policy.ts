import { json, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { lockConnection } from '../operation/lock-connection.ts';
import { parseInput } from '../parse.ts';
import { type PolicyInput, policyInput } from './policy-input.ts';
import { recallUnsent } from './recall.ts';
import { lockRunTasks, policyChanged, stopItems } from './stop.ts';
import { wakeAllUpdates } from './wake.ts';

type Parsed = ReturnType<typeof policyInput.parse>;

/**
 * Sets the policy of the organization, an app, a device group, or an app in a group, in place of the one there is. What is not
 * sent yet under another rule is taken back and judged anew. Gives its id. Throws NOT_FOUND, INVALID_INPUT.
 */
export async function setUpdatePolicy(context: Context, rawInput: PolicyInput): Promise<bigint> {
  requireRight(context, 'updates:write');
  const input = parseInput(policyInput, rawInput) as Parsed;
  const { organizationId } = context.actor;
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    await lockPolicies(tx, organizationId);
    await requireKnown(context, tx, input);
    const [row] = await tx.$queryRaw<{ id: bigint }[]>(upsert(organizationId, input, now));
    await stopUnsentOfPolicies(context, tx, row!.id);
    await wakeAllUpdates(tx, organizationId, now);
    await recordAudit(context, tx, {
      action: 'update-policy.set',
      subject: `update-policy:${row!.id}`,
      data: { ...input },
    });
    return row!.id;
  });
}

/** Takes a policy away: the next in order counts from now on. Throws NOT_FOUND. */
export async function removeUpdatePolicy(context: Context, input: { policyId: bigint }): Promise<bigint> {
  requireRight(context, 'updates:write');
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    await lockPolicies(tx, organizationId);
    const gone = await tx.$executeRaw(
      sql`DELETE FROM update_policy WHERE organization_id = ${organizationId} AND id = ${input.policyId}`,
    );
    if (gone === 0) throw new NotFoundError('updatePolicy', [String(input.policyId)], ['policyId']);
    await stopUnsentOfPolicies(context, tx, null);
    await wakeAllUpdates(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, { action: 'update-policy.remove', subject: `update-policy:${input.policyId}` });
  });
  return input.policyId;
}

/** Policies are set one after another, and not while runs are planned. */
async function lockPolicies(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`);
  await tx.$queryRaw(sql`SELECT 1 FROM update_schedule WHERE organization_id = ${organizationId} FOR UPDATE`);
}

/** Takes back what another policy counts for now, and what a policy that was just set was planned for before. */
async function stopUnsentOfPolicies(context: Context, tx: Tx, setPolicyId: bigint | null): Promise<void> {
  const { organizationId } = context.actor;
  // The connection comes before tasks: what is planned is taken back under it.
  await lockConnection(tx, organizationId);
  await lockRunTasks(tx, organizationId);
  const set = setPolicyId === null ? sql`false` : sql`u.policy_id = ${setPolicyId}`;
  await stopItems(context, tx, { state: 'CANCELLED', code: 'POLICY_CHANGED' }, sql`${set} OR ${policyChanged}`);
  await recallUnsent(context, tx, set);
}

async function requireKnown(context: Context, tx: Tx, { appId, deviceGroupId, rings }: Parsed): Promise<void> {
  const { organizationId } = context.actor;
  const app = appId == null || (await tx.app.count({ where: { organizationId, id: appId } })) > 0;
  if (!app) throw new NotFoundError('app', [String(appId)], ['appId']);
  const named: [bigint, string[]][] = rings.flatMap(({ groupId }, index) =>
    groupId === undefined ? [] : [[BigInt(groupId), ['rings', String(index), 'deviceGroupId']]],
  );
  if (deviceGroupId != null) named.unshift([deviceGroupId, ['deviceGroupId']]);
  for (const [id, path] of named) {
    const group = await tx.deviceGroup.count({ where: { organizationId, id } });
    if (group === 0) throw new NotFoundError('deviceGroup', [String(id)], path);
  }
}

function upsert(organizationId: bigint, input: Parsed, now: Date) {
  const { appId = null, deviceGroupId = null } = input;
  return sql`
    INSERT INTO update_policy AS p (organization_id, app_id, group_id, position, mode, zone, windows, rings, max_in_flight, jitter_minutes,
      pause_at_percent, pause_after, max_attempts, created_at, updated_at)
    VALUES (${organizationId}, ${appId}::bigint, ${deviceGroupId}::bigint, ${input.position}, ${input.mode}::"UpdateMode", ${input.zone}::"UpdateZone",
      ${json(input.windows)}, ${json(input.rings)}, ${input.maxInFlight}, ${input.jitterMinutes}, ${input.pauseAtPercent}::int, ${input.pauseAfter},
      ${input.maxAttempts}, ${moment(now)}, ${moment(now)})
    ON CONFLICT (organization_id, coalesce(app_id, 0), coalesce(group_id, 0)) DO UPDATE SET position = excluded.position, mode = excluded.mode,
      zone = excluded.zone, windows = excluded.windows, rings = excluded.rings, max_in_flight = excluded.max_in_flight,
      jitter_minutes = excluded.jitter_minutes, pause_at_percent = excluded.pause_at_percent, pause_after = excluded.pause_after,
      max_attempts = excluded.max_attempts, updated_at = excluded.updated_at
    RETURNING p.id`;
}
