/** A small world for streams: an organization in a database of its own, and rows as the domain writes them. @module */
import type { Pool } from 'pg';
import { type Database, openDatabase } from '../../src/db/client.ts';
import { channel, type Ring, ringText } from '../../src/db/notify.ts';
import type { ProgressPayload } from '../../src/domain/task/progress-payload.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createRealtime, type Realtime, type RealtimeLimits } from '../../src/realtime/index.ts';
import { createTestDatabase } from '../support/database.ts';

/** A task of the world. */
export interface TaskKey {
  organizationId: bigint;
  taskId: bigint;
}

/** A test's surroundings. */
export interface World {
  database: Database;
  pool: Pool;
  /** Streams of one more API process. Closed with the world. */
  realtime(limits?: Partial<RealtimeLimits>, clock?: Clock): Promise<Realtime>;
  close(): Promise<void>;
}

/** Opens a database with all tables and no rows. */
export async function createWorld(): Promise<World> {
  const testDatabase = await createTestDatabase();
  const database = openDatabase({ url: testDatabase.url, connections: 5, logger: silentLogger, name: 'realtime test' });
  const processes: Realtime[] = [];
  return {
    database,
    pool: database.pool,
    realtime: async (limits, clock = systemClock) => {
      const realtime = await createRealtime({
        database,
        clock,
        logger: silentLogger,
        limits: { pace: 0, ...limits },
      });
      processes.push(realtime);
      return realtime;
    },
    close: async () => {
      await Promise.all(processes.map((realtime) => realtime.close()));
      await database.close();
      await testDatabase.drop();
    },
  };
}

/** Anything that takes plain SQL. */
export type Sql = Pick<Pool, 'query'>;

export async function addOrganization(pool: Sql): Promise<bigint> {
  const { rows } = await pool.query(`INSERT INTO organization (name, created_at) VALUES ('Test', now()) RETURNING id`);
  return BigInt(rows[0].id);
}

export async function addTask(pool: Sql, organizationId: bigint, kind = 'SYNC'): Promise<TaskKey> {
  const { rows } = await pool.query(
    `INSERT INTO task (organization_id, kind, actor, created_at) VALUES ($1, $2, 'test', now()) RETURNING id`,
    [organizationId, kind],
  );
  return { organizationId, taskId: BigInt(rows[0].id) };
}

export async function addToken(pool: Sql, organizationId: bigint): Promise<bigint> {
  const { rows } = await pool.query(
    `INSERT INTO token (organization_id, u_id, mdm_id, label, region, account_type, organization_name, position, expires_at, created_at)
     SELECT $1, id::text, id, 'Token', 'US', 'BUSINESS', 'Test', 1, now(), now() FROM gen_random_uuid() AS id RETURNING id`,
    [organizationId],
  );
  return BigInt(rows[0].id);
}

export async function addApp(pool: Sql, organizationId: bigint): Promise<bigint> {
  const { rows } = await pool.query(
    `INSERT INTO app (organization_id, adam_id, product_type, status, first_seen_at)
     SELECT $1, id::text, 'APP', 'RELEASE', now() FROM gen_random_uuid() AS id RETURNING id`,
    [organizationId],
  );
  return BigInt(rows[0].id);
}

/** Seats of an app in a token. */
export interface Seats {
  total?: number;
  held?: number;
  reserved?: number;
  retired?: number;
  unlimited?: boolean;
  appleAssigned?: number;
  appleAsOf?: string;
  pricingParam?: string;
}

