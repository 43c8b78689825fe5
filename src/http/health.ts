/** Whether a process runs, and whether it can do its work. @module */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '../domain/context.ts';
import { respondJson } from './respond.ts';

/** Milliseconds in which the database must answer. */
const patience = 2_000;

/** Says in a word why the process can't do its work now; null when it can. */
export type ReadinessCheck = () => Promise<string | null>;

/** Answers `/health/live` (the process runs) and `/health/ready` (it can do its work); false for any other path. */
export async function handleHealth(
  check: ReadinessCheck,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (request.url === '/health/live') {
    respondJson(response, 200, { status: 'ok' });
    return true;
  }
  if (request.url !== '/health/ready') return false;
  const problem = await check();
  respondJson(response, problem === null ? 200 : 503, { status: problem ?? 'ok' });
  return true;
}

/** Why the database can't be used now; null when it can. */
export async function databaseProblem(services: Pick<Services, 'pool'>): Promise<string | null> {
  const done = new AbortController();
  const late = delay(patience, 'the database does not answer', { signal: done.signal, ref: false }).catch(() => null);
  const asked = services.pool.query('SELECT 1').then(
    () => null,
    () => 'the database is out of reach',
  );
  const problem = await Promise.race([asked, late]);
  done.abort();
  return problem;
}
