import { z } from 'zod';
import { enqueue } from '../../db/enqueue.ts';
import { ids, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Token } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { announceTask, startTask } from '../task/start.ts';
import { findToken, listTokens } from '../token/find.ts';
import { isReadable, tokenRefusal, tokenState } from '../token/state.ts';

const inputSchema = z.object({
  tokenIds: z.array(z.bigint()).min(1).max(1000).nullish(),
  /** Reads the whole library although the changes would do. */
  full: z.boolean().nullish(),
});

/** The sync of one token. */
export interface StartedSync {
  tokenId: bigint;
  taskId: bigint;
  /** True when a sync of the token was under way already: there is never a second one beside it. */
  joined: boolean;
}

/** What `syncLicenses` did. */
export interface StartedSyncs {
  syncs: StartedSync[];
  /** Tokens that can't be read now, with their states. */
  skipped: { tokenId: bigint; state: string }[];
}

/**
 * Starts one sync for each of the named tokens, or for all of them. A queued one is joined; a running one is joined and
 * runs once more. A named token that can't be read throws TOKEN_EXPIRED or TOKEN_NOT_USABLE, and nothing is started.
 */
export async function syncLicenses(context: Context, rawInput: z.input<typeof inputSchema>): Promise<StartedSyncs> {
  requireRight(context, 'tokens:write');
  const { tokenIds, full } = parseInput(inputSchema, rawInput);
  return transaction(context, async (tx) => {
    const tokens = tokenIds ? await findAll(context, tx, tokenIds) : await listTokens(context, tx);
    if (tokens.length === 0) throw new NotFoundError('token', ['none was uploaded yet']);
    const states = tokens.map((token) => ({ token, state: tokenState(token, context.clock.now(), context.settings) }));
    const skipped = states.filter(({ state }) => !isReadable(state));
    if (skipped[0] && (tokenIds || skipped.length === states.length))
      throw tokenRefusal(skipped[0].token, skipped[0].state);
    const readable = states.flatMap(({ token, state }) => (isReadable(state) ? [token.id] : []));
    await lockSyncs(tx, context.actor.organizationId, readable);
    const syncs: StartedSync[] = [];
    for (const tokenId of readable) syncs.push(await startSync(context, tx, tokenId, { full: full ?? false }));
    await recordAudit(context, tx, { action: 'sync.start', data: { tokens: syncs, full: full ?? false } });
    return { syncs, skipped: skipped.map(({ token, state }) => ({ tokenId: token.id, state })) };
  });
}

async function findAll(context: Context, tx: Tx, tokenIds: readonly bigint[]): Promise<Token[]> {
  const tokens: Token[] = [];
  for (const tokenId of [...new Set(tokenIds)].sort((a, b) => (a < b ? -1 : 1)))
    tokens.push(await findToken(context, tx, tokenId));
  return tokens;
}

/** All rows in order, before the first event of a task locks the organization's counter. */
async function lockSyncs(tx: Tx, organizationId: bigint, tokenIds: readonly bigint[]): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM token_sync WHERE organization_id = ${organizationId} AND token_id = ANY (${ids(tokenIds)}) ORDER BY token_id FOR UPDATE`);
}

/** How a sync is to be. */
export interface SyncWish {
  /** Reads the whole library although the changes would do. */
  full?: boolean;
  retryOf?: bigint;
}

/** Starts or joins the sync of one token, inside a transaction. */
export async function startSync(
  context: Context,
  tx: Tx,
  tokenId: bigint,
  { full = false, retryOf }: SyncWish = {},
): Promise<StartedSync> {
  const organizationId = context.actor.organizationId;
  await lockSyncs(tx, organizationId, [tokenId]);
  const running = await findOpenSync(tx, organizationId, tokenId);
  if (running) {
    await joinSync(tx, organizationId, tokenId, running, full);
    return { tokenId, taskId: running.id, joined: true };
  }
  // A wish to run once more ended with the sync that it was addressed to.
  await tx.$executeRaw(
    sql`UPDATE token_sync SET rerun = false, rerun_full = false WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`,
  );
  const taskId = await startTask(context, tx, {
    kind: 'SYNC',
    requested: 0,
    tokenIds: [tokenId],
    dueAt: context.clock.now(),
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  if (full) await wantFull(tx, organizationId, taskId);
  await wakeSync(tx, { organizationId, taskId });
  await announceTask(context, tx, taskId);
  return { tokenId, taskId, joined: false };
}

/** The sync of a token that is under way. */
export interface OpenSync {
  id: bigint;
  state: string;
}

/** The one sync of the token that is under way, or null. */
export async function findOpenSync(tx: Tx, organizationId: bigint, tokenId: bigint): Promise<OpenSync | null> {
  const [running] = await tx.$queryRaw<OpenSync[]>(sql`
    SELECT t.id, t.state::text AS state FROM task_token k JOIN task t ON t.organization_id = k.organization_id AND t.id = k.task_id
    WHERE k.organization_id = ${organizationId} AND k.token_id = ${tokenId} AND t.kind = 'SYNC' AND t.state IN ('QUEUED', 'RUNNING', 'WAITING')
    ORDER BY t.id LIMIT 1`);
  return running ?? null;
}

async function joinSync(
  tx: Tx,
  organizationId: bigint,
  tokenId: bigint,
  running: OpenSync,
  full: boolean,
): Promise<void> {
  if (running.state !== 'QUEUED') {
    await tx.$executeRaw(sql`
      UPDATE token_sync SET rerun = true, rerun_full = rerun_full OR ${full} WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
  } else if (full && !(await wantFull(tx, organizationId, running.id))) {
    // A worker has just begun with it.
    await tx.$executeRaw(sql`
      UPDATE token_sync SET rerun = true, rerun_full = true WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
  }
}

/** False when a worker has the task already, and may have chosen another way. */
async function wantFull(tx: Tx, organizationId: bigint, taskId: bigint): Promise<boolean> {
  const wanted = await tx.$executeRaw(
    // Never waits: the locks of syncs are held here, and come behind those of tasks.
    sql`UPDATE task t SET sync_mode = 'FULL' FROM (
      SELECT id FROM task WHERE organization_id = ${organizationId} AND id = ${taskId} AND claim = 0 FOR UPDATE SKIP LOCKED
    ) o WHERE t.organization_id = ${organizationId} AND t.id = o.id`,
  );
  return wanted > 0;
}

/** Asks a worker to look after the sync, now or at `at`. */
export async function wakeSync(tx: Tx, task: { organizationId: bigint; taskId: bigint }, at?: Date): Promise<void> {
  const payload = { organizationId: String(task.organizationId), taskId: String(task.taskId) };
  await enqueue(tx, {
    name: 'sync-token',
    payload,
    key: `task:${task.organizationId}:${task.taskId}`,
    ...(at ? { runAt: at } : {}),
  });
}
