/** Brings one block of Apple's assignments in, set-wise: what is known and unchanged is not written. @module */
import { ring } from '../../db/notify.ts';
import { type Tx, ids, moment, sql, texts } from '../../db/transaction.ts';
import { lockPools } from '../license/transition.ts';
import type { AssignmentRow } from '../ports.ts';
import { addHolders } from './add-holders.ts';

/** The sweep that a block belongs to. */
export interface Sweep {
  organizationId: bigint;
  tokenId: bigint;
  taskId: bigint;
  startedAt: Date;
  /** The library is met for the first time: its assignments open the ledger. */
  opening: boolean;
}

/** What a block brought. */
export interface MergedBlock {
  /** Assignments that stand for a live license now. */
  seen: number;
  added: number;
  /** Assignments of assets that Apple's list did not have. */
  unknownAssets: string[];
}

/** Which kind of holder a statement is about; the two have indexes of their own. */
type HolderKind = 'serial_number' | 'client_user_id';

interface NewAssignment {
  poolId: bigint;
  holder: string;
}

/** Merges a block. Never judges a license that is under way, or that changed since the sweep began. */
export async function mergeAssignments(tx: Tx, sweep: Sweep, rows: readonly AssignmentRow[], now: Date): Promise<MergedBlock> {
  const total: MergedBlock = { seen: 0, added: 0, unknownAssets: [] };
  for (const kind of ['serial_number', 'client_user_id'] as const) {
    const mine = rows.filter((row) => (kind === 'serial_number' ? row.serialNumber : row.clientUserId) !== null);
    if (mine.length === 0) continue;
    const matched = await match(tx, sweep, kind, mine);
    const added = await add(tx, sweep, kind, matched.fresh, now);
    total.seen += matched.seen + added;
    total.added += added;
    total.unknownAssets.push(...matched.unknownAssets);
  }
  if (total.added > 0) await ring(tx, { organizationId: sweep.organizationId, kind: 'counts' });
  return total;
}

const column = (kind: HolderKind) => (kind === 'serial_number' ? sql`serial_number` : sql`client_user_id`);

async function match(tx: Tx, sweep: Sweep, kind: HolderKind, rows: readonly AssignmentRow[]) {
  const holders = rows.map((row) => (kind === 'serial_number' ? row.serialNumber!.trim().toUpperCase() : row.clientUserId!));
  const found = await tx.$queryRaw<{ poolId: bigint | null; holder: string; licenseId: bigint | null; missed: boolean; adamId: string }[]>(sql`
    WITH incoming AS (
      SELECT DISTINCT i.adam_id, i.pricing_param, i.holder
      FROM unnest(${texts(rows.map((row) => row.adamId))}, ${texts(rows.map((row) => row.pricingParam))}, ${texts(holders)}) AS i(adam_id, pricing_param, holder)
    ), matched AS (
      SELECT i.adam_id, i.holder, p.id AS pool_id, l.id AS license_id, l.missed_at IS NOT NULL AS missed
      FROM incoming i
      LEFT JOIN license_pool p ON p.organization_id = ${sweep.organizationId} AND p.token_id = ${sweep.tokenId}
        AND p.adam_id = i.adam_id AND p.pricing_param = i.pricing_param
      LEFT JOIN license l ON l.organization_id = ${sweep.organizationId} AND l.pool_id = p.id AND l.${column(kind)} = i.holder AND l.ended_at IS NULL
    ), seen AS (
      INSERT INTO sync_seen (organization_id, token_id, task_id, license_id)
      SELECT ${sweep.organizationId}, ${sweep.tokenId}, ${sweep.taskId}, license_id FROM matched WHERE license_id IS NOT NULL
      RETURNING 1
    )
    SELECT pool_id AS "poolId", holder, license_id AS "licenseId", missed, adam_id AS "adamId" FROM matched WHERE license_id IS NULL OR missed
    UNION ALL SELECT NULL, (SELECT count(*) FROM seen)::text, NULL, false, ''`);
  const seen = Number(found.pop()!.holder);
  const back = found.flatMap((row) => (row.missed && row.licenseId !== null ? [row.licenseId] : []));
  if (back.length > 0) await tx.$executeRaw(sql`UPDATE license SET missed_at = NULL WHERE organization_id = ${sweep.organizationId} AND id = ANY (${ids(back)})`);
  const fresh = found.filter((row) => row.licenseId === null);
  return {
    seen,
    fresh: fresh.flatMap((row): NewAssignment[] => (row.poolId === null ? [] : [{ poolId: row.poolId, holder: row.holder }])),
    unknownAssets: [...new Set(fresh.filter((row) => row.poolId === null).map((row) => row.adamId))],
  };
}

async function add(tx: Tx, sweep: Sweep, kind: HolderKind, fresh: readonly NewAssignment[], now: Date): Promise<number> {
  if (fresh.length === 0) return 0;
  const { organizationId, tokenId } = sweep;
  await addHolders(tx, sweep, kind === 'serial_number' ? 'DEVICE' : 'USER', fresh.map((row) => row.holder), now);
  await lockPools(tx, organizationId, sql`SELECT unnest(${ids([...new Set(fresh.map((row) => row.poolId))])})`);
  const holder = kind === 'serial_number'
    ? { join: sql`JOIN device h ON h.organization_id = ${organizationId} AND h.serial_number = f.holder`, columns: sql`f.holder, NULL, h.id, NULL` }
    : { join: sql`JOIN vpp_user h ON h.organization_id = ${organizationId} AND h.token_id = ${tokenId} AND h.client_user_id = f.holder`, columns: sql`NULL, f.holder, NULL, h.id` };
  const at = moment(now);
  const kindOfLine = sweep.opening ? 'OPENING' : 'FOUND';
  const [row] = await tx.$queryRaw<{ added: number }[]>(sql`
    WITH made AS (
      INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, client_user_id, device_id, vpp_user_id,
                           state, source, opening, started_at, changed_at)
      SELECT ${organizationId}, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, ${holder.columns}, 'CONFIRMED', 'EXTERNAL', true, ${at}, ${at}
      FROM unnest(${ids(fresh.map((one) => one.poolId))}, ${texts(fresh.map((one) => one.holder))}) AS f(pool_id, holder)
      JOIN license_pool p ON p.organization_id = ${organizationId} AND p.id = f.pool_id
      ${holder.join}
      WHERE NOT EXISTS (SELECT 1 FROM license e WHERE e.organization_id = ${organizationId} AND e.token_id = ${tokenId} AND e.ended_at >= ${moment(sweep.startedAt)}
                        AND e.pool_id = f.pool_id AND e.${column(kind)} = f.holder)
      ON CONFLICT DO NOTHING
      RETURNING id, pool_id
    ), posted AS (
      UPDATE license_pool p SET held = p.held + d.n FROM (SELECT pool_id, count(*) AS n FROM made GROUP BY pool_id) d
      WHERE p.organization_id = ${organizationId} AND p.id = d.pool_id
    ), written AS (
      INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, task_id, actor)
      SELECT ${organizationId}, ${at}, pool_id, id, ${kindOfLine}, 1, 0, ${sweep.taskId}, 'system:sync' FROM made
    ), seen AS (
      INSERT INTO sync_seen (organization_id, token_id, task_id, license_id) SELECT ${organizationId}, ${tokenId}, ${sweep.taskId}, id FROM made
    )
    SELECT count(*)::int AS added FROM made`);
  return row!.added;
}
