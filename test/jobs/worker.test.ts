import type pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from '../../src/db/client.ts';
import type { Services } from '../../src/domain/context.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url, connections: 6, logger: silentLogger, name: 'worker test' });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** Jobs of this kind that are left. */
async function jobsLeft(pool: pg.Pool): Promise<number> {
  return (await pool.query('SELECT 1 FROM graphile_worker.jobs')).rowCount ?? 0;
}

test('F12 a worker whose job could not be written down as done goes on with the next ones', async () => {
  const { pool } = database;
  // The first deletion of a job fails, as it does when the connection breaks at that moment.
  await pool.query(`
    CREATE SEQUENCE deletions;
    CREATE FUNCTION break_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('deletions') = 1 THEN RAISE EXCEPTION 'the connection broke'; END IF; RETURN OLD; END $$;
    CREATE TRIGGER break_once BEFORE DELETE ON graphile_worker._private_jobs FOR EACH ROW EXECUTE FUNCTION break_once()`);
  const settings = {
    publicUrl: null,
    taskEventDays: 30,
    taskDays: 30,
    notificationDays: 30,
    planDays: 30,
    idempotencyDays: 7,
    inventoryEvery: 86_400_000,
    informationEvery: 86_400_000,
    questionDeadline: 3 * 86_400_000,
    pushAgainAfter: 900_000,
    mostPushes: 5,
    deviceNewsDays: 7,
    deviceCommandDays: 90,
  };
  const services = { ...database, clock: systemClock, logger: silentLogger, settings } as unknown as Services;
  const worker = await startWorker({
    database,
    services,
    concurrency: 2,
    pollInterval: 100,
    heartbeatEvery: 100,
    deadAfter: 500,
    sweepEvery: 60_000,
  });
  onTestFinished(() => worker.stop());
  const before = worker.poolId;
  await pool.query(`SELECT graphile_worker.add_job('prune', queue_name => 'one')`);
  expect(await eventually(() => worker.poolId !== before)).toBe(true);
  await pool.query(`SELECT graphile_worker.add_job('prune', queue_name => 'two')`);
  expect(await eventually(async () => (await jobsLeft(pool)) === 0)).toBe(true);
  const { rows } = await pool.query('SELECT pool_id FROM worker_process');
  expect(rows).toEqual([{ pool_id: worker.poolId }]);
}, 30_000);
