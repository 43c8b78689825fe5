/** Looks after a token's counts without being asked: the nightly sync, and differences to what Apple counts. @module */
import { moment, sql, texts, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { driftWaits } from '../license/count-marks.ts';
import { AppleFailure } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { driftingAssets } from './drifting.ts';
import { mergeAssets } from './merge-assets.ts';
import { startNightly } from './nightly.ts';
import { readPages } from './read-pages.ts';
import { findOpenSync } from './start.ts';
import { sweepAsset } from './sweep-asset.ts';
import { type AssetPage, readAssets } from './sync-assets.ts';

/** Up to this many assets are asked for one by one; above it the whole list is read. */
const askSingly = 20;
/** Looks, from 0, at which the licenses themselves are compared, if the count still differs: not at the first, when counts lag. */
const compareAt = new Set([1, 3]);

/** Does what is due for the token. May be called at any time and twice. */
export async function reconcileToken(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  await startNightly(systemContext(services, token.organizationId, 'nightly', correlationId), token);
  await lookIntoDrift(systemContext(services, token.organizationId, 'reconcile', correlationId), token);
}

interface DuePool {
  adamId: string;
  step: number;
}

async function lookIntoDrift(context: Context, token: TokenKey): Promise<void> {
  const due = await readDue(context, token);
  if (due.length === 0) return;
  const syncing = await findOpenSync(context.prisma, token.organizationId, token.tokenId);
  try {
    // A sync that is under way reads the counts anyway.
    if (!syncing) await look(context, token, due);
    await step(context, token, due, syncing ? 0 : 1);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    const fields = { tokenId: String(token.tokenId), reason: error.message };
    context.logger.info(fields, 'counts were not read again');
    // Of a token that can't be used now the next sync does it.
    if (error instanceof DomainError) await leave(context, token, due);
    // A look that Apple did not answer was none.
    else await step(context, token, due, 0, error.retryAfter);
  }
}

function readDue(context: Context, { organizationId, tokenId }: TokenKey): Promise<DuePool[]> {
  return context.prisma.$queryRaw<DuePool[]>(sql`
    SELECT p.adam_id AS "adamId", min(p.drift_step)::int AS step FROM license_pool p
    WHERE p.organization_id = ${organizationId} AND p.token_id = ${tokenId} AND p.drift_due_at <= ${moment(context.clock.now())}
    GROUP BY p.adam_id ORDER BY p.adam_id`);
}

/** Reads the counts again, and compares the licenses where they still differ. */
async function look(context: Context, token: TokenKey, due: readonly DuePool[]): Promise<void> {
  const merge = (page: AssetPage) => transaction(context, (tx) => mergeAssets(tx, token, page.rows, page.readAt));
  if (due.length <= askSingly) {
    for (const { adamId } of due) await merge(await readAssets(context, token, { adamId }));
  } else {
    const read = (pageIndex: number) => readAssets(context, token, { pageIndex });
    for await (const page of readPages(read, 0)) await merge(page);
  }
  const compared = due.filter((pool) => compareAt.has(pool.step)).map((pool) => pool.adamId);
  if (compared.length === 0) return;
  const write = <T>(work: Parameters<typeof transaction<T>>[1]) => transaction(context, work);
  for (const { adamId } of await driftingAssets(context.prisma, token, sql`p.adam_id = ANY (${texts(compared)})`)) {
    context.logger.info({ tokenId: String(token.tokenId), adamId }, 'Apple counts other licenses: they are compared');
    await sweepAsset({ context, token, taskId: null, by: 'reconcile', write }, adamId);
  }
}

/** Puts what still differs off to its next look. After the last one the nightly sync does it. */
async function step(
  context: Context,
  { organizationId, tokenId }: TokenKey,
  due: readonly DuePool[],
  by: number,
  retryAfter = 0,
): Promise<void> {
  const now = context.clock.now();
  const at = (milliseconds: number) => moment(new Date(now.getTime() + Math.max(milliseconds, retryAfter)));
  const [first, second, third, fourth] = driftWaits;
  await context.prisma.$executeRaw(sql`
    UPDATE license_pool p SET drift_step = p.drift_step + ${by},
      drift_due_at = CASE WHEN p.held = p.apple_assigned THEN NULL ELSE
        CASE p.drift_step + ${by} WHEN 0 THEN ${at(first)} WHEN 1 THEN ${at(second)} WHEN 2 THEN ${at(third)} WHEN 3 THEN ${at(fourth)} END END
    WHERE p.organization_id = ${organizationId} AND p.token_id = ${tokenId} AND p.adam_id = ANY (${texts(due.map((pool) => pool.adamId))})
      AND p.drift_due_at <= ${moment(now)}`);
}

async function leave(context: Context, { organizationId, tokenId }: TokenKey, due: readonly DuePool[]): Promise<void> {
  await context.prisma.$executeRaw(sql`
    UPDATE license_pool SET drift_due_at = NULL
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND adam_id = ANY (${texts(due.map((pool) => pool.adamId))})`);
}
