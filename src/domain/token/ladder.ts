/** What is to be told of a token, and when to look again. Pure: knows no database and no clock. @module */

/** What a notice says. EXPIRING is one rung of the ladder; OK is the way back from anything else. */
export type NoticeKind = 'EXPIRING' | 'EXPIRED' | 'REVOKED' | 'INVALID' | 'READ_ONLY' | 'TAKEN_OVER' | 'OK';

/** What people were told of a token last. */
export interface Told {
  cycle: number;
  condition: NoticeKind;
  /** The lowest rung of this cycle; null before the first one. */
  rung: number | null;
}

/** A token as far as notices are concerned. */
export interface Watched {
  condition: 'OK' | 'READ_ONLY' | 'TAKEN_OVER' | 'REVOKED' | 'INVALID';
  expiresAt: Date;
  /** Raised by each renewal. */
  cycle: number;
  told: Told;
}

/** What follows. */
export interface Step {
  notices: { kind: NoticeKind; rung: number | null }[];
  told: Told;
  /** When the clock alone makes something due; null when it never does. */
  next: Date | null;
}

const day = 86_400_000;

/**
 * The next step. Of the rungs that passed since the last look only the nearest is told; a new cycle begins the ladder
 * anew. `rungs` are days before the expiry, in any order.
 */
export function climb(token: Watched, now: Date, rungs: readonly number[]): Step {
  const condition = conditionOf(token, now);
  const renewed = token.told.cycle !== token.cycle;
  const lowest = renewed ? null : token.told.rung;
  const rung = rungDue(token, condition, now, rungs);
  const lower = rung !== null && (lowest === null || rung < lowest) ? rung : null;
  const back = condition === 'OK' && renewed && token.told.rung !== null && rung === null;
  const notices: Step['notices'] = [];
  if (condition !== token.told.condition || back) notices.push({ kind: condition, rung: null });
  if (lower !== null) notices.push({ kind: 'EXPIRING', rung: lower });
  const told = { cycle: token.cycle, condition, rung: lower ?? lowest };
  return { notices, told, next: nextLook(token.expiresAt, told.rung, now, rungs) };
}

/** The worst of what holds. A missing address is no news, so it is not among it. */
function conditionOf({ condition, expiresAt }: Watched, now: Date): NoticeKind {
  if (condition !== 'OK' && condition !== 'READ_ONLY') return condition;
  return expiresAt <= now ? 'EXPIRED' : condition;
}

/** The nearest rung that was reached. A token that needs another file for a worse reason is not told to be expiring. */
function rungDue({ expiresAt }: Watched, condition: NoticeKind, now: Date, rungs: readonly number[]): number | null {
  if (condition === 'REVOKED' || condition === 'INVALID' || expiresAt <= now) return null;
  const left = expiresAt.getTime() - now.getTime();
  const reached = rungs.filter((rung) => left <= rung * day);
  return reached.length > 0 ? Math.min(...reached) : null;
}

function nextLook(expiresAt: Date, told: number | null, now: Date, rungs: readonly number[]): Date | null {
  const open = rungs.filter((rung) => told === null || rung < told);
  const moments = [0, ...open].map((rung) => expiresAt.getTime() - rung * day).filter((at) => at > now.getTime());
  return moments.length > 0 ? new Date(Math.min(...moments)) : null;
}
