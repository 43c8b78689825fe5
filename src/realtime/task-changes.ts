/** Which tasks of an organization changed, in the order of their events. @module */
import type { Pool } from 'pg';
import type { TaskKind, TaskState } from '../generated/prisma/enums.ts';

/** A task that changed, as it stands now. */
export interface TaskChange {
  taskId: bigint;
  kind: TaskKind;
  state: TaskState;
  tokenIds: bigint[];
}

/** Changes above a position. */
export interface ChangePage {
  changes: TaskChange[];
  /** Everything up to here has been read. */
  position: bigint;
  /** There may be more. */
  more: boolean;
}

interface ChangeRow {
  task_id: string;
  kind: TaskKind | null;
  state: TaskState;
  tokens: string[];
  position: string;
  size: number;
}

/** Where the organization's events have come to. They are numbered in the order in which they become visible. */
export async function readPosition(pool: Pool, organizationId: bigint): Promise<bigint> {
  const { rows } = await pool.query<{ seq: string }>(
    'SELECT seq FROM organization_counter WHERE organization_id = $1',
    [organizationId],
  );
  return BigInt(rows[0]?.seq ?? 0);
}

/** The tasks of the next `limit` events above `after`, each once. */
export async function readChanges(
  pool: Pool,
  organizationId: bigint,
  after: bigint,
  limit: number,
): Promise<ChangePage> {
  const { rows } = await pool.query<ChangeRow>({
    name: 'russet-task-changes',
    text: `WITH page AS (
        SELECT task_id, org_seq FROM task_event WHERE organization_id = $1 AND org_seq > $2 ORDER BY org_seq LIMIT $3
      ), newest AS (SELECT task_id, max(org_seq) AS org_seq FROM page GROUP BY task_id)
      SELECT n.task_id, t.kind, t.state, (SELECT max(org_seq) FROM page) AS position, (SELECT count(*)::int FROM page) AS size,
        ARRAY(SELECT k.token_id::text FROM task_token k WHERE k.organization_id = $1 AND k.task_id = n.task_id) AS tokens
      FROM newest n LEFT JOIN task t ON t.organization_id = $1 AND t.id = n.task_id ORDER BY n.org_seq`,
    values: [organizationId, after, limit],
  });
  const [first] = rows;
  if (!first) return { changes: [], position: after, more: false };
  return { changes: rows.flatMap(toChange), position: BigInt(first.position), more: first.size === limit };
}

function toChange(row: ChangeRow): TaskChange[] {
  if (row.kind === null) return [];
  return [{ taskId: BigInt(row.task_id), kind: row.kind, state: row.state, tokenIds: row.tokens.map(BigInt) }];
}
