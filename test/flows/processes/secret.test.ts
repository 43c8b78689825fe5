import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TokenInfo } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  appId,
  eligible,
  endOfTask,
  listDevices,
  serials,
  startAssociation,
  startSync,
  uploadToken,
} from '../../support/process-steps.ts';
import { library, liveJobs } from '../../support/process-truth.ts';
import { watchTask } from '../../support/process-watch.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

let processes: Processes;
let api: ApiProcess;

beforeAll(async () => {
  processes = await startProcesses({ simulator: ['--max-requests-per-second', '1000'] });
  api = await processes.api({ LOG_LEVEL: 'debug' });
  await processes.worker({ LOG_LEVEL: 'debug' });
  await keepJobs();
}, 60_000);
afterAll(() => processes.close());

/** Jobs are deleted when they are done: a copy of every state of each is kept. */
async function keepJobs(): Promise<void> {
  await processes.db.query(`
    CREATE TABLE job_trace (row text);
    CREATE FUNCTION trace_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO job_trace VALUES (NEW::text); RETURN NEW; END $$;
    CREATE TRIGGER trace AFTER INSERT OR UPDATE ON graphile_worker._private_jobs FOR EACH ROW EXECUTE FUNCTION trace_job()`);
}

/** Every row of every table as text, with its table's name. */
async function allRows(): Promise<Map<string, string>> {
  const { db } = processes;
  const tables = await db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const found = new Map<string, string>();
  for (const { name } of tables.rows) {
    const { rows } = await db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    found.set(name, rows.map(({ row }) => row).join('\n'));
  }
  return found;
}

/** Pieces of which any leak of 31 characters in a row contains at least one. */
function pieces(secret: string): string[] {
  const size = 16;
  return Array.from({ length: Math.floor(secret.length / size) }, (_, index) =>
    secret.slice(index * size, (index + 1) * size),
  );
}

/** Asks for something that must fail, in the hope of an answer that repeats what was sent. */
async function provoke(token: TokenInfo): Promise<void> {
  const upload =
    'mutation ($input: UploadTokenInput!) { uploadToken(input: $input) { __typename ... on UserError { code message } } }';
  const broken = token.text.slice(0, -7);
  const inputs = [
    { file: broken },
    { file: `${token.text}${token.text}` },
    { file: token.text, unknown: true },
    { file: token.text, email: 7 },
    { file: token.text, source: token.text },
    { file: token.text, region: token.text },
    { file: token.text, label: null, email: token.innerToken },
    { file: [token.text] },
    token.text,
  ];
  for (const input of inputs) await api.send(upload, { input });
  await api.send(`mutation { uploadToken(input: { file: ${JSON.stringify(token.text)}, unknown: 1 }) { __typename } }`);
  await api.send(`mutation { uploadToken(input: { file: "${token.text}" email: }) { __typename } }`);
  await api.send(`{ ${token.text} }`);
}

test('S10 no part of a token file is in any log line, answer or row, whatever goes wrong', async () => {
  const { simulator, db } = processes;
  const token = await simulator.token('own');
  const tokenId = await uploadToken(api, token.text);
  const taskId = await startSync(api, tokenId);
  const watch = watchTask(api, taskId, { transport: 'ws' });
  expect(await endOfTask(api, taskId)).toMatchObject({ state: 'SUCCEEDED' });
  await watch.done;
  const devices = eligible(await simulator.devices()).slice(0, 5);
  await listDevices(api, devices);
  const app = await appId(api, '9000000001');
  await endOfTask(api, await startAssociation(api, { appIds: [app], target: { serialNumbers: serials(devices) } }));
  await api.ask(
    '{ tokens(first: 5) { edges { node { id label uId state } } } auditEntries(first: 50) { edges { node { action data subject } } } }',
  );

  const asked = api.answers.length;
  await provoke(token);
  const provoked = api.answers.slice(asked);
  expect(provoked).toHaveLength(12);
  // A sync that Apple turns down: the token was revoked in the portal.
  await simulator.revokeToken('own');
  expect(await endOfTask(api, await startSync(api, tokenId))).toMatchObject({ state: 'FAILED' });
  // And one that does not get through at all.
  await uploadToken(api, (await simulator.token('district')).text);
  await eventually(async () => (await liveJobs(processes)) === 0);

  const rows = await allRows();
  const places = new Map<string, string>([
    ...rows,
    ['log lines', processes.output()],
    ['watched', JSON.stringify(watch.events)],
  ]);
  api.answers.forEach((answer, index) => void places.set(`answer ${index}`, answer));
  // The search finds what is there: the library's number, in a row and in an answer.
  expect(rows.get('public.token')).toContain(library);
  expect(rows.get('public.job_trace')).toContain('task:1:1');
  expect(processes.output()).toContain('"level":"debug"');
  const other = await simulator.token('district');
  const secrets = [token, other].flatMap(({ text, innerToken }) => [...pieces(text), ...pieces(innerToken)]);
  expect(secrets.length).toBeGreaterThan(10);
  const leaks = [...places].flatMap(([place, text]) => (secrets.some((piece) => text.includes(piece)) ? [place] : []));
  const shown = leaks.map((place) => `${place}: ${places.get(place)!.slice(0, 300)}`);
  expect(shown).toEqual([]);
  await db.query('DROP TRIGGER trace ON graphile_worker._private_jobs');
}, 90_000);
