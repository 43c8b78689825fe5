/** When devices are asked what they are and which apps they have. @module */
import { ids, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';

/** A number from 0 to 1 that is always the same for the same device, so that many are spread evenly. `seed` is a number. */
export const jitter = (seed: Sql): Sql => sql`(abs(hashint8((${seed})::bigint)::bigint) % 1000 / 1000.0)`;

/** Asks these enrollments for their apps at `at`, unless that happens earlier anyway. */
export const askForApps = (tx: Tx, organizationId: bigint, enrollmentIds: readonly bigint[], at: Date) =>
  askBy(tx, organizationId, enrollmentIds, at, sql`list_due_at`);

/** The same for what they are. */
export const askWhat = (tx: Tx, organizationId: bigint, enrollmentIds: readonly bigint[], at: Date) =>
  askBy(tx, organizationId, enrollmentIds, at, sql`information_due_at`);

async function askBy(
  tx: Tx,
  organizationId: bigint,
  enrollmentIds: readonly bigint[],
  at: Date,
  column: Sql,
): Promise<void> {
  if (enrollmentIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE enrollment e SET ${column} = least(e.${column}, ${moment(at)}) FROM (
      SELECT id FROM enrollment WHERE organization_id = ${organizationId} AND id = ANY (${ids([...new Set(enrollmentIds)])}) AND state = 'ENROLLED'
      ORDER BY id FOR NO KEY UPDATE
    ) o WHERE e.organization_id = ${organizationId} AND e.id = o.id AND (e.${column} IS NULL OR e.${column} > ${moment(at)})`);
}
