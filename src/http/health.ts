import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '../domain/context.ts';
import { respondJson } from './respond.ts';

/** Milliseconds in which the database must answer. */
const patience = 2_000;

/** Answers `/health/live` (the process runs) and `/health/ready` (it can serve); false for any other path. */
export async function handleHealth(
  services: Services,
  closing: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (request.url === '/health/live') {
    respondJson(response, 200, { status: 'ok' });
    return true;
  }
  if (request.url !== '/health/ready') return false;
  const problem = closing() ? 'closing' : await databaseProblem(services);
  respondJson(response, problem === null ? 200 : 503, { status: problem ?? 'ok' });
  return true;
}

async function databaseProblem(services: Services): Promise<string | null> {
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
