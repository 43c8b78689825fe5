/** The phase of a sync that reads people: all of them once, then what changed since the last reading. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { AppleFailure, type LibraryUser, type Page } from '../ports.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { mergeVppUsers } from '../vpp-user/merge.ts';

/** Where the reading stands; kept in the database, so that another worker goes on where one was killed. */
interface UserSweep {
  /** Apple's version of what is known; null reads everything. */
  since: string | null;
  /** Null when no reading is under way. */
  nextPage: number | null;
}

/** Reads and merges the pages that are left. A version that Apple no longer knows begins again with everything, once. */
export async function sweepUsers(context: Context, claim: TaskClaim, token: TokenKey): Promise<void> {
  const sweep = await readState(context, token);
  try {
    await readOn(context, claim, token, sweep);
  } catch (error) {
    const lost = error instanceof AppleFailure && error.kind === 'SWEEP_LOST';
    if (!lost || (sweep.since === null && sweep.nextPage === null)) throw error;
    context.logger.info({ tokenId: String(token.tokenId) }, 'Apple lost the version of the users; reading all of them');
    await underTaskClaim(context, claim, (tx) => forgetUsersVersion(tx, token));
    await readOn(context, claim, token, { since: null, nextPage: null });
  }
}

async function readOn(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  { since, nextPage }: UserSweep,
): Promise<void> {
  let pageIndex: number | null = nextPage ?? 0;
  while (pageIndex !== null) {
    const at: number = pageIndex;
    const query = { pageIndex: at, ...(since === null ? {} : { sinceVersionId: since }) };
    const page: Page<LibraryUser> = await callApple(context, token, 'SYNC', (credential) =>
      context.apple.readUsers(credential, query),
    );
    await underTaskClaim(context, claim, async (tx) => {
      // People before the token's mark, as whoever reads them after a write does.
      await mergeVppUsers(context, tx, token, page.rows, since === null ? 'PAGE' : 'CHANGED');
      await advance(tx, token, page);
    });
    pageIndex = page.nextPageIndex;
  }
}

async function readState(context: Context, token: TokenKey): Promise<UserSweep> {
  const [row] = await context.prisma.$queryRaw<UserSweep[]>(sql`
    SELECT users_version AS since, users_next_page AS "nextPage" FROM token_sync
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  return row!;
}

/** The version of the first page is the one to go on from: what changes while pages are read shows next time. */
async function advance(tx: Tx, token: TokenKey, { pageIndex, nextPageIndex, versionId }: Page<unknown>): Promise<void> {
  const first = pageIndex === 0;
  const version = sql`CASE WHEN ${first} THEN ${versionId}::text ELSE users_sweep_version END`;
  const last = nextPageIndex === null;
  await tx.$executeRaw(sql`
    UPDATE token_sync SET users_next_page = ${nextPageIndex}::int, users_sweep_version = CASE WHEN ${last} THEN NULL ELSE ${version} END,
      users_version = CASE WHEN ${last} THEN ${version} ELSE users_version END
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}

/** The next reading is one of everybody. */
export async function forgetUsersVersion(tx: Tx, token: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET users_version = NULL, users_sweep_version = NULL, users_next_page = NULL
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}
