import { ids, json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { listTokens } from '../token/find.ts';
import { isUsable, tokenState } from '../token/state.ts';

/** Why nobody can be given the app. */
export interface SupplyProblem {
  code: string;
  message: string;
}

/** What stands in the way of all devices: no token has the app, none that has it can be used, or it can't be given to devices (S77). */
export async function supplyProblem(
  context: Context,
  tx: Tx,
  appId: bigint,
  tokenId: bigint | null,
): Promise<SupplyProblem | null> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const tokens = (await listTokens(context, tx)).filter((token) => tokenId === null || token.id === tokenId);
  const pools = await tx.$queryRaw<{ tokenId: bigint; assignable: boolean }[]>(sql`
    SELECT token_id AS "tokenId", bool_or(device_assignable) AS assignable FROM license_pool
    WHERE organization_id = ${organizationId} AND app_id = ${appId} AND gone_at IS NULL
      AND token_id = ANY (${ids(tokens.map((token) => token.id))}) GROUP BY 1`);
  const holding = tokens.filter((token) => pools.some((pool) => pool.tokenId === token.id));
  const usable = holding.filter((token) => isUsable(tokenState(token, now, context.settings)));
  const who = tokenId === null ? 'No token holds this app' : 'The named token does not hold this app';
  if (holding.length === 0)
    return {
      code: 'APP_NOT_HELD',
      message: `${who}. Acquire licenses at Apple, or sync.`,
    };
  if (usable.length === 0) {
    const states = holding.map((token) => `${token.label}: ${tokenState(token, now, context.settings)}`).join(', ');
    return {
      code: 'TOKEN_NOT_USABLE',
      message: `No token that holds this app can be used (${states}). Renew or complete it.`,
    };
  }
  const assignable = pools.some((pool) => pool.assignable && usable.some((token) => token.id === pool.tokenId));
  if (assignable) return null;
  return { code: 'NOT_DEVICE_ASSIGNABLE', message: 'Apple gives this app to people only, not to devices.' };
}

/** Keeps the problem with the deployments that it is about, with the moment since when it has been this one; or takes it away. */
export async function noteProblem(
  context: Context,
  tx: Tx,
  { appId, tokenId }: { appId: bigint; tokenId: bigint | null },
  problem: SupplyProblem | null,
): Promise<void> {
  const about = sql`organization_id = ${context.actor.organizationId} AND app_id = ${appId}
    AND token_id IS NOT DISTINCT FROM ${tokenId}::bigint AND mode <> 'NONE'`;
  if (problem === null) {
    await tx.$executeRaw(sql`UPDATE deployment SET problem = NULL WHERE ${about} AND problem IS NOT NULL`);
    return;
  }
  const since = { ...problem, since: context.clock.now().toISOString() };
  await tx.$executeRaw(sql`
    UPDATE deployment SET problem = CASE WHEN problem ->> 'code' = ${problem.code} THEN ${json(since)} || jsonb_build_object('since', problem -> 'since') ELSE ${json(since)} END
    WHERE ${about} AND (problem ->> 'code' IS DISTINCT FROM ${problem.code} OR problem ->> 'message' IS DISTINCT FROM ${problem.message})`);
}

/** Devices that were refused by a task are left alone until `retryAt`, or until they change. Gives how many. */
export async function keepRefusals(context: Context, tx: Tx, taskId: bigint, retryAt: Date): Promise<number> {
  const { organizationId } = context.actor;
  return tx.$executeRaw(sql`
    INSERT INTO deployment_refusal (organization_id, app_id, device_id, code, message, refused_at, retry_at)
    SELECT DISTINCT ON (f.app_id, f.device_id) ${organizationId}, f.app_id, f.device_id, f.code, f.message, ${moment(context.clock.now())}, ${moment(retryAt)}
    FROM task_failure f WHERE f.organization_id = ${organizationId} AND f.task_id = ${taskId} AND f.app_id IS NOT NULL AND f.device_id IS NOT NULL
    ORDER BY f.app_id, f.device_id
    ON CONFLICT (organization_id, app_id, device_id) DO UPDATE
      SET code = excluded.code, message = excluded.message, refused_at = excluded.refused_at, retry_at = excluded.retry_at`);
}
