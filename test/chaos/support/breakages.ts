/** Faults that a build gets on purpose, and a scenario that brings each of them to light. @module */
import { plainApps, school } from '../../../src/simulator/index.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { eventually } from '../../support/eventually.ts';
import { serials } from '../../support/process-steps.ts';
import type { Processes } from '../../support/processes.ts';
import type { Change } from './broken-build.ts';
import { check } from './checker/index.ts';
import { type FewRequests, startFewRequests } from './few-requests.ts';
import { comeToRest } from './quiet.ts';
import { type System, startSystem } from './system.ts';
import { startWitness } from './witness.ts';

/** One fault of a build. */
export interface Breakage {
  name: string;
  changes: Change[];
  /** What the checker has to say of it. */
  shows: RegExp;
  run(system: System, client: FewRequests): Promise<void>;
}

/** Runs the scenario against the programs; those of `npm run build` unless said. Gives the violations. */
export async function violationsOf(
  breakage: Breakage,
  random: Random,
  seed: number,
  programs?: string,
): Promise<string[]> {
  const system = await startSystem({
    devices: 60,
    env: { UNKNOWN_OUTCOME_SECONDS: '4' },
    ...(programs ? { programs } : {}),
  });
  const { processes, libraries } = system;
  const { simulator, db } = processes;
  try {
    const client = startFewRequests(system, random);
    const witness = startWitness(simulator, libraries);
    await breakage.run(system, client);
    const stuck = await comeToRest(system, client, { sync: false, sameWorkers: true, within: 60_000 });
    await witness.stop();
    const { told } = client;
    const { overruns } = witness;
    const given = { seed: String(seed), simulator, db, told, libraries, overruns } as const;
    return [...stuck, ...(await check({ ...given, outages: 'none', writesOnce: true }))];
  } finally {
    await processes.close();
  }
}

const naiveReserve: Breakage = {
  name: 'seats are read, decided on and written without a lock or a condition',
  changes: [
    {
      file: 'domain/license/world.ts',
      from: '  await lockPoolsOf(tx, organizationId, appIds);\n',
      to: '',
    },
    {
      file: 'domain/license/reserve.ts',
      from: ' AND (p.unlimited OR p.total - p.held - p.reserved >= w.n)',
      to: '',
    },
  ],
  shows: /has 1 seats, and \d+ were given away at once/,
  run: async ({ processes, devices }, client) => {
    // The database has a last guard of its own, which would keep this build from doing harm.
    await processes.db.query('DROP TRIGGER guard_reserved ON license_pool');
    await processes.worker();
    // Held up where they write, so that several have read and decided by then, however fast or slow the machine is.
    const holder = await processes.db.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM license_pool FOR NO KEY UPDATE');
    const requests = Promise.all(
      serials(devices.slice(0, 60)).map((serial, index) => client.associate(index % 2, school.oneSeat, [serial])),
    );
    const heldUp = await eventually(async () => (await waiting(processes, 'russet api')) > 1);
    await holder.query('ROLLBACK');
    holder.release();
    await requests;
    if (!heldUp) throw new Error('no two requests came to the seats at once');
  },
};

const noClaimCheck: Breakage = {
  name: 'a worker that was frozen and woke late is not stopped',
  changes: [
    {
      file: 'domain/task/claim.ts',
      from: `
        AND claim = \${held.claim} FOR NO KEY UPDATE`,
      to: ' FOR NO KEY UPDATE',
    },
  ],
  shows: /Apple got associateAssets of .* twice/,
  run: async ({ processes, devices }, client) => {
    const { db, simulator } = processes;
    const late = await processes.worker();
    // Held up at the very moment of its claim, and frozen there: the claim is in the database, and it does not know.
    const holder = await db.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM token_gate FOR UPDATE');
    await client.associate(0, school.exactly300, serials(devices.slice(0, 5)));
    const heldUp = await eventually(async () => (await waiting(processes, 'russet worker')) > 0);
    if (!heldUp) throw new Error('the worker did not come to its claim');
    late.signal('SIGSTOP');
    await holder.query('ROLLBACK');
    holder.release();
    // The successor's write takes its time at Apple; meanwhile the late one wakes.
    await simulator.addFault({
      match: { operation: 'associateAssets', times: 1 },
      fault: { kind: 'latency', ms: 12_000 },
    });
    await processes.worker();
    // Late enough that whoever finds the write without an answer looks at Apple, where nothing of it has arrived yet.
    const open = `SELECT 1 FROM apple_call WHERE state = 'SENT' AND sent_at < clock_timestamp() - interval '4 seconds'`;
    if (!(await eventually(async () => (await db.query(open)).rowCount, 30_000))) throw new Error('no successor wrote');
    late.signal('SIGCONT');
    const slow = async () => (await simulator.journal({ operation: 'associateAssets' })).some(({ faults }) => faults);
    if (!(await eventually(slow, 30_000))) throw new Error('the slow write did not arrive');
  },
};

/** How many connections of a program wait for a lock. Not asked on the connection that holds it: a transaction sees one state of this all the time. */
async function waiting({ db }: Processes, program: string): Promise<number> {
  const found = await db.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`,
    [program],
  );
  return found.rowCount ?? 0;
}

const earlyBell: Breakage = {
  name: 'subscribers are told before the commit, on another connection',
  changes: [
    {
      file: 'db/notify.ts',
      from: "import { sql, type Tx } from './transaction.ts';",
      to: "import pg from 'pg';\nimport type { Tx } from './transaction.ts';\n\nconst outside = new pg.Pool({ connectionString: process.env.DATABASE_URL!, max: 2 });",
    },
    {
      file: 'db/notify.ts',
      from: `await tx.$queryRaw(sql\`SELECT 1 FROM pg_notify(\${channel}, \${ringText(bell)})\`);`,
      to: "await outside.query('SELECT pg_notify($1, $2)', [channel, ringText(bell)]);",
    },
  ],
  shows: /A follower of task \d+ .* last, and the task's last event is/,
  run: async ({ processes, devices }, client) => {
    await processes.worker();
    for (const serial of serials(devices.slice(0, 30))) await client.associate(0, plainApps[2]!, [serial]);
  },
};

/** All of them. */
export const breakages: readonly Breakage[] = [naiveReserve, noClaimCheck, earlyBell];
