/** Tells Apple where to post, and looks from time to time whether it still knows. @module */
import { json, moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError, TokenExpiredError, TokenNotUsableError } from '../errors.ts';
import { requireOwnDatabase } from '../installation/marker.ts';
import { AppleFailure, type Subscription } from '../ports.ts';
import { callApple, libraryHolder } from '../token/call-apple.ts';
import type { TokenRow } from '../token/exchange.ts';
import type { TokenKey } from '../token/gate.ts';
import { webhookSecret, webhookUrl } from './address.ts';
import type { RegistrationProblem } from './state.ts';

/** Waits between tries while the address is not taken. Milliseconds. */
const retry = { base: 30_000, factor: 2, cap: 3_600_000 };

/**
 * Registers the token's webhook where Apple has another one or none. The webhook is open before: Apple calls it first,
 * and refuses with 9728 when it does not answer. Doing it twice, at once too, changes nothing.
 */
export async function registerWebhook(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const { publicUrl } = services.settings;
  if (publicUrl === null) return;
  const context = systemContext(services, token.organizationId, 'notifications', correlationId);
  const webhook = await services.prisma.tokenWebhook.findUnique({
    where: { organizationId_tokenId: token },
    select: { webhookId: true, registeredUrl: true },
  });
  if (!webhook) return;
  const wanted = {
    url: webhookUrl(publicUrl, webhook.webhookId),
    secret: webhookSecret(services, webhook.webhookId),
  };
  try {
    const outcome = await subscribe(context, token, wanted);
    await keep(context, token, publicUrl, webhook.registeredUrl, wanted.url, outcome);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    await keepFailure(context, token, publicUrl, error);
  }
}

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
  const post = async (credential: string, row: TokenRow) => {
    await context.apple.subscribe(credential, await libraryHolder(context, row), wanted);
    return null;
  };
  await callApple(context, token, 'TOKEN', post);
  return 'TOLD';
}

function keep(
  context: Context,
  token: TokenKey,
  base: string,
  before: string | null,
  url: string,
  outcome: Outcome,
): Promise<void> {
  const now = context.clock.now();
  if (outcome === 'FOREIGN') return note(context, token, base, sql`registered_url = NULL, due_at = NULL, attempts = 0`);
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
    base,
    sql`registered_url = ${url}, registered_at = ${since}, problem = NULL, attempts = 0, due_at = ${moment(next)}`,
  );
}

async function keepFailure(context: Context, token: TokenKey, base: string, error: Error): Promise<void> {
  const problem = problemOf(error);
  const { code, appleErrorNumber, message } = problem;
  context.logger.warn(
    { tokenId: String(token.tokenId), code, appleErrorNumber, reason: message },
    'the webhook is not registered; writes are polled',
  );
  const row = await context.prisma.tokenWebhook.findUniqueOrThrow({ where: { organizationId_tokenId: token } });
  const attempts = row.attempts + 1;
  const asked = error instanceof AppleFailure ? error.retryAfter : undefined;
  const next = new Date(context.clock.now().getTime() + (asked ?? backoff(attempts, retry)));
  // A renewal or a claim makes it due again; until then the token itself is what has to be mended.
  const due = isOfToken(error) ? sql`NULL` : moment(next);
  // What Apple could not be asked about may still hold.
  const registered = code === 'APPLE_UNAVAILABLE' ? sql`registered_url` : sql`NULL`;
  await note(
    context,
    token,
    base,
    sql`registered_url = ${registered}, problem = ${json(problem)}, attempts = ${attempts}, due_at = ${due}`,
  );
}

function isOfToken(error: Error): boolean {
  if (error instanceof AppleFailure) return error.kind.startsWith('TOKEN_');
  return error instanceof TokenExpiredError || error instanceof TokenNotUsableError;
}

function problemOf(error: Error): RegistrationProblem {
  if (!(error instanceof AppleFailure)) return { code: 'REFUSED', message: error.message, appleErrorNumber: null };
  const appleErrorNumber = error.appleErrorNumber ?? null;
  if (appleErrorNumber === 9728) {
    const message =
      'Apple got no answer from the webhook (9728). Check that PUBLIC_URL leads to the API from the internet, over https with a certificate that everybody trusts.';
    return { code: 'UNREACHABLE', message, appleErrorNumber };
  }
  const passes = error.kind === 'UNAVAILABLE' || error.kind === 'RATE_LIMITED' || error.kind === 'UNKNOWN_OUTCOME';
  return { code: passes ? 'APPLE_UNAVAILABLE' : 'REFUSED', message: error.message, appleErrorNumber };
}

function note(context: Context, { organizationId, tokenId }: TokenKey, base: string, change: Sql): Promise<void> {
  return transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE token_webhook SET tried_base = ${base}, ${change} WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
  });
}
