import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Tx, moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { parseInput } from '../parse.ts';
import { type DescribedUpload, describeUpload } from './describe-upload.ts';
import * as fields from './input.ts';
import { claimIfFree } from './claim.ts';
import { secretRow } from './exchange.ts';
import { type Renewal, replaceSecret } from './replace-secret.ts';

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

/**
 * Adds a token, or renews the one of the same library: a library is never counted twice.
 * Throws INVALID_TOKEN_FILE, OLDER_TOKEN_FILE, APPLE_UNAVAILABLE, INVALID_INPUT; nothing is stored then.
 */
export async function uploadToken(context: Context, rawInput: UploadTokenInput): Promise<UploadedToken> {
  requireRight(context, 'tokens:write');
  const input = parseInput(inputSchema, rawInput);
  const upload = await describeUpload(context, input.file);
  const result = await transaction(context, async (tx) => {
    await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${context.actor.organizationId} FOR NO KEY UPDATE`);
    const known = await tx.token.findUnique({
      where: { organizationId_uId: { organizationId: context.actor.organizationId, uId: upload.library.uId } },
    });
    return known ? renewKnown(context, tx, known, upload, input) : addToken(context, tx, upload, input);
  });
  await claimIfFree(context, result.tokenId);
  return { ...result, warnings: warningsFor(upload, input) };
}

type Stored = Omit<UploadedToken, 'warnings'>;

async function renewKnown(context: Context, tx: Tx, known: Parameters<typeof replaceSecret>[2], upload: DescribedUpload, input: Parsed): Promise<Stored> {
  const renewal = await replaceSecret(context, tx, known, upload, { force: input.force ?? false });
  const changes = {
    ...(input.email ? { email: input.email } : {}),
    ...(input.region ? { region: input.region } : {}),
    ...(input.label ? { label: input.label } : {}),
    ...(input.source ? { source: input.source } : {}),
    ...(input.providedBy ? { providedBy: input.providedBy } : {}),
  };
  if (Object.keys(changes).length > 0) {
    await tx.token.update({ where: { organizationId_id: { organizationId: known.organizationId, id: known.id } }, data: changes });
  }
  await recordAudit(context, tx, { action: 'token.renew', subject: `token:${known.id}`, data: { ...renewal, revived: known.removedAt !== null } });
  return { tokenId: known.id, renewed: true, ...renewal };
}

async function addToken(context: Context, tx: Tx, upload: DescribedUpload, input: Parsed): Promise<Stored> {
  const organizationId = context.actor.organizationId;
  const now = context.clock.now();
  const mdmId = randomUUID();
  const { jwe, keyId } = await context.secrets.seal(upload.bearer, secretRow(mdmId));
  const [{ next }] = (await tx.$queryRaw(sql`
    SELECT coalesce(max(position), 0) + 1 AS next FROM token WHERE organization_id = ${organizationId} AND removed_at IS NULL`)) as [{ next: number }];
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
      region: input.region ?? upload.library.country ?? 'US',
      accountType: upload.library.accountType,
      organizationName: upload.organizationName,
      locationName: upload.library.locationName,
      websiteUrl: upload.library.websiteUrl,
      position: next,
      expiresAt: upload.expiresAt,
      createdAt: now,
    },
  });
  await tx.$executeRaw(sql`INSERT INTO token_gate (organization_id, token_id, next_slot_at, next_sync_slot_at)
    VALUES (${organizationId}, ${token.id}, ${moment(now)}, ${moment(now)})`);
  await tx.$executeRaw(sql`INSERT INTO token_sync (organization_id, token_id) VALUES (${organizationId}, ${token.id})`);
  await recordAudit(context, tx, { action: 'token.upload', subject: `token:${token.id}`, data: { uId: token.uId, expiresAt: token.expiresAt } });
  return { tokenId: token.id, renewed: false, changed: true };
}

function warningsFor(upload: DescribedUpload, input: Parsed): string[] {
  const warnings: string[] = [];
  if (!input.email) warnings.push('No e-mail address was given: the token stays INCOMPLETE until updateToken adds one.');
  if (input.region && upload.library.country && input.region !== upload.library.country) {
    warnings.push(`Apple says that the library belongs to ${upload.library.country}; metadata and prices are asked for ${input.region}.`);
  }
  return warnings;
}
