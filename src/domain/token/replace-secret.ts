import { type Tx, moment, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { OlderTokenFileError } from '../errors.ts';
import type { DescribedUpload } from './describe-upload.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { secretRow } from './exchange.ts';

/** The token whose secret is replaced. */
export interface KnownToken {
  organizationId: bigint;
  id: bigint;
  mdmId: string;
  fileHash: string | null;
  expiresAt: Date;
  removedAt: Date | null;
  condition: string;
}

/** What a renewal did. */
export interface Renewal {
  /** False when the very same file was uploaded again. */
  changed: boolean;
}

/**
 * Puts the new secret in the place of the old one: ids, apps, licenses, order and settings stay, and work that waited
 * for the renewal goes on. The same file again changes nothing, but still clears a condition that Apple just disproved.
 */
export async function replaceSecret(
  context: Context,
  tx: Tx,
  known: KnownToken,
  upload: DescribedUpload,
  options: { force: boolean },
): Promise<Renewal> {
  const now = context.clock.now();
  const fileHash = context.secrets.mark(upload.bearer);
  const sameFile = known.fileHash === fileHash && known.removedAt === null;
  if (!sameFile && !options.force && known.removedAt === null && upload.expiresAt.getTime() < known.expiresAt.getTime()) {
    throw new OlderTokenFileError(known.expiresAt);
  }
  if (!sameFile || known.condition !== 'OK') {
    const { jwe, keyId } = await context.secrets.seal(upload.bearer, secretRow(known.mdmId));
    const condition = known.condition === 'TAKEN_OVER' && known.removedAt === null ? 'TAKEN_OVER' : 'OK';
    await tx.$executeRaw(sql`
      UPDATE token SET secret_jwe = ${jwe}, key_id = ${keyId}, file_hash = ${fileHash}, expires_at = ${moment(upload.expiresAt)},
        condition = ${condition}::"TokenCondition", condition_cause = NULL, removed_at = NULL,
        position = CASE WHEN removed_at IS NULL THEN position ELSE
          (SELECT coalesce(max(position), 0) + 1 FROM token o WHERE o.organization_id = token.organization_id AND o.removed_at IS NULL) END,
        organization_name = ${upload.organizationName}, location_name = ${upload.library.locationName},
        renewed_at = ${moment(now)}
      WHERE organization_id = ${known.organizationId} AND id = ${known.id}`);
    await resumeWaiting(tx, known);
  }
  return { changed: !sameFile };
}

/** Wakes what waited for the renewal. */
async function resumeWaiting(tx: Tx, token: KnownToken): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_gate SET suspended_until = NULL, blocked_until = NULL WHERE organization_id = ${token.organizationId} AND token_id = ${token.id}`);
  await wakeWriter(tx, { organizationId: token.organizationId, tokenId: token.id });
}
