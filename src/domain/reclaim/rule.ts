/** Reclaim rules, their runs and what they find, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, type Sql, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { inBulk } from '../deployment/in-bulk.ts';
import { wantedPairs } from '../deployment/wanted.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import { foundBy, type ReclaimTerms } from './found.ts';

/** One rule. */
export interface ReclaimRuleRow extends ReclaimTerms {
  id: bigint;
  name: string;
  graceDays: number;
  enabled: boolean;
  /** When it runs next; null while it is not enabled. */
  dueAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** As the database gives it: ids of lists as texts. */
type Stored = Omit<ReclaimRuleRow, 'appIds' | 'exceptAppIds'> & { appIds: string[]; exceptAppIds: string[] };

const columns = sql`r.id, r.name, r.reason::text AS reason, r.days, r.grace_days AS "graceDays", r.app_ids::text[] AS "appIds",
  r.except_app_ids::text[] AS "exceptAppIds", r.group_id AS "groupId", r.except_group_id AS "exceptGroupId", r.enabled,
  r.due_at AS "dueAt", r.created_at AS "createdAt", r.updated_at AS "updatedAt"`;

const read = (row: Stored): ReclaimRuleRow => ({
  ...row,
  appIds: row.appIds.map(BigInt),
  exceptAppIds: row.exceptAppIds.map(BigInt),
});

/** The rules with these ids, in no order. */
export async function readRules(
  reader: Rows,
  organizationId: bigint,
  ruleIds: readonly bigint[],
): Promise<ReclaimRuleRow[]> {
  const rows = await reader.rows<Stored>(sql`
    SELECT ${columns} FROM reclaim_rule r WHERE r.organization_id = ${organizationId} AND r.id = ANY (${ids(ruleIds)})`);
  return rows.map(read);
}

/** A page of the rules, oldest first. */
export async function listRules(reader: Rows, organizationId: bigint, window: IdWindow): Promise<ReclaimRuleRow[]> {
  const rows = await reader.rows<Stored>(sql`
    SELECT ${columns} FROM reclaim_rule r WHERE r.organization_id = ${organizationId} ${idWindow(window, sql`r.id`)} ${idOrder(window, sql`r.id`)}`);
  return inOrder(rows, window).map(read);
}

/** The rule, locked until the commit; null when it is gone. */
export async function lockRule(tx: Tx, organizationId: bigint, ruleId: bigint): Promise<ReclaimRuleRow | null> {
  const [row] = await tx.$queryRaw<Stored[]>(sql`
    SELECT ${columns} FROM reclaim_rule r WHERE r.organization_id = ${organizationId} AND r.id = ${ruleId} FOR NO KEY UPDATE`);
  return row ? read(row) : null;
}

/** A license that a rule finds. */
export interface FoundLicense {
  /** Of the license. */
  id: bigint;
  /** Since when the reason holds. */
  since: Date;
  /** When the rule takes it back; null when it has not marked it. */
  takesAt: Date | null;
  /** The deployment that wants it there; null when none does. */
  deploymentId: bigint | null;
}

/** A page of what terms find now, by the ids of the licenses; with the marks of a rule. */
export async function listFound(
  reader: Rows,
  { organizationId, now, ruleId }: { organizationId: bigint; now: Date; ruleId: bigint | null },
  terms: ReclaimTerms,
  window: IdWindow,
): Promise<FoundLicense[]> {
  const rows = await reader.rows<FoundLicense>(sql`
    WITH page AS MATERIALIZED (
      SELECT f.* FROM (${foundBy(organizationId, terms, now)}) f WHERE true ${idWindow(window, sql`f.id`)} ${idOrder(window, sql`f.id`)}
    )
    SELECT f.id, f.since, m.takes_at AS "takesAt", w.deployment_id AS "deploymentId" FROM page f
    LEFT JOIN reclaim_mark m ON m.organization_id = ${organizationId} AND m.rule_id = ${ruleId}::bigint AND m.license_id = f.id
    LEFT JOIN (${wantedOf(organizationId, sql`page`)}) w ON w.app_id = f.app_id AND w.device_id = f.device_id AND w.mode <> 'NONE'
    ${idOrder(window, sql`f.id`)}`);
  return inOrder(rows, window);
}

/** The deployments that count for the pairs in the rows `of`. */
const wantedOf = (organizationId: bigint, of: Sql): Sql =>
  wantedPairs(
    organizationId,
    null,
    { among: sql`SELECT device_id FROM ${of}` },
    sql`(p.app_id, m.device_id) IN (SELECT app_id, device_id FROM ${of})`,
  );

/** How many of the licenses that the terms find are wanted there by a deployment: these two want opposite things. */
export function countWanted(context: Context, terms: ReclaimTerms): Promise<number> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const [row] = await inBulk<{ count: number }>(
      tx,
      sql`
        WITH found AS MATERIALIZED (${foundBy(organizationId, terms, context.clock.now())})
        SELECT count(*)::int AS count FROM (${wantedOf(organizationId, sql`found`)}) w WHERE w.mode <> 'NONE'`,
    );
    return row!.count;
  });
}

