/** Reads what Apple has of some people after a write: counts on nothing that the write said. @module */
import { sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { AppleFailure, type LibraryUser, type PageQuery } from '../ports.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import { callApple } from '../token/call-apple.ts';
import { mergeVppUsers } from './merge.ts';

/** Up to this many people are asked for one by one; above it all that changed since the last sync is read. */
const askSingly = 20;

/** Brings the people up to date. */
export async function readUsersAgain(
  context: Context,
  claim: GateClaim,
  clientUserIds: readonly string[],
): Promise<void> {
  const since = clientUserIds.length > askSingly ? await versionOf(context, claim) : null;
  if (since !== null && (await readChanges(context, claim, since))) return;
  for (const clientUserId of clientUserIds) {
    const { rows } = await readAll(context, claim, { clientUserId });
    await underGateClaim(context, claim, (tx) => mergeVppUsers(context, tx, claim, rows, 'WHOLE'));
  }
}

/** The version of the last whole reading; null while a sync is reading, or before any. */
async function versionOf(context: Context, { organizationId, tokenId }: GateClaim): Promise<string | null> {
  const [row] = await context.prisma.$queryRaw<{ version: string | null }[]>(sql`
    SELECT users_version AS version FROM token_sync
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND users_next_page IS NULL`);
  return row?.version ?? null;
}

/** Merges what changed since the version. False when Apple does not know that version any more. */
async function readChanges(context: Context, claim: GateClaim, since: string): Promise<boolean> {
  try {
    const { rows, version } = await readAll(context, claim, { sinceVersionId: since });
    await underGateClaim(context, claim, async (tx) => {
      await mergeVppUsers(context, tx, claim, rows, 'CHANGED');
      // Unless a sync began meanwhile: that is at the version that it began with.
      await tx.$executeRaw(sql`
        UPDATE token_sync SET users_version = coalesce(${version}, users_version) WHERE organization_id = ${claim.organizationId}
          AND token_id = ${claim.tokenId} AND users_version = ${since} AND users_next_page IS NULL`);
    });
    return true;
  } catch (error) {
    if (error instanceof AppleFailure && error.kind === 'SWEEP_LOST') return false;
    throw error;
  }
}

async function readAll(
  context: Context,
  claim: GateClaim,
  query: PageQuery,
): Promise<{ rows: LibraryUser[]; version: string | null }> {
  const rows: LibraryUser[] = [];
  let version: string | null = null;
  let pageIndex: number | null = 0;
  while (pageIndex !== null) {
    const at: number = pageIndex;
    const page = await callApple(context, claim, 'READ', (credential) =>
      context.apple.readUsers(credential, { ...query, pageIndex: at }),
    );
    rows.push(...page.rows);
    if (at === 0) version = page.versionId;
    pageIndex = page.nextPageIndex;
  }
  return { rows, version };
}
