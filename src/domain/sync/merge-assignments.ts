/** Brings one block of Apple's assignments in, set-wise: what is known and unchanged is not written. @module */
import { ring } from '../../db/notify.ts';
import { ids, moment, sql, type Tx, texts } from '../../db/transaction.ts';
import { countMark, driftMark } from '../license/count-marks.ts';
import { lockPools } from '../license/transition.ts';
import { normalizeSerial } from '../license/world.ts';
import type { AssignmentRow } from '../ports.ts';
import { addHolders, userStates } from './add-holders.ts';
import { noteSeen } from './seen.ts';

/** What rows are read for. */
export interface Reading {
  organizationId: bigint;
  tokenId: bigint;
  /** The sync; null when single assignments were looked up. */
  taskId: bigint | null;
  /** Which part of Russet reads without a sync; the notifications when absent. */
  by?: string;
  startedAt: Date;
  /** The library is met for the first time: its assignments open the ledger. */
  opening: boolean;
}

/** The sweep that a block belongs to. */
export interface Sweep extends Reading {
  taskId: bigint;
}

/** What a block brought. */
export interface MergedBlock {
  /** Licenses noted as seen: those that were live already and those that are new. */
  seen: number;
  added: number;
  /** Assignments of assets that Apple's list did not have. */
  unknownAssets: string[];
}

/** Which kind of holder a statement is about; the two have indexes of their own. */
type HolderKind = 'serial_number' | 'client_user_id';
const holderKinds: readonly HolderKind[] = ['serial_number', 'client_user_id'];
const column = (kind: HolderKind) => (kind === 'serial_number' ? sql`serial_number` : sql`client_user_id`);

interface NewAssignment {
  poolId: bigint;
  holder: string;
}

/** The rows of one kind of holder, compared with the live licenses. */
interface Matched {
  kind: HolderKind;
  /** Live licenses that the rows stand for. */
  known: bigint[];
  /** Those of them that an earlier sweep did not meet. */
  back: bigint[];
  fresh: NewAssignment[];
  unknownAssets: string[];
}

/** Merges a block of a sweep and notes what it has seen. */
export async function mergeAssignments(
  tx: Tx,
  sweep: Sweep,
  rows: readonly AssignmentRow[],
  now: Date,
): Promise<MergedBlock> {
  const { seen, ...block } = await bringIn(tx, sweep, rows, now);
  await noteSeen(tx, sweep, sweep.taskId, seen);
  return { ...block, seen: seen.length };
}

/**
 * Brings rows in. Never judges a license that is under way, or that changed since the reading began.
 * Pools are locked before any license is written, as everywhere.
 */
export async function bringIn(
  tx: Tx,
  sweep: Reading,
  rows: readonly AssignmentRow[],
  now: Date,
): Promise<Omit<MergedBlock, 'seen'> & { seen: bigint[] }> {
  const parts: Matched[] = [];
  for (const kind of holderKinds) parts.push(await match(tx, sweep, kind, rows));
  const fresh = parts.flatMap((part) => part.fresh);
  if (fresh.length > 0) {
    const states = userStates(rows);
    for (const part of parts) await addHolders(tx, sweep, kindOf(part), holdersOf(part), now, states);
    const pools = ids([...new Set(fresh.map((row) => row.poolId))]);
    await lockPools(tx, sweep.organizationId, sql`SELECT unnest(${pools})`);
  }
  const added: bigint[] = [];
  for (const part of parts) added.push(...(await add(tx, sweep, part, now)));
  await welcomeBack(
    tx,
    sweep,
    parts.flatMap((part) => part.back),
  );
  const seen = [...parts.flatMap((part) => part.known), ...added];
  if (added.length > 0) await ring(tx, { organizationId: sweep.organizationId, kind: 'counts' });
  const unknownAssets = [...new Set(parts.flatMap((part) => part.unknownAssets))];
  return { seen, added: added.length, unknownAssets };
}

const kindOf = (part: Matched) => (part.kind === 'serial_number' ? 'DEVICE' : 'USER');
const holdersOf = (part: Matched) => part.fresh.map((row) => row.holder);