/** What licenses cost. */
export interface Money {
  currency: string;
  /** Decimal text. */
  amount: string;
}

/** How much there is of something, and what it is worth by today's prices. */
export interface Worth {
  licenses: number;
  value: Money[];
  /** Licenses of apps without a known price. */
  unpriced: number;
}

/** What terms find now, in all. */
export async function worthOfFound(
  reader: Rows,
  { organizationId, now }: { organizationId: bigint; now: Date },
  terms: ReclaimTerms,
): Promise<Worth> {
  const rows = await reader.rows<Priced>(sql`
    SELECT a.currency, sum(a.price)::text AS amount, count(*)::int AS count FROM (${foundBy(organizationId, terms, now)}) f
    JOIN app a ON a.organization_id = ${organizationId} AND a.id = f.app_id ${byCurrency}`);
  return worthOf(rows);
}

interface Priced {
  currency: string | null;
  amount: string | null;
  count: number;
}

const byCurrency = sql`GROUP BY CASE WHEN a.price IS NULL THEN NULL ELSE a.currency END, a.currency, a.price IS NULL ORDER BY 1 NULLS LAST`;

/** What these licenses are worth. */
export async function worthOfLicenses(tx: Tx, organizationId: bigint, licenseIds: readonly bigint[]): Promise<Worth> {
  const rows = await tx.$queryRaw<Priced[]>(sql`
    SELECT a.currency, sum(a.price)::text AS amount, count(*)::int AS count FROM license l
    JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id
    WHERE l.organization_id = ${organizationId} AND l.id = ANY (${ids(licenseIds)}) ${byCurrency}`);
  return worthOf(rows);
}

function worthOf(rows: readonly Priced[]): Worth {
  const worth: Worth = { licenses: 0, value: [], unpriced: 0 };
  for (const { currency, amount, count } of rows) {
    worth.licenses += count;
    if (currency === null || amount === null) worth.unpriced += count;
    else worth.value.push({ currency, amount });
  }
  return worth;
}

/** What one run did. */
export interface ReclaimRunRow {
  id: bigint;
  ruleId: bigint;
  at: Date;
  actor: string;
  found: number;
  marked: number;
  taken: number;
  value: Money[];
  unpriced: number;
  undoneAt: Date | null;
  taskIds: string[];
  undoTaskIds: string[];
}

const runColumns = sql`r.id, r.rule_id AS "ruleId", r.at, r.actor, r.found, r.marked, r.taken, r.value, r.unpriced, r.undone_at AS "undoneAt",
  r.task_ids::text[] AS "taskIds", coalesce(r.undo_task_ids, '{}')::text[] AS "undoTaskIds"`;

/** The runs with these ids, in no order. */
export function readRuns(reader: Rows, organizationId: bigint, runIds: readonly bigint[]): Promise<ReclaimRunRow[]> {
  return reader.rows(sql`
    SELECT ${runColumns} FROM reclaim_run r WHERE r.organization_id = ${organizationId} AND r.id = ANY (${ids(runIds)})`);
}

/** Locks a run until the commit; false when there is none. */
export async function lockRun(tx: Tx, organizationId: bigint, runId: bigint): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM reclaim_run WHERE organization_id = ${organizationId} AND id = ${runId} FOR NO KEY UPDATE`);
  return rows.length > 0;
}

/** A page of the runs, oldest first: of one rule, or of all. */
export async function listRuns(
  reader: Rows,
  organizationId: bigint,
  ruleId: bigint | null,
  window: IdWindow,
): Promise<ReclaimRunRow[]> {
  const rows = await reader.rows<ReclaimRunRow>(sql`
    SELECT ${runColumns} FROM reclaim_run r WHERE r.organization_id = ${organizationId}
      ${ruleId === null ? nothing : sql`AND r.rule_id = ${ruleId}`} ${idWindow(window, sql`r.id`)} ${idOrder(window, sql`r.id`)}`);
  return inOrder(rows, window);
}
