import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Token } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { requestMetadata } from '../app/request-metadata.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { wakeRegistration } from '../notification/wake-registration.ts';
import { parseInput } from '../parse.ts';
import { claimFree } from './claim.ts';
import { type DescribedUpload, describeUpload } from './describe-upload.ts';
import { secretRow } from './exchange.ts';
import { lockTokens } from './find.ts';
import { heldBy } from './held-by.ts';
import * as fields from './input.ts';
import { nextProbe } from './probe-time.ts';
import { type Renewal, replaceSecret } from './replace-secret.ts';
import { wakeGuardian } from './wake-guardian.ts';

const inputSchema = z.object({
  file: z.string(),
  email: fields.email.nullish(),
  region: fields.region.nullish(),
  label: fields.label.nullish(),
  source: fields.source.nullish(),
  providedBy: fields.providedBy.nullish(),
  force: z.boolean().nullish(),
});

/** Input of {@link uploadToken}; `file` is the token file's text as it was downloaded. */
export type UploadTokenInput = z.input<typeof inputSchema>;
type Parsed = z.output<typeof inputSchema>;

/** What an upload did. */
export interface UploadedToken extends Renewal {
  tokenId: bigint;
  /** The library was known: its token was renewed in place. */
  renewed: boolean;
  /** Things that are allowed but deserve a look, as sentences. */
  warnings: string[];
}

type Stored = Omit<UploadedToken, 'warnings'>;

/** The storefront of a library for which Apple names no country. */
const defaultRegion = 'US';

/**
 * Adds a token, or renews the one of the same library: a library is never counted twice. A library that nobody holds
 * is claimed. Throws INVALID_TOKEN_FILE, OLDER_TOKEN_FILE, APPLE_UNAVAILABLE, INVALID_INPUT; nothing is stored then.
 */
export async function uploadToken(context: Context, rawInput: UploadTokenInput): Promise<UploadedToken> {
  requireRight(context, 'tokens:write');
  const input = parseInput(inputSchema, rawInput);
  const upload = await describeUpload(context, input.file);
  const result = await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const known = await tx.token.findUnique({
      where: { organizationId_uId: { organizationId: context.actor.organizationId, uId: upload.library.uId } },
    });
    return known ? renewKnown(context, tx, known, upload, input) : addToken(context, tx, upload, input);
  });
  if (upload.library.holder === null) await claimFree(context, result.tokenId);
  return { ...result, warnings: warningsFor(upload, input, result.renewed) };
}

async function renewKnown(
  context: Context,
  tx: Tx,
  known: Token,
  upload: DescribedUpload,
  input: Parsed,
): Promise<Stored> {
  const renewal = await replaceSecret(context, tx, known, upload, { force: input.force ?? false });
  const { email, region, label, source, providedBy } = input;
  const settings = Object.entries({ email, region, label, source, providedBy }).filter(([, value]) => value != null);
  await tx.token.update({
    where: { organizationId_id: { organizationId: known.organizationId, id: known.id } },
    data: Object.fromEntries(settings),
  });
  if (region && region !== known.region) await requestMetadata(context, tx, known);
  await recordAudit(context, tx, {
    action: 'token.renew',
    subject: `token:${known.id}`,
    data: { ...renewal, revived: known.removedAt !== null },
  });
  return { tokenId: known.id, renewed: true, ...renewal };
}

async function addToken(context: Context, tx: Tx, upload: DescribedUpload, input: Parsed): Promise<Stored> {
  const organizationId = context.actor.organizationId;
  const now = context.clock.now();
  const mdmId = randomUUID();
  const { jwe, keyId } = await context.secrets.seal(upload.bearer, secretRow(mdmId));
  const { condition, foreignMdm, mdmCheckedAt } = heldBy(upload.library.holder, mdmId, now);
  const last = await tx.token.aggregate({ where: { organizationId, removedAt: null }, _max: { position: true } });
  const token = await tx.token.create({
    data: {
      organizationId,
      uId: upload.library.uId,
      secretJwe: jwe,
      keyId,
      fileHash: context.secrets.mark(upload.bearer),
      mdmId,
      label: input.label ?? upload.library.locationName ?? upload.organizationName,
      source: input.source ?? (input.providedBy ? 'PROVIDED' : 'OWN'),
      providedBy: input.providedBy ?? null,
      email: input.email ?? null,
      region: input.region ?? upload.library.country ?? defaultRegion,
      accountType: upload.library.accountType,
      organizationName: upload.organizationName,
      locationName: upload.library.locationName,
      websiteUrl: upload.library.websiteUrl,
      position: (last._max.position ?? 0) + 1,
      expiresAt: upload.expiresAt,
      condition,
      ...(foreignMdm ? { foreignMdm: { ...foreignMdm } } : {}),
      mdmCheckedAt,
      createdAt: now,
      noticeAt: now,
      probedAt: now,
      probeAt: nextProbe(mdmId, now, context.settings.probeEvery),
    },
  });
  await tx.$executeRaw(sql`INSERT INTO token_gate (organization_id, token_id, next_slot_at, next_sync_slot_at)
    VALUES (${organizationId}, ${token.id}, ${moment(now)}, ${moment(now)})`);
  await tx.$executeRaw(sql`INSERT INTO token_sync (organization_id, token_id) VALUES (${organizationId}, ${token.id})`);
  await wakeRegistration(context, tx, { organizationId, tokenId: token.id });
  await recordAudit(context, tx, {
    action: 'token.upload',
    subject: `token:${token.id}`,
    data: { uId: token.uId, expiresAt: token.expiresAt },
  });
  await wakeGuardian(tx, { organizationId, tokenId: token.id });
  return { tokenId: token.id, renewed: false, changed: true };
}

/** A renewal keeps the settings that the upload does not name, so only a new token lacks any. */
function warningsFor(upload: DescribedUpload, input: Parsed, renewed: boolean): string[] {
  const warnings: string[] = [];
  const { country } = upload.library;
  if (!input.email && !renewed) {
    warnings.push('No e-mail address was given: the token stays INCOMPLETE until updateToken adds one.');
  }
  if (!input.region && !country && !renewed) {
    warnings.push(`Apple names no country for the library: metadata and prices are asked for ${defaultRegion}.`);
  }
  if (input.region && country && input.region !== country) {
    warnings.push(
      `Apple says that the library belongs to ${country}; metadata and prices are asked for ${input.region}.`,
    );
  }
  return warnings;
}