/** Sets the seats of an app in a token, as a sync or a license's transition does, without the ring. */
export async function setSeats(
  pool: Sql,
  organizationId: bigint,
  tokenId: bigint,
  appId: bigint,
  seats: Seats,
): Promise<void> {
  await pool.query(
    `INSERT INTO license_pool (organization_id, token_id, app_id, adam_id, pricing_param, total, held, reserved, retired, unlimited,
       device_assignable, revocable, supported_platforms, apple_assigned, apple_as_of)
     VALUES ($1, $2, $3::bigint, $3::bigint::text, $4, $5, $6, $7, $8, $9, true, true, '{iOS}', $10, $11)
     ON CONFLICT (organization_id, token_id, adam_id, pricing_param) DO UPDATE SET total = excluded.total, held = excluded.held,
       reserved = excluded.reserved, retired = excluded.retired, unlimited = excluded.unlimited,
       apple_assigned = excluded.apple_assigned, apple_as_of = excluded.apple_as_of`,
    [
      organizationId,
      tokenId,
      appId,
      seats.pricingParam ?? 'STDQ',
      seats.total ?? 0,
      seats.held ?? 0,
      seats.reserved ?? 0,
      seats.retired ?? 0,
      seats.unlimited ?? false,
      seats.appleAssigned ?? seats.held ?? 0,
      seats.appleAsOf ?? '2026-01-01T00:00:00Z',
    ],
  );
}

const beginning: ProgressPayload = {
  state: 'RUNNING',
  phase: null,
  waitsFor: null,
  waitsUntil: null,
  requested: '100',
  completed: '0',
  failed: '0',
  reported: '0',
  outcome: null,
  cause: null,
  startedAt: '2026-01-02T03:04:05.678Z',
  finishedAt: null,
};

/** Writes `count` events that say `progress`, the way the domain does, without the ring. `completed` is the event's number. */
export async function writeEvents(
  pool: Sql,
  task: TaskKey,
  count: number,
  progress: Partial<ProgressPayload> = {},
): Promise<void> {
  await pool.query(
    `WITH moved AS (
       UPDATE task SET seq = seq + $3, state = ($4::jsonb->>'state')::"TaskState", completed = seq + $3, last_event_at = now()
       WHERE organization_id = $1 AND id = $2 RETURNING *
     ), counter AS (
       INSERT INTO organization_counter AS c (organization_id, seq) SELECT organization_id, $3 FROM moved
       ON CONFLICT (organization_id) DO UPDATE SET seq = c.seq + $3 RETURNING seq
     )
     INSERT INTO task_event (organization_id, task_id, seq, org_seq, at, payload)
     SELECT $1, $2, moved.seq - i, counter.seq - i, now(), $4::jsonb || jsonb_build_object('completed', (moved.seq - i)::text)
     FROM moved, counter, generate_series($3::bigint - 1, 0, -1) AS i`,
    [task.organizationId, task.taskId, count, JSON.stringify({ ...beginning, ...progress })],
  );
}

/** Rings as a committed transaction does. */
export async function ring(pool: Sql, bell: Ring): Promise<void> {
  await pool.query('SELECT pg_notify($1, $2)', [channel, ringText(bell)]);
}

/** Events and their ring in one transaction. */
export async function publish(
  pool: Pool,
  task: TaskKey,
  count = 1,
  progress: Partial<ProgressPayload> = {},
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await writeEvents(client, task, count, progress);
    await ring(client, { organizationId: task.organizationId, kind: 'task', id: task.taskId });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** Ends every listening connection of this database, as a restart of PostgreSQL would; gives back how many. */
export async function killListeners(pool: Sql): Promise<number> {
  const { rows } = await pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'russet listen'`,
  );
  return rows.length;
}

/** A signal that nobody aborts. */
export const forever = new AbortController().signal;

/** The next value; fails when the stream has ended. */
export async function take<T>(iterator: AsyncIterator<T>): Promise<T> {
  const result = await iterator.next();
  if (result.done) throw new Error('the stream has ended');
  return result.value;
}

/** The next `count` values. */
export async function takeMany<T>(iterator: AsyncIterator<T>, count: number): Promise<T[]> {
  const values: T[] = [];
  while (values.length < count) values.push(await take(iterator));
  return values;
}

/** Everything up to the stream's end. */
export async function drain<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

export function iterate<T>(values: AsyncIterable<T>): AsyncIterator<T> {
  return values[Symbol.asyncIterator]();
}

/** The numbers from `first` to `last`. */
export function range(first: number, last: number): bigint[] {
  return Array.from({ length: last - first + 1 }, (_, index) => BigInt(first + index));
}
