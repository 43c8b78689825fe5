/** What an operator watches of all tokens, over all organizations. @module */
import { sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { NoticeKind } from './ladder.ts';
import { type TokenFacts, type TokenState, tokenState } from './state.ts';

/** A token as it is measured. */
export interface MeasuredToken {
  organizationId: bigint;
  tokenId: bigint;
  state: TokenState;
  /** Seconds until it expires; negative after it. */
  secondsLeft: number;
  /** When Apple was last asked about it and answered; null before the first time. */
  probedAt: Date | null;
}

/** How often a notice was told. */
export interface MeasuredNotice {
  kind: NoticeKind;
  rung: number | null;
  count: bigint;
}

type Row = TokenFacts & { organizationId: bigint; id: bigint; probedAt: Date | null };

/** All tokens that are present. */
export async function measureTokens(
  services: Pick<Services, 'prisma' | 'clock' | 'settings'>,
): Promise<MeasuredToken[]> {
  const now = services.clock.now();
  const rows: Row[] = await services.prisma.token.findMany({
    where: { removedAt: null },
    select: {
      organizationId: true,
      id: true,
      email: true,
      condition: true,
      expiresAt: true,
      removedAt: true,
      removalTaskId: true,
      probedAt: true,
    },
    orderBy: [{ organizationId: 'asc' }, { id: 'asc' }],
  });
  return rows.map((row) => ({
    organizationId: row.organizationId,
    tokenId: row.id,
    state: tokenState(row, now, services.settings),
    secondsLeft: (row.expiresAt.getTime() - now.getTime()) / 1000,
    probedAt: row.probedAt,
  }));
}

/** All notices that were ever told, counted where they are kept: the same number in every process. */
export function measureNotices(services: Pick<Services, 'prisma'>): Promise<MeasuredNotice[]> {
  return services.prisma.$queryRaw<MeasuredNotice[]>(sql`
    SELECT kind::text AS kind, rung, count(*) AS count FROM token_notice GROUP BY kind, rung ORDER BY kind, rung`);
}
