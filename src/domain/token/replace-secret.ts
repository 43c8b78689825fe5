import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { OlderTokenFileError } from '../errors.ts';
import { lockGates } from '../license/lock-gates.ts';
import { wakeRegistration } from '../notification/wake-registration.ts';
import type { DescribedUpload } from './describe-upload.ts';
import { secretRow } from './exchange.ts';
import { heldBy } from './held-by.ts';
import { nextProbe } from './probe-time.ts';
import { resumeWriter } from './resume.ts';
import { wakeGuardian } from './wake-guardian.ts';

/** The token whose secret is replaced. */
export interface KnownToken {
  organizationId: bigint;
  id: bigint;
  mdmId: string;
  secretJwe: string | null;
  keyId: string | null;
  fileHash: string | null;
  expiresAt: Date;
  renewedAt: Date | null;
  removedAt: Date | null;
}

/** What a renewal did. */
export interface Renewal {
  /** False when the very same file was uploaded again. */
  changed: boolean;
}

/**
 * Puts the new secret in the place of the old one: ids, apps, licenses, order and settings stay, and work that waited
 * for the renewal goes on. The same file again replaces nothing, but clears a condition that Apple just disproved.
 * A removed token comes back, at the end of the order. Call it under {@link lockTokens}.
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
  const changed = known.fileHash !== fileHash || known.removedAt !== null;
  const older = upload.expiresAt.getTime() < known.expiresAt.getTime();
  if (changed && older && !options.force && known.removedAt === null) throw new OlderTokenFileError(known.expiresAt);
  const secret = changed
    ? await context.secrets.seal(upload.bearer, secretRow(known.mdmId))
    : { jwe: known.secretJwe, keyId: known.keyId };
  const key = { organizationId: known.organizationId, tokenId: known.id };
  await lockGates(tx, key.organizationId, [key.tokenId]);
  const { condition, foreignMdm, mdmCheckedAt } = heldBy(upload.library.holder, known.mdmId, now);
  await tx.$executeRaw(sql`
    UPDATE token SET secret_jwe = ${secret.jwe}, key_id = ${secret.keyId}, file_hash = ${fileHash},
      expires_at = ${moment(upload.expiresAt)}, renewed_at = ${moment(changed ? now : known.renewedAt)},
      condition = ${condition}::"TokenCondition", condition_cause = NULL,
      foreign_mdm = ${foreignMdm ? json(foreignMdm) : sql`NULL`}, mdm_checked_at = ${moment(mdmCheckedAt)},
      position = CASE WHEN removed_at IS NULL THEN position ELSE
        (SELECT coalesce(max(o.position), 0) + 1 FROM token o WHERE o.organization_id = token.organization_id AND o.removed_at IS NULL) END,
      cycle = CASE WHEN ${changed} THEN cycle + 1 ELSE cycle END, forget_at = NULL,
      probed_at = ${moment(now)}, probe_attempts = 0, probe_at = ${moment(nextProbe(known.mdmId, now, context.settings.probeEvery))},
      removed_at = NULL, organization_name = ${upload.organizationName}, location_name = ${upload.library.locationName}
    WHERE organization_id = ${known.organizationId} AND id = ${known.id}`);
  await resumeWriter(tx, key);
  await wakeRegistration(context, tx, key);
  await wakeGuardian(tx, key);
  return { changed };
}
