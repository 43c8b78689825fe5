/** People in writes to Apple: what is to be sent, what a call carries, and the end of each. @module */
import { ids, moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { UserCallKind } from '../license/call.ts';
import type { ItemFailure } from '../license/item-failure.ts';
import { lockPeople } from './lock-people.ts';

/** A person to be written. */
export interface NewWrite {
  userId: bigint;
  email?: string | null | undefined;
  managedAppleId?: string | null | undefined;
}

/** Whose work it is. */
export interface WriteOwner {
  organizationId: bigint;
  tokenId: bigint;
  taskId: bigint;
  kind: UserCallKind;
}

/** Notes what is to be sent. The token's writer is woken by the caller, behind its other locks. */
export async function addWrites(tx: Tx, owner: WriteOwner, writes: readonly NewWrite[]): Promise<void> {
  if (writes.length === 0) return;
  await tx.$executeRaw(sql`
    INSERT INTO vpp_user_write (organization_id, token_id, task_id, user_id, kind, email, managed_apple_id)
    SELECT ${owner.organizationId}, ${owner.tokenId}, ${owner.taskId}, n.user_id, ${owner.kind}::"AppleCallKind", n.email, n.account
    FROM unnest(${ids(writes.map((write) => write.userId))}, ${texts(writes.map((write) => write.email ?? null))},
                ${texts(writes.map((write) => write.managedAppleId ?? null))}) WITH ORDINALITY AS n(user_id, email, account, place)
    ORDER BY n.place`);
}

/** One person whom an open call carries. */
export interface CarriedUser {
  id: bigint;
  userId: bigint;
  clientUserId: string;
  email: string | null;
  managedAppleId: string | null;
  sends: number;
  /** The person as Russet knows them now. */
  status: string | null;
  knownEmail: string | null;
}

/** The people whom a call carries and who still wait for it. */
export function carriedUsers(db: Tx, organizationId: bigint, callId: bigint): Promise<CarriedUser[]> {
  return db.$queryRaw<CarriedUser[]>(sql`
    SELECT w.id, w.user_id AS "userId", u.client_user_id AS "clientUserId", w.email, w.managed_apple_id AS "managedAppleId",
           w.sends::int AS sends, u.status::text AS status, u.email AS "knownEmail"
    FROM vpp_user_write w JOIN vpp_user u ON u.organization_id = w.organization_id AND u.id = w.user_id
    WHERE w.organization_id = ${organizationId} AND w.call_id = ${callId} AND w.state = 'OPEN' ORDER BY w.id`);
}

/** Puts back what a call carried and Apple did not do, to be sent again. */
export async function putWritesBack(tx: Tx, organizationId: bigint, callId: bigint): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE vpp_user_write SET call_id = NULL WHERE organization_id = ${organizationId} AND call_id = ${callId} AND state = 'OPEN'`);
}

/** Ends writes that Apple did: what was asked for holds, also where its lists do not show it yet. Counted by the caller. */
export async function finishWrites(
  tx: Tx,
  organizationId: bigint,
  writeIds: readonly bigint[],
  kind: UserCallKind,
  now: Date,
): Promise<void> {
  if (writeIds.length === 0) return;
  await lockPeople(
    tx,
    organizationId,
    sql`SELECT user_id FROM vpp_user_write WHERE organization_id = ${organizationId} AND id = ANY (${ids(writeIds)})`,
  );
  const done = sql`
    UPDATE vpp_user_write SET state = 'DONE', settled_at = ${moment(now)}
    WHERE organization_id = ${organizationId} AND id = ANY (${ids(writeIds)}) AND state = 'OPEN' RETURNING user_id, email, managed_apple_id`;
  await tx.$executeRaw(sql`
    WITH done AS (${done}), retired AS (
      UPDATE vpp_user_record r SET status = 'RETIRED', changed_at = ${moment(now)} FROM done d
      WHERE ${kind === 'RETIRE_USERS'} AND r.organization_id = ${organizationId} AND r.user_id = d.user_id AND r.status IN ('REGISTERED', 'ASSOCIATED')
    )
    UPDATE vpp_user u SET ${effects[kind]}, updated_at = ${moment(now)} FROM done d
    WHERE u.organization_id = ${organizationId} AND u.id = d.user_id`);
}

const effects: Record<UserCallKind, Sql> = {
  CREATE_USERS: sql`status = CASE WHEN u.status IN ('REGISTERED', 'ASSOCIATED') THEN u.status ELSE 'REGISTERED' END`,
  UPDATE_USERS: sql`email = coalesce(d.email, u.email), managed_apple_id = coalesce(d.managed_apple_id, u.managed_apple_id)`,
  RETIRE_USERS: sql`retiring = false, invite_jwe = NULL, invite_key_id = NULL, invite_mark = NULL,
    status = CASE WHEN u.status = 'DELETED' THEN u.status ELSE 'RETIRED' END`,
};

/** Locks the people of open writes `w` that `where` names: before licenses, where those are written too. */
export function lockPeopleOfWrites(tx: Tx, organizationId: bigint, where: Sql): Promise<void> {
  return lockPeople(
    tx,
    organizationId,
    sql`SELECT w.user_id FROM vpp_user_write w WHERE w.organization_id = ${organizationId} AND w.state = 'OPEN' AND (${where})`,
  );
}

/**
 * Ends open writes `w` that `where` names as failed items of their tasks, and counts them there. The tasks are locked
 * already. Gives their ids.
 */
export async function failWrites(
  tx: Tx,
  organizationId: bigint,
  where: Sql,
  failure: Omit<ItemFailure, 'appleErrorNumber'> & Partial<ItemFailure>,
  now: Date,
): Promise<bigint[]> {
  await lockPeopleOfWrites(tx, organizationId, where);
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    WITH failed AS (
      UPDATE vpp_user_write w SET state = 'FAILED', settled_at = ${moment(now)}
      WHERE w.organization_id = ${organizationId} AND w.state = 'OPEN' AND (${where}) RETURNING w.task_id, w.user_id, w.kind
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, vpp_user_id, client_user_id, apple_error_number)
      SELECT ${organizationId}, f.task_id, ${failure.code}, ${failure.message}, u.id, u.client_user_id, ${failure.appleErrorNumber ?? null}::int
      FROM failed f JOIN vpp_user u ON u.organization_id = ${organizationId} AND u.id = f.user_id ORDER BY u.id
    ), eased AS (
      UPDATE vpp_user u SET retiring = u.retiring AND NOT o.retire, updated_at = ${moment(now)},
        status = CASE WHEN o.made AND u.status = 'REQUESTED' THEN 'REFUSED' ELSE u.status END
      FROM (SELECT user_id, bool_or(kind = 'CREATE_USERS') AS made, bool_or(kind = 'RETIRE_USERS') AS retire FROM failed GROUP BY 1) o
      WHERE u.organization_id = ${organizationId} AND u.id = o.user_id
    )
    UPDATE task t SET failed = t.failed + d.n, dirty = true FROM (SELECT task_id, count(*) AS n FROM failed GROUP BY 1) d
    WHERE t.organization_id = ${organizationId} AND t.id = d.task_id RETURNING t.id`);
  return rows.map((row) => row.id);
}
