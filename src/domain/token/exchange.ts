/** One exchange with Apple for a token: slot, secret, call, and what the answer says of the token itself. @module */
import { json, moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { AppleFailure, type Credential, type Envelope } from '../ports.ts';
import { blockGate, distrustLimits, forgetRefusals, pauseGate, type TokenKey, takeSlot } from './gate.ts';
import { doubtWait } from './probe-time.ts';
import { isReadable, isWritable, type TokenState, tokenRefusal, tokenState } from './state.ts';
import { wakeGuardian } from './wake-guardian.ts';

/** What a call is for: reading, reading in a sync (two thirds of the rate), writing, or asking about the token itself. */
export type CallUse = 'READ' | 'SYNC' | 'WRITE' | 'TOKEN';

/** Shortest time in milliseconds between two notes of an unchanged holder. */
const noteInterval = 10_000;

/** The row behind a call. */
export interface TokenRow extends TokenKey {
  label: string;
  uId: string;
  mdmId: string;
  region: string;
  accountType: 'BUSINESS' | 'EDUCATION';
  secretJwe: string;
  mdmCheckedAt: Date | null;
}

/** Makes the call and keeps what its answer says of the token. Throws {@link AppleFailure}. */
export async function exchange<T extends Envelope | null>(
  services: Services,
  token: TokenRow,
  use: CallUse,
  call: (credential: Credential, token: TokenRow) => Promise<T>,
  options: { requests?: number } = {},
): Promise<T> {
  const { requests = 1 } = options;
  let refusals = 0;
  for (let request = 0; request < requests; request++) {
    ({ refusals } = await takeSlot(services, token, use === 'SYNC' ? 'SYNC' : 'OTHER'));
  }
  const credential = await services.secrets.open(token.secretJwe, secretRow(token.mdmId));
  try {
    const answer = await call(credential, token);
    if (answer) await noteHolder(services, token, answer);
    if (answer && refusals > 0) await forgetRefusals(services, token);
    return answer;
  } catch (error) {
    if (!(error instanceof AppleFailure)) throw error;
    const failure = await holdCalls(services, token, error);
    await noteFailure(services, token, failure);
    throw failure;
  }
}

/** Names the row that a token's secret is bound to. */
export const secretRow = (mdmId: string): string => `token:${mdmId}`;

/** The token, if its state allows the use; its typed refusal otherwise. */
export async function usableToken(services: Services, key: TokenKey, use: CallUse): Promise<TokenRow> {
  const token = await services.prisma.token.findUniqueOrThrow({
    where: { organizationId_id: { organizationId: key.organizationId, id: key.tokenId } },
  });
  const state = tokenState(token, services.clock.now(), services.settings);
  if (!allows(state, use) || token.secretJwe === null) throw tokenRefusal(token, state);
  const { label, uId, mdmId, region, accountType, secretJwe, mdmCheckedAt } = token;
  const { organizationId, tokenId } = key;
  return { organizationId, tokenId, label, uId, mdmId, region, accountType, secretJwe, mdmCheckedAt };
}

function allows(state: TokenState, use: CallUse): boolean {
  if (use === 'WRITE') return isWritable(state);
  if (use === 'TOKEN') return isReadable(state) || state === 'TAKEN_OVER' || state === 'INCOMPLETE';
  // What was sent before somebody else claimed the library still settles.
  if (use === 'READ') return isReadable(state) || state === 'TAKEN_OVER';
  return isReadable(state);
}

/** Whether a moment is known and less than `age` milliseconds ago. */
export const isFresh = (at: Date | null, now: Date, age: number): boolean =>
  at !== null && now.getTime() - at.getTime() < age;

/** Keeps who holds the library: when it was last seen to be ours, never since nobody holds it, or a foreign claim. */
async function noteHolder(services: Services, token: TokenRow, { holder }: Envelope): Promise<void> {
  const now = services.clock.now();
  if (holder === null) {
    if (token.mdmCheckedAt !== null) await note(services, token, sql`mdm_checked_at = NULL`);
  } else if (holder.id === token.mdmId) {
    if (!isFresh(token.mdmCheckedAt, now, noteInterval))
      await note(services, token, sql`mdm_checked_at = ${moment(now)}`);
  } else {
    await note(
      services,
      token,
      sql`mdm_checked_at = ${moment(now)}, foreign_mdm = ${json(holder)},
        condition = CASE WHEN condition IN ('OK', 'READ_ONLY') THEN 'TAKEN_OVER' ELSE condition END`,
    );
    services.logger.warn(
      { tokenId: String(token.tokenId), holder: holder.name },
      'another server claimed the library; writes stop',
    );
  }
}

/**
 * What a refusal means for all calls of the token, in every process: until the time that Apple names, whatever else the
 * answer was, or for a pause of our own after a 429, none is made. Gives the failure with the wait.
 */
async function holdCalls(services: Services, token: TokenRow, failure: AppleFailure): Promise<AppleFailure> {
  if (failure.kind === 'RATE_LIMITED' || failure.kind === 'LIMIT_EXCEEDED') await distrustLimits(services, token);
  if (failure.retryAfter !== undefined) await blockGate(services, token, failure.retryAfter);
  else if (failure.kind === 'RATE_LIMITED') return failure.withRetryAfter(await pauseGate(services, token));
  return failure;
}

async function noteFailure(services: Services, token: TokenRow, failure: AppleFailure): Promise<void> {
  const now = services.clock.now();
  const cause = sql`condition_cause = ${json({ appleErrorNumber: failure.appleErrorNumber ?? null, at: now })}`;
  // Only while the secret is still the one that was refused: it may have been renewed meanwhile.
  const refused = sql`AND secret_jwe = ${token.secretJwe}`;
  const doubt = sql`probe_at = least(probe_at, ${moment(new Date(now.getTime() + doubtWait))})`;
  switch (failure.kind) {
    case 'TOKEN_EXPIRED':
      // Apple knows it better than the date in the file.
      await note(services, token, sql`expires_at = least(expires_at, ${moment(now)}), ${cause}`, refused);
      return;
    case 'TOKEN_REVOKED':
      await note(services, token, sql`condition = 'REVOKED', ${cause}, ${doubt}`, refused);
      return;
    case 'TOKEN_INVALID':
      await note(services, token, sql`condition = 'INVALID', ${cause}, ${doubt}`, refused);
      return;
    case 'TOKEN_READ_ONLY':
      // The least of the conditions: it hides no other.
      await note(services, token, sql`condition = 'READ_ONLY', ${cause}`, sql`${refused} AND condition = 'OK'`);
      return;
    default:
      return;
  }
}

function note(services: Services, token: TokenRow, change: Sql, where: Sql = sql``): Promise<void> {
  return transaction(services, async (tx) => {
    const rows = await tx.$queryRaw<{ news: boolean | null }[]>(sql`
      UPDATE token SET ${change} WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId} ${where}
      RETURNING notice_at = 'epoch' AS news`);
    if (rows[0]?.news) await wakeGuardian(tx, token);
  });
}
