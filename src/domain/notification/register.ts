/** Tells Apple where to post, and looks from time to time whether it still knows. @module */
import { json, moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { requireOwnDatabase } from '../installation/marker.ts';
import { AppleFailure, type Subscription } from '../ports.ts';
import { callApple, libraryHolder } from '../token/call-apple.ts';
import type { TokenRow } from '../token/exchange.ts';
import type { TokenKey } from '../token/gate.ts';
import { webhookSecret, webhookUrl } from './address.ts';
import { isOfToken, nextTry, problemOf } from './registration-failure.ts';
import { unregisterWebhook } from './unregister.ts';

/**
 * Registers the token's webhook where Apple has another one or none. The webhook is open before: Apple calls it first,
 * and refuses with 9728 when it does not answer. Doing it twice, at once too, changes nothing.
 */
export async function registerWebhook(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const { publicUrl } = services.settings;
  const context = systemContext(services, token.organizationId, 'notifications', correlationId);
  if (publicUrl === null) return unregisterWebhook(context, token);
  const webhook = await services.prisma.tokenWebhook.findUnique({
    where: { organizationId_tokenId: token },
    select: { webhookId: true, registeredUrl: true },
  });
  if (!webhook) return;
  const wanted = {
    url: webhookUrl(publicUrl, webhook.webhookId),
    secret: webhookSecret(services, webhook.webhookId),
  };
  const told = { ...token, webhookId: webhook.webhookId, base: publicUrl };
  try {
    const outcome = await subscribe(context, token, wanted);
    await keep(context, told, webhook.registeredUrl, wanted.url, outcome);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    await keepFailure(context, told, error);
  }
}

/** The webhook under the public address that Apple was told of, or was to be. */
interface Told extends TokenKey {
  webhookId: string;
  base: string;
}

const keyOf = ({ organizationId, tokenId }: TokenKey) => ({ organizationId, tokenId });

type Outcome = 'KNOWN' | 'TOLD' | 'FOREIGN';

/** Tells Apple unless it knows. A library that another server holds is left alone. */
async function subscribe(context: Context, token: TokenKey, wanted: Subscription): Promise<Outcome> {
  const mdmIds: string[] = [];
  const known = await callApple(context, token, 'TOKEN', (credential, row) => {
    mdmIds.push(row.mdmId);
    return context.apple.readSubscription(credential);
  });
  if (known.holder !== null && !mdmIds.includes(known.holder.id)) return 'FOREIGN';
  if (known.complete && known.url === wanted.url && known.secret === wanted.secret) return 'KNOWN';
  // A copy of the database must not draw the original's notifications to itself.
  await requireOwnDatabase(context);
  await post(context, token, wanted);
  return 'TOLD';
}

/** Apple may not know the kinds about seats everywhere: refused with them, it is asked without. */
async function post(context: Context, token: TokenKey, wanted: Subscription): Promise<void> {
  const ask = (seats: boolean) =>
    callApple(context, token, 'TOKEN', async (credential: string, row: TokenRow) => {
      await context.apple.subscribe(credential, await libraryHolder(context, row), { ...wanted, seats });
      return null;
    });
  try {
    await ask(true);
  } catch (error) {
    if (!(error instanceof AppleFailure) || !isAboutContent(error)) throw error;
    context.logger.warn(
      { tokenId: String(token.tokenId), appleErrorNumber: error.appleErrorNumber ?? null },
      'Apple refused to tell of seats; it is asked for the other kinds only',
    );
    await ask(false);
  }
}

/** An argument is missing or invalid, or nothing more is said; what is wrong with the address has numbers of its own. */
function isAboutContent({ kind, appleErrorNumber }: AppleFailure): boolean {
  return kind === 'REJECTED' && (appleErrorNumber === undefined || [9600, 9602].includes(appleErrorNumber));
}

function keep(context: Context, token: Told, before: string | null, url: string, outcome: Outcome): Promise<void> {
  const now = context.clock.now();
  if (outcome === 'FOREIGN') return note(context, token, sql`registered_url = NULL, due_at = NULL, attempts = 0`);
  if (outcome === 'TOLD' || before !== url) {
    context.logger.info(
      { tokenId: String(token.tokenId), outcome },
      'Apple posts its notifications to this installation',
    );
  }
  const next = new Date(now.getTime() + context.settings.checkWebhookEvery);
  const since = outcome === 'KNOWN' ? sql`coalesce(registered_at, ${moment(now)})` : moment(now);
  return note(
    context,
    token,
    sql`registered_url = ${url}, registered_at = ${since}, problem = NULL, attempts = 0, due_at = ${moment(next)},
      retired_webhook_id = NULL`,
  );
}

async function keepFailure(context: Context, token: Told, error: Error): Promise<void> {
  const problem = problemOf(error);
  const { code, appleErrorNumber, message } = problem;
  context.logger.warn(
    { tokenId: String(token.tokenId), code, appleErrorNumber, reason: message },
    'the webhook is not registered; writes are polled',
  );
  const row = await context.prisma.tokenWebhook.findUniqueOrThrow({ where: { organizationId_tokenId: keyOf(token) } });
  const attempts = row.attempts + 1;
  const next = nextTry(attempts, context.clock.now(), error);
  // A renewal or a claim makes it due again; until then the token itself is what has to be mended.
  const due = isOfToken(error) ? sql`NULL` : moment(next);
  // What Apple could not be asked about may still hold.
  const registered = code === 'APPLE_UNAVAILABLE' ? sql`registered_url` : sql`NULL`;
  await note(
    context,
    token,
    sql`registered_url = ${registered}, problem = ${json(problem)}, attempts = ${attempts}, due_at = ${due}`,
  );
}

/** Says nothing of a webhook that was given another address meanwhile: that one is due already. */
function note(context: Context, { organizationId, tokenId, webhookId, base }: Told, change: Sql): Promise<void> {
  return transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE token_webhook SET tried_base = ${base}, ${change}
      WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND webhook_id = ${webhookId}::uuid`);
  });
}
