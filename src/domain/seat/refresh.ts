import { moment, sql, transaction } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { readSeatLibrary } from './read-library.ts';
import { wakeSeatReading } from './wake.ts';

const waits = { base: 10_000, factor: 3, cap: 3_600_000 };
/** Failed readings in a row after which the next sync has to do. */
const maxAttempts = 10;

/** Reads the seats of a library when that is due: after news, after writes, and at the end of a period. */
export async function refreshSeats(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const [row] = await services.prisma.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM seat_library WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
      AND due_at <= ${moment(services.clock.now())}`);
  if (!row) return;
  const context = systemContext(services, token.organizationId, 'seats', correlationId);
  await trySeats(context, token, 'READ');
}

/** Whether seat subscriptions of the library are managed here. */
export async function managesSeats(services: Pick<Services, 'prisma'>, token: TokenKey): Promise<boolean> {
  const rows = await services.prisma.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM seat_library WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND enabled_at IS NOT NULL`);
  return rows.length > 0;
}

/** Reads the seats; a failure is no failure of whatever else was read, and is tried again by itself. */
export async function trySeats(context: Context, token: TokenKey, use: 'READ' | 'SYNC'): Promise<void> {
  try {
    const whole = await readSeatLibrary(context, token, use);
    // A newer reading, or none at all, is what there is to do now.
    if (!whole) await putOff(context, token, null);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    const passes = error instanceof AppleFailure && !error.kind.startsWith('TOKEN_') && error.kind !== 'REJECTED';
    await putOff(context, token, passes ? error : null);
    context.logger.warn({ tokenId: String(token.tokenId), reason: error.message }, 'seats could not be read');
  }
}

/** Comes back after a growing wait, or not before the next sync. */
function putOff(context: Context, token: TokenKey, failure: AppleFailure | null): Promise<void> {
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    const [row] = await tx.$queryRaw<{ attempts: number }[]>(sql`
      UPDATE seat_library SET attempts = attempts + ${failure ? 1 : 0}, due_at = CASE WHEN due_at > ${moment(now)} THEN due_at END
      WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} RETURNING attempts`);
    if (!row || !failure || row.attempts > maxAttempts) return;
    const at = new Date(now.getTime() + (failure.retryAfter ?? backoff(row.attempts, waits)));
    await tx.$executeRaw(sql`
      UPDATE seat_library SET due_at = least(due_at, ${moment(at)}) WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
    await wakeSeatReading(tx, token, at);
  });
}
