/** Brings Apple's records of users in, set-wise: what is known and unchanged is not written. @module */
import { ids, moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { LibraryUser, LibraryUserStatus } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { type InvitedUser, type SealedInvitation, sealInvitation } from './invitation-seal.ts';
import { currentRecord, isActive, type ListedRecord, type Listing, mergeRecords, type UserRecord } from './records.ts';

type Listed = LibraryUser & ListedRecord;

/** A user as it is kept. */
interface KeptUser {
  id: bigint;
  clientUserId: string;
  status: string | null;
  idHash: string | null;
  email: string | null;
  mark: string | null;
  /** Apple is being asked to create it: older records say nothing. */
  creating: boolean;
}

/** What changes of a user. `invitation`: undefined stays, null is over. */
interface Change {
  user: KeptUser;
  status: string | null;
  idHash: string | null;
  email: string | null;
  invitation: SealedInvitation | null | undefined;
}

/**
 * Merges listed records into the token's users; ones that are new are added. `HINT` is for what may be late or repeated,
 * as notifications are: a record never goes back by it. Locks the users in the order of their clientUserIds.
 */
export async function mergeVppUsers(
  services: Pick<Services, 'secrets' | 'clock'>,
  tx: Tx,
  token: TokenKey,
  rows: readonly LibraryUser[],
  listing: Listing | 'HINT',
): Promise<void> {
  const listed = rows.filter((row): row is Listed => row.status !== null);
  if (listed.length === 0) return;
  const now = services.clock.now();
  const users = await lockUsers(tx, token, [...new Set(listed.map((row) => row.clientUserId))].sort(), now);
  const records = await readRecords(tx, token, users);
  const changes: Change[] = [];
  const moved: MovedRecords = { ended: [], active: [], added: [] };
  for (const user of users) {
    const mine = listed.filter((row) => row.clientUserId === user.clientUserId && !isLate(user, row, listing));
    if (mine.length === 0) continue;
    const kept = records.get(user.id) ?? [];
    const merged = mergeRecords(kept, mine, listing === 'HINT' ? 'PAGE' : listing);
    noteRecords(moved, user.id, kept, merged);
    const change = await changeOf(services, token, user, merged, mine);
    if (change) changes.push(change);
  }
  await writeRecords(tx, token, moved, now);
  await writeUsers(tx, token, changes, now);
}

const rank: Record<LibraryUserStatus, number> = { REGISTERED: 1, ASSOCIATED: 2, RETIRED: 3, DELETED: 4 };

function isLate(user: KeptUser, row: Listed, listing: Listing | 'HINT'): boolean {
  if (listing !== 'HINT' || user.status === null || user.creating) return false;
  return rank[row.status] < (rank[user.status as LibraryUserStatus] ?? 0);
}

async function lockUsers(tx: Tx, token: TokenKey, names: readonly string[], now: Date): Promise<KeptUser[]> {
  const { organizationId, tokenId } = token;
  await tx.$executeRaw(sql`
    INSERT INTO vpp_user (organization_id, token_id, client_user_id, created_at, updated_at)
    SELECT ${organizationId}, ${tokenId}, n.name, ${moment(now)}, ${moment(now)} FROM unnest(${texts(names)}) AS n(name)
    WHERE NOT EXISTS (SELECT 1 FROM vpp_user u WHERE u.organization_id = ${organizationId} AND u.token_id = ${tokenId} AND u.client_user_id = n.name)
    ON CONFLICT (organization_id, token_id, client_user_id) DO NOTHING`);
  return tx.$queryRaw<KeptUser[]>(sql`
    SELECT u.id, u.client_user_id AS "clientUserId", u.status::text AS status, u.id_hash AS "idHash", u.email, u.invite_mark AS mark,
      EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = u.organization_id AND w.user_id = u.id
              AND w.state = 'OPEN' AND w.kind = 'CREATE_USERS') AS creating
    FROM vpp_user u WHERE u.organization_id = ${organizationId} AND u.token_id = ${tokenId} AND u.client_user_id = ANY (${texts(names)})
    ORDER BY u.client_user_id FOR NO KEY UPDATE OF u`);
}

async function readRecords(
  tx: Tx,
  token: TokenKey,
  users: readonly KeptUser[],
): Promise<Map<bigint, (UserRecord & { id: bigint })[]>> {
  const rows = await tx.$queryRaw<(UserRecord & { id: bigint; userId: bigint })[]>(sql`
    SELECT id, user_id AS "userId", status::text AS status, id_hash AS "idHash" FROM vpp_user_record
    WHERE organization_id = ${token.organizationId} AND user_id = ANY (${ids(users.map((user) => user.id))}) ORDER BY id`);
  const found = new Map<bigint, (UserRecord & { id: bigint })[]>();
  for (const { userId, ...record } of rows) found.set(userId, [...(found.get(userId) ?? []), record]);
  return found;
}

interface MovedRecords {
  /** Changed ones that are not active any more, or never were. */
  ended: UserRecord[];
  active: UserRecord[];
  added: (UserRecord & { userId: bigint })[];
}

function noteRecords(
  moved: MovedRecords,
  userId: bigint,
  kept: readonly UserRecord[],
  merged: readonly UserRecord[],
): void {
  for (const record of merged) {
    const before = kept.find(({ id }) => id === record.id);
    if (record.id === undefined) moved.added.push({ ...record, userId });
    else if (before && (before.status !== record.status || before.idHash !== record.idHash)) {
      (isActive(record.status) ? moved.active : moved.ended).push(record);
    }
  }
}

async function writeRecords(tx: Tx, token: TokenKey, { ended, active, added }: MovedRecords, now: Date): Promise<void> {
  const { organizationId } = token;
  // Only one record of a user is active at any moment, so what ends goes first.
  for (const changed of [ended, active]) {
    if (changed.length === 0) continue;
    await tx.$executeRaw(sql`
      UPDATE vpp_user_record r SET status = c.status::"VppUserStatus", id_hash = c.hash, changed_at = ${moment(now)}
      FROM unnest(${ids(changed.map((record) => record.id!))}, ${texts(changed.map((record) => record.status))},
                  ${texts(changed.map((record) => record.idHash))}) AS c(id, status, hash)
      WHERE r.organization_id = ${organizationId} AND r.id = c.id`);
  }
  if (added.length === 0) return;
  await tx.$executeRaw(sql`
    INSERT INTO vpp_user_record (organization_id, user_id, status, id_hash, first_seen_at, changed_at)
    SELECT ${organizationId}, c.user_id, c.status::"VppUserStatus", c.hash, ${moment(now)}, ${moment(now)}
    FROM unnest(${ids(added.map((record) => record.userId))}, ${texts(added.map((record) => record.status))},
                ${texts(added.map((record) => record.idHash))}) WITH ORDINALITY AS c(user_id, status, hash, n) ORDER BY c.n`);
}

async function changeOf(
  services: Pick<Services, 'secrets'>,
  token: TokenKey,
  user: KeptUser,
  records: readonly UserRecord[],
  listed: readonly Listed[],
): Promise<Change | null> {
  const current = currentRecord(records)!;
  const status = user.creating && !isActive(current.status) ? user.status : current.status;
  const row = listed.find((one) => isActive(one.status));
  const invitation = await invitationOf(services, { ...token, ...user }, current, row);
  const email = row?.email ?? user.email;
  const same = status === user.status && current.idHash === user.idHash && email === user.email;
  if (same && invitation === undefined) return null;
  return { user, status, idHash: current.idHash, email, invitation };
}

/** Undefined when it stays as it is. */
async function invitationOf(
  services: Pick<Services, 'secrets'>,
  user: InvitedUser & { mark: string | null },
  current: UserRecord,
  row: Listed | undefined,
): Promise<SealedInvitation | null | undefined> {
  if (current.status !== 'REGISTERED') return user.mark === null ? undefined : null;
  const code = row?.inviteCode ?? null;
  if (code === null || services.secrets.mark(code) === user.mark) return undefined;
  return sealInvitation(services, user, code);
}

async function writeUsers(tx: Tx, token: TokenKey, changes: readonly Change[], now: Date): Promise<void> {
  if (changes.length === 0) return;
  const column = (pick: (change: Change) => string | null | undefined) =>
    texts(changes.map((change) => pick(change) ?? null));
  await tx.$executeRaw(sql`
    UPDATE vpp_user u SET status = c.status::"VppUserStatus", id_hash = c.hash, email = c.email, updated_at = ${moment(now)},
      invite_jwe = CASE WHEN c.keeps THEN u.invite_jwe ELSE c.jwe END,
      invite_key_id = CASE WHEN c.keeps THEN u.invite_key_id ELSE c.key_id END,
      invite_mark = CASE WHEN c.keeps THEN u.invite_mark ELSE c.mark END,
      invited_at = CASE WHEN c.mark IS NULL THEN u.invited_at END, invitations = CASE WHEN c.mark IS NULL THEN u.invitations ELSE 0 END,
      retiring = u.retiring AND c.status IN ('REQUESTED', 'REGISTERED', 'ASSOCIATED')
    FROM unnest(${ids(changes.map(({ user }) => user.id))}, ${column(({ status }) => status)}, ${column(({ idHash }) => idHash)},
      ${column(({ email }) => email)}, ${changes.map(({ invitation }) => invitation === undefined)}::boolean[],
      ${column(({ invitation }) => invitation?.jwe)}, ${column(({ invitation }) => invitation?.keyId)}, ${column(({ invitation }) => invitation?.mark)})
      AS c(id, status, hash, email, keeps, jwe, key_id, mark)
    WHERE u.organization_id = ${token.organizationId} AND u.id = c.id`);
}
