import { ids, json, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import type { Token } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { presentConnection } from '../mdm/find.ts';
import { listTokens } from '../token/find.ts';
import { isUsable, tokenState } from '../token/state.ts';

/** Why nobody can be given the app. */
export interface SupplyProblem {
  code: string;
  message: string;
}

/** How an app is to come to devices: from a token, or from any when that is null; and whether it is installed. */
interface Supply {
  appId: bigint;
  tokenId: bigint | null;
  install: boolean;
}

/**
 * Looks from where each deployed app can come, and keeps with the deployments what stands in the way of all their devices:
 * no token has the app, none that has it can be used, it can't be given to devices, or nothing can be installed (S77).
 */
export function openSources(context: Context): Promise<Openings> {
  return transaction(context, async (tx) => {
    const asked = await tx.$queryRaw<Supply[]>(sql`
      SELECT DISTINCT app_id AS "appId", token_id AS "tokenId", mode = 'LICENSE_AND_INSTALL' AS install FROM deployment
      WHERE organization_id = ${context.actor.organizationId} AND mode <> 'NONE' ORDER BY 1, 2, 3`);
    const tokens = await listTokens(context, tx);
    const pools = await readPools(context, tx, asked);
    const connected = asked.some(({ install }) => install) && (await presentConnection(context)) !== null;
    const found = asked.map((supply) => {
      const problem = problemOf(context, tokens, pools, supply);
      return { supply, problem: problem ?? (supply.install && !connected ? notConnected : null) };
    });
    await noteProblems(context, tx, found);
    const open = new Set(found.flatMap(({ supply, problem }) => (problem ? [] : [key(supply)])));
    return { connected, isOpen: (supply) => open.has(key(supply)) };
  });
}

/** What can be done now. */
export interface Openings {
  /** Something is to be installed, and can be. */
  connected: boolean;
  isOpen(supply: Supply): boolean;
}

const key = ({ appId, tokenId, install }: Supply): string => `${appId} ${tokenId} ${install}`;

const notConnected: SupplyProblem = {
  code: 'MDM_NOT_CONNECTED',
  message:
    'The organization is connected to no MDM server, so nothing can be installed. Connect one, or deploy LICENSE_ONLY.',
};

interface Pool {
  appId: bigint;
  tokenId: bigint;
  assignable: boolean;
}

function readPools(context: Context, tx: Tx, asked: readonly Supply[]): Promise<Pool[]> {
  return tx.$queryRaw<Pool[]>(sql`
    SELECT app_id AS "appId", token_id AS "tokenId", bool_or(device_assignable) AS assignable FROM license_pool
    WHERE organization_id = ${context.actor.organizationId} AND app_id = ANY (${ids(asked.map(({ appId }) => appId))}) AND gone_at IS NULL GROUP BY 1, 2`);
}

function problemOf(
  { clock, settings }: Context,
  all: readonly Token[],
  pools: readonly Pool[],
  { appId, tokenId }: Supply,
): SupplyProblem | null {
  const has = new Map(pools.filter((pool) => pool.appId === appId).map((pool) => [pool.tokenId, pool.assignable]));
  const holding = all.filter(({ id }) => has.has(id) && (tokenId === null || tokenId === id));
  const stateOf = (token: Token) => tokenState(token, clock.now(), settings);
  const usable = holding.filter((token) => isUsable(stateOf(token)));
  if (holding.length === 0) {
    const who = tokenId === null ? 'No token holds this app' : 'The named token does not hold this app';
    return { code: 'APP_NOT_HELD', message: `${who}. Acquire licenses at Apple, or sync.` };
  }
  if (usable.length === 0) {
    const states = holding.map((token) => `${token.label}: ${stateOf(token)}`).join(', ');
    const message = `No token that holds this app can be used (${states}). Renew or complete it.`;
    return { code: 'TOKEN_NOT_USABLE', message };
  }
  if (usable.some(({ id }) => has.get(id))) return null;
  return { code: 'NOT_DEVICE_ASSIGNABLE', message: 'Apple gives this app to people only, not to devices.' };
}

/** Keeps problems with the deployments that they are about, each with the moment since when it has been this one; takes away what is over. */
async function noteProblems(
  context: Context,
  tx: Tx,
  found: readonly { supply: Supply; problem: SupplyProblem | null }[],
): Promise<void> {
  const since = context.clock.now().toISOString();
  const rows = found.map(({ supply, problem }) => ({
    app_id: supply.appId,
    token_id: supply.tokenId,
    install: supply.install,
    problem: problem && { ...problem, since },
  }));
  await tx.$executeRaw(sql`
    UPDATE deployment p SET problem = CASE WHEN p.problem ->> 'code' = n.problem ->> 'code' THEN n.problem || jsonb_build_object('since', p.problem -> 'since')
      ELSE nullif(n.problem, 'null') END
    FROM jsonb_to_recordset(${json(rows)}) AS n(app_id bigint, token_id bigint, install boolean, problem jsonb)
    WHERE p.organization_id = ${context.actor.organizationId} AND p.app_id = n.app_id AND p.token_id IS NOT DISTINCT FROM n.token_id AND p.mode <> 'NONE' AND (p.mode = 'LICENSE_AND_INSTALL') = n.install
      AND (p.problem ->> 'code', p.problem ->> 'message') IS DISTINCT FROM (n.problem ->> 'code', n.problem ->> 'message')`);
}

/** Devices that were refused by a task are left alone until `retryAt`, or until they change; not those of the codes `except`. Gives how many. */
export async function keepRefusals(
  context: Context,
  tx: Tx,
  taskId: bigint,
  retryAt: Date,
  except: readonly string[] = [],
): Promise<number> {
  const { organizationId } = context.actor;
  return tx.$executeRaw(sql`
    INSERT INTO deployment_refusal (organization_id, app_id, device_id, code, message, refused_at, retry_at)
    SELECT DISTINCT ON (f.app_id, f.device_id) ${organizationId}, f.app_id, f.device_id, f.code, f.message, ${moment(context.clock.now())}, ${moment(retryAt)}
    FROM task_failure f WHERE f.organization_id = ${organizationId} AND f.task_id = ${taskId} AND f.app_id IS NOT NULL AND f.device_id IS NOT NULL AND f.code <> ALL (${texts(except)})
    ORDER BY f.app_id, f.device_id
    ON CONFLICT (organization_id, app_id, device_id) DO UPDATE
      SET code = excluded.code, message = excluded.message, refused_at = excluded.refused_at, retry_at = excluded.retry_at, until_seen = false`);
}
