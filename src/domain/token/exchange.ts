/** One exchange with Apple for a token: slot, secret, call, and what the answer says of the token itself. @module */
import { json, moment, nothing, sql, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { AppleFailure, type Credential, type Envelope, type LibraryHolder } from '../ports.ts';
import { type TokenKey, blockGate, takeSlot } from './gate.ts';
import { type TokenState, isReadable, isUsable, tokenRefusal, tokenState } from './state.ts';

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
): Promise<T> {
  await takeSlot(services, token, use === 'SYNC' ? 'SYNC' : 'OTHER');
  const credential = await services.secrets.open(token.secretJwe, secretRow(token.mdmId));
  try {
    const answer = await call(credential, token);
    if (answer) await noteHolder(services, token, answer);
    return answer;
  } catch (error) {
    if (error instanceof AppleFailure) await noteFailure(services, token, error);
    throw error;
  }
}

/** Names the row that a token's secret is bound to. */
export const secretRow = (mdmId: string): string => `token:${mdmId}`;

/** The token, if its state allows the use; its typed refusal otherwise. */
export async function usableToken(services: Services, key: TokenKey, use: CallUse): Promise<TokenRow> {
  const token = await services.prisma.token.findUniqueOrThrow({ where: { organizationId_id: { organizationId: key.organizationId, id: key.tokenId } } });
  const state = tokenState(token, services.clock.now(), services.settings);
  if (!allows(state, use) || token.secretJwe === null) throw tokenRefusal(token, state);
  const { label, uId, mdmId, region, accountType, secretJwe, mdmCheckedAt } = token;
  return { ...key, label, uId, mdmId, region, accountType, secretJwe, mdmCheckedAt };
}

function allows(state: TokenState, use: CallUse): boolean {
  if (use === 'WRITE') return isUsable(state);
  if (use === 'TOKEN') return isReadable(state) || state === 'TAKEN_OVER' || state === 'INCOMPLETE';
  return isReadable(state);
}

/** Whether a moment is known and less than `age` milliseconds ago. */
export const isFresh = (at: Date | null, now: Date, age: number): boolean => at !== null && now.getTime() - at.getTime() < age;

async function noteHolder(services: Services, token: TokenRow, answer: Envelope): Promise<void> {
  const now = services.clock.now();
  const foreign: LibraryHolder | null = answer.holder && answer.holder.id !== token.mdmId ? answer.holder : null;
  if (!foreign && isFresh(token.mdmCheckedAt, now, noteInterval)) return;
  const takenOver = foreign
    ? sql`, foreign_mdm = ${json(foreign)}, condition = CASE WHEN condition IN ('OK', 'READ_ONLY') THEN 'TAKEN_OVER' ELSE condition END`
    : nothing;
  await transaction(services, (tx) => tx.$executeRaw(sql`
    UPDATE token SET mdm_checked_at = ${moment(now)} ${takenOver}
    WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId}`));
  if (foreign) services.logger.warn({ tokenId: String(token.tokenId), holder: foreign.name }, 'another server claimed the library; writes stop');
}

const conditions = { TOKEN_REVOKED: 'REVOKED', TOKEN_INVALID: 'INVALID', TOKEN_READ_ONLY: 'READ_ONLY' } as const;

async function noteFailure(services: Services, token: TokenRow, failure: AppleFailure): Promise<void> {
  if (failure.kind === 'RATE_LIMITED' || failure.kind === 'UNAVAILABLE') {
    if (failure.retryAfter !== undefined) await blockGate(services, token, failure.retryAfter);
    return;
  }
  if (!(failure.kind in conditions)) return;
  const condition = conditions[failure.kind as keyof typeof conditions];
  // Only while the secret is still the one that was refused: it may have been renewed meanwhile.
  await transaction(services, (tx) => tx.$executeRaw(sql`
    UPDATE token SET condition = ${condition}::"TokenCondition",
      condition_cause = ${json({ appleErrorNumber: failure.appleErrorNumber ?? null, at: services.clock.now() })}
    WHERE organization_id = ${token.organizationId} AND id = ${token.tokenId} AND secret_jwe = ${token.secretJwe}`));
}
