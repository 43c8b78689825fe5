/** Compares one asset with Apple, license by license: the only way to see a removal without reading the whole library. @module */
import { ids, sql } from '../../db/transaction.ts';
import { callApple } from '../token/call-apple.ts';
import { bringIn } from './merge-assignments.ts';
import { noteReconciled } from './note-reconciled.ts';
import { readPages } from './read-pages.ts';
import { type Judging, judge } from './removals.ts';

/** Who looks, and how they write. */
export type Looking = Omit<Judging, 'startedAt' | 'moved'> & {
  /** Which part of Russet looks, where no sync does. */
  by?: string;
};

/** Reads who holds the asset, brings in what is new, and ends what Apple no longer has. Gives the number of pages read. */
export async function sweepAsset(looking: Looking, adamId: string): Promise<number> {
  const { context, token, taskId, by, write } = looking;
  const startedAt = context.clock.now();
  const reading = { ...token, taskId, startedAt, opening: false, ...(by === undefined ? {} : { by }) };
  const read = (pageIndex: number) =>
    callApple(context, token, 'SYNC', (credential) =>
      context.apple.readAssignments(credential, { pageIndex, adamId, includeUserState: true }),
    );
  const seen: bigint[] = [];
  const versions = new Set<string | null>();
  let pages = 0;
  for await (const page of readPages(read, 0)) {
    versions.add(page.versionId);
    pages += 1;
    const block = await write((tx) => bringIn(tx, reading, page.rows, context.clock.now()));
    seen.push(...block.seen);
  }
  // One page is one moment; several are when the library stood still between them.
  const moved = pages > 1 && (versions.size > 1 || versions.has(null));
  const unseen = sql`l.adam_id = ${adamId} AND l.pool_id IN (
    SELECT p.id FROM license_pool p WHERE p.organization_id = ${token.organizationId} AND p.token_id = ${token.tokenId} AND p.adam_id = ${adamId})
    AND l.id NOT IN (SELECT unnest(${ids(seen)}))`;
  await judge({ ...looking, startedAt, moved }, unseen);
  await write((tx) => noteReconciled(tx, token, { taskId, adamId, startedAt, moved, now: context.clock.now() }));
  return pages;
}
