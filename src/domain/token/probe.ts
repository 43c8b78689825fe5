/** Asks Apple about a token that nobody else asks about: only a call shows that it was revoked or taken over. @module */
import { moment, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { lockGates } from '../license/lock-gates.ts';
import { wakeRegistration } from '../notification/wake-registration.ts';
import { AppleFailure, type LibraryDescription } from '../ports.ts';
import { exchange, type TokenRow } from './exchange.ts';
import type { TokenKey } from './gate.ts';
import { nextProbe, nextTry } from './probe-time.ts';
import { resumeWriter } from './resume.ts';

const dayMilliseconds = 86_400_000;

/** One question, if its time has come. An expired token is not asked about: only a new file helps it. */
export async function probeToken(context: Context, key: TokenKey): Promise<void> {
  const now = context.clock.now();
  const row = await context.prisma.token.findUnique({
    where: { organizationId_id: { organizationId: key.organizationId, id: key.tokenId } },
  });
  if (!row?.secretJwe || row.removedAt || row.probeAt === null || row.probeAt > now) return;
  const token: TokenRow = { ...row, ...key, secretJwe: row.secretJwe };
  if (row.expiresAt <= now) return putOff(context, token, null, row.probeAttempts);
  try {
    const library = await exchange(context, token, 'TOKEN', (credential) => context.apple.describe(credential));
    await keepAnswer(context, token, library);
  } catch (error) {
    if (!(error instanceof AppleFailure)) throw error;
    await keepSilence(context, token, row.probeAttempts + 1, error);
  }
}

/** An answer proves that the token works, and says until when. Whether it may write, only a write shows. */
function keepAnswer(context: Context, token: TokenRow, library: LibraryDescription): Promise<void> {
  const now = context.clock.now();
  const ours = library.holder?.id === token.mdmId;
  return transaction(context, async (tx) => {
    await lockGates(tx, token.organizationId, [token.tokenId]);
    const [before] = await tx.$queryRaw<{ condition: string }[]>(sql`
      SELECT condition::text AS condition FROM token WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId}
        AND secret_jwe = ${token.secretJwe} AND removed_at IS NULL FOR NO KEY UPDATE`);
    // Renewed or removed meanwhile: the answer is about another file.
    if (!before) return;
    const freed = ['REVOKED', 'INVALID'].includes(before.condition) || (before.condition === 'TAKEN_OVER' && ours);
    const taken = library.holder !== null && !ours;
    const condition = freed ? (taken ? sql`'TAKEN_OVER'` : sql`'OK'`) : sql`condition`;
    const until = library.expiresAt ? moment(library.expiresAt) : sql`expires_at`;
    await tx.$executeRaw(sql`
      UPDATE token SET condition = ${condition}, condition_cause = ${freed ? sql`NULL` : sql`condition_cause`},
        foreign_mdm = ${ours ? sql`NULL` : sql`foreign_mdm`}, expires_at = ${until},
        cycle = CASE WHEN ${until} > expires_at + make_interval(secs => ${dayMilliseconds / 1000}::float8) THEN cycle + 1 ELSE cycle END,
        location_name = coalesce(${library.locationName}, location_name),
        probed_at = ${moment(now)}, probe_attempts = 0, probe_at = ${moment(nextProbe(token.mdmId, now, context.settings.probeEvery))}
      WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId}`);
    if (!freed || taken) return;
    await resumeWriter(tx, token);
    await wakeRegistration(context, tx, token);
  });
}

/** What the failure says of the token is kept already. A refusal is an answer, too; silence is asked again sooner. */
async function keepSilence(context: Context, token: TokenRow, attempts: number, failure: AppleFailure): Promise<void> {
  const now = context.clock.now();
  const { probeEvery } = context.settings;
  const refused = failure.kind.startsWith('TOKEN_');
  if (refused) return putOff(context, token, nextProbe(token.mdmId, now, probeEvery), 0);
  context.logger.warn(
    { tokenId: String(token.tokenId), kind: failure.kind, attempts },
    'Apple did not answer about a token; asking again later',
  );
  await putOff(context, token, nextTry(attempts, now, probeEvery, failure.retryAfter), attempts);
}

/** A file that came meanwhile has a moment of its own. */
async function putOff(context: Context, token: TokenRow, at: Date | null, attempts: number): Promise<void> {
  await transaction(context, (tx) =>
    tx.$executeRaw(sql`
      UPDATE token SET probe_at = ${moment(at)}, probe_attempts = ${attempts}
      WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId} AND secret_jwe = ${token.secretJwe}`),
  );
}