async function match(tx: Tx, sweep: Reading, kind: HolderKind, rows: readonly AssignmentRow[]): Promise<Matched> {
  const holderOf = (row: AssignmentRow) => (kind === 'serial_number' ? row.serialNumber : row.clientUserId);
  const mine = rows.filter((row) => holderOf(row) !== null);
  const holders = mine.map((row) => (kind === 'serial_number' ? normalizeSerial(row.serialNumber!) : row.clientUserId));
  if (mine.length === 0) return { kind, known: [], back: [], fresh: [], unknownAssets: [] };
  const found = await tx.$queryRaw<
    { adamId: string; holder: string; poolId: bigint | null; licenseId: bigint | null; missed: boolean }[]
  >(sql`
    SELECT i.adam_id AS "adamId", i.holder, p.id AS "poolId", l.id AS "licenseId", l.missed_at IS NOT NULL AS missed
    FROM (
      SELECT DISTINCT adam_id, pricing_param, holder
      FROM unnest(${texts(mine.map((row) => row.adamId))}, ${texts(mine.map((row) => row.pricingParam))}, ${texts(holders)})
        AS r(adam_id, pricing_param, holder)
    ) i
    LEFT JOIN license_pool p ON p.organization_id = ${sweep.organizationId} AND p.token_id = ${sweep.tokenId}
      AND p.adam_id = i.adam_id AND p.pricing_param = i.pricing_param
    LEFT JOIN license l ON l.organization_id = ${sweep.organizationId} AND l.pool_id = p.id AND l.${column(kind)} = i.holder
      AND l.ended_at IS NULL`);
  const fresh: NewAssignment[] = [];
  for (const { poolId, holder, licenseId } of found) {
    if (licenseId === null && poolId !== null) fresh.push({ poolId, holder });
  }
  return {
    kind,
    known: found.flatMap((row) => row.licenseId ?? []),
    back: found.flatMap((row) => (row.missed && row.licenseId !== null ? [row.licenseId] : [])),
    fresh,
    unknownAssets: found.filter((row) => row.poolId === null).map((row) => row.adamId),
  };
}

/** Adds licenses that somebody else gave, their seats and their ledger lines. Ones that ended during the sweep stay ended. */
async function add(tx: Tx, sweep: Reading, { kind, fresh }: Matched, now: Date): Promise<bigint[]> {
  if (fresh.length === 0) return [];
  const { organizationId, tokenId } = sweep;
  const at = moment(now);
  const by = sweep.by ?? (sweep.taskId === null ? 'notifications' : 'sync');
  const source = by === 'notifications' ? 'NOTIFICATION' : 'SYNC';
  // Row by row through the index: a block is small against the table, however large that is.
  const holder =
    kind === 'serial_number'
      ? {
          join: sql`CROSS JOIN LATERAL (SELECT id FROM device WHERE organization_id = ${organizationId} AND serial_number = f.holder LIMIT 1) h`,
          columns: sql`f.holder, NULL, h.id, NULL`,
        }
      : {
          join: sql`CROSS JOIN LATERAL (SELECT id FROM vpp_user WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND client_user_id = f.holder LIMIT 1) h`,
          columns: sql`NULL, f.holder, NULL, h.id`,
        };
  const made = await tx.$queryRaw<{ id: bigint }[]>(sql`
    WITH made AS (
      INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, client_user_id, device_id, vpp_user_id,
                           state, source, opening, started_at, changed_at)
      SELECT ${organizationId}, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, ${holder.columns}, 'CONFIRMED', 'EXTERNAL', true, ${at}, ${at}
      FROM unnest(${ids(fresh.map((row) => row.poolId))}, ${texts(fresh.map((row) => row.holder))}) AS f(pool_id, holder)
      JOIN license_pool p ON p.organization_id = ${organizationId} AND p.id = f.pool_id
      ${holder.join}
      WHERE NOT EXISTS (SELECT 1 FROM license e WHERE e.organization_id = ${organizationId} AND e.token_id = ${tokenId}
                        AND e.ended_at >= ${moment(sweep.startedAt)} AND e.pool_id = f.pool_id AND e.${column(kind)} = f.holder)
      ON CONFLICT DO NOTHING
      RETURNING id, pool_id
    ), posted AS (
      UPDATE license_pool p SET held = p.held + d.n, ${driftMark(sql`p.held + d.n`, sql`p.apple_assigned`, now)}, ${countMark(source, now)} FROM (SELECT pool_id, count(*) AS n FROM made GROUP BY pool_id) d
      WHERE p.organization_id = ${organizationId} AND p.id = d.pool_id
    ), written AS (
      INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, task_id, actor)
      SELECT ${organizationId}, ${at}, pool_id, id, ${sweep.opening ? 'OPENING' : 'FOUND'}, 1, 0, ${sweep.taskId}::bigint, ${`system:${by}`} FROM made
    )
    SELECT id FROM made`);
  return made.map((row) => row.id);
}

/** Licenses that an earlier sweep did not meet are there after all. */
async function welcomeBack(tx: Tx, sweep: Reading, licenseIds: readonly bigint[]): Promise<void> {
  if (licenseIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE license SET missed_at = NULL WHERE organization_id = ${sweep.organizationId} AND id = ANY (${ids(licenseIds)})`);
}
