import { moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { requireOwnDatabase } from '../installation/marker.ts';
import { AppleFailure } from '../ports.ts';
import { callApple, libraryHolder } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { isOfToken, nextTry, problemOf } from './registration-failure.ts';

/** The installation has no public address any more: Apple is told to post nothing, unless it posts to somebody else by now. */
export async function unregisterWebhook(context: Context, token: TokenKey): Promise<void> {
  const webhook = await context.prisma.tokenWebhook.findUnique({
    where: { organizationId_tokenId: token },
    select: { registeredUrl: true, attempts: true },
  });
  if (!webhook?.registeredUrl) return;
  try {
    await silence(context, token, webhook.registeredUrl);
    await note(context, token, sql`registered_url = NULL, retired_webhook_id = NULL, attempts = 0, due_at = NULL`);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    await keepFailure(context, token, webhook.attempts + 1, error);
  }
}

async function silence(context: Context, token: TokenKey, url: string): Promise<void> {
  const mdmIds: string[] = [];
  const known = await callApple(context, token, 'TOKEN', (credential, row) => {
    mdmIds.push(row.mdmId);
    return context.apple.readSubscription(credential);
  });
  if (known.url !== url || (known.holder !== null && !mdmIds.includes(known.holder.id))) return;
  await requireOwnDatabase(context);
  await callApple(context, token, 'TOKEN', async (credential, row) => {
    await context.apple.unsubscribe(credential, await libraryHolder(context, row));
    return null;
  });
  context.logger.info(
    { tokenId: String(token.tokenId) },
    'Apple no longer posts its notifications to this installation',
  );
}

/** What passes is tried again; a refusal is the end of it, because posts to an address that nobody serves do no harm. */
function keepFailure(context: Context, token: TokenKey, attempts: number, error: Error): Promise<void> {
  const { code, message } = problemOf(error);
  const passes = code === 'APPLE_UNAVAILABLE';
  const givenUp = !passes && !isOfToken(error);
  context.logger.warn(
    { tokenId: String(token.tokenId), reason: message, givenUp },
    'Apple still posts its notifications to an address that is gone',
  );
  const due = passes ? nextTry(attempts, context.clock.now(), error) : null;
  const registered = givenUp ? sql`NULL` : sql`registered_url`;
  return note(context, token, sql`registered_url = ${registered}, attempts = ${attempts}, due_at = ${moment(due)}`);
}

function note(context: Context, { organizationId, tokenId }: TokenKey, change: Sql): Promise<void> {
  return transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE token_webhook SET tried_base = NULL, problem = NULL, ${change} WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
  });
}
