/** Tokens, syncs and other tasks, as a client starts them. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from './postgres.mjs';

/**
 * Uploads the simulator's token `own`. Gives its global id.
 * @param {import('./russet.mjs').Api} api @param {import('./russet.mjs').Simulator} simulator
 */
export async function uploadOwnToken(api, simulator) {
  const { text } = await simulator.admin('tokenFile', { name: 'own' });
  const { uploadToken } = await api.ask(
    `mutation ($input: UploadTokenInput!) {
      uploadToken(input: $input) { ... on UploadTokenPayload { token { id } } ... on UserError { code message } }
    }`,
    { input: { file: text, email: 'it@example.org' } },
  );
  if (!uploadToken.token) throw new Error(`the token was refused: ${JSON.stringify(uploadToken)}`);
  return uploadToken.token.id;
}

/** Starts the sync of all tokens; there is one. @param {import('./russet.mjs').Api} api */
export async function startSync(api) {
  const { syncLicenses } = await api.ask(
    `mutation { syncLicenses(input: { full: true }) {
      ... on SyncLicensesPayload { syncs { task { id } } } ... on UserError { code message }
    } }`,
  );
  if (!syncLicenses.syncs) throw new Error(`the sync was refused: ${JSON.stringify(syncLicenses)}`);
  return rowOf(syncLicenses.syncs[0].task.id);
}

/** The row's number behind a global id. @param {string} globalId */
export const rowOf = (globalId) => Buffer.from(globalId, 'base64').toString('utf8').split(':')[1];

/**
 * Waits for the end of a task. Throws unless it succeeded.
 * @param {string} databaseUrl @param {string} taskId
 * @returns {Promise<{ seconds: number, completed: number, failed: number }>} from its creation to its end
 */
export function endOfTask(databaseUrl, taskId) {
  return withClient(databaseUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query(
        `SELECT state, phase, cause, completed::int, failed::int, finished_at IS NOT NULL AS over,
           extract(epoch FROM finished_at - created_at)::float8 AS seconds FROM task WHERE id = $1`,
        [taskId],
      );
      const [{ over, state, cause, ...task }] = rows;
      if (over && state !== 'SUCCEEDED') throw new Error(`the task ended ${state}: ${JSON.stringify(cause)}`);
      if (over) return task;
      await sleep(100);
    }
  });
}

/** Waits until the task has come to a phase, or to its end. @param {string} databaseUrl @param {string} taskId @param {string} phase */
export function phaseOfTask(databaseUrl, taskId, phase) {
  return withClient(databaseUrl, async (client) => {
    const text = 'SELECT 1 FROM task WHERE id = $1 AND (phase = $2 OR finished_at IS NOT NULL)';
    while ((await client.query(text, [taskId, phase])).rowCount === 0) await sleep(50);
  });
}

/** Global ids of rows. @param {string} type @param {readonly (string | number | bigint)[]} rows */
export const globalIds = (type, rows) => rows.map((row) => Buffer.from(`${type}:${row}`).toString('base64'));

/**
 * Asks for a license of each app for each device. Gives the task's number.
 * @param {import('./russet.mjs').Api} api @param {{ appIds: string[], deviceIds: string[] }} wish
 */
export async function startAssociation(api, { appIds, deviceIds }) {
  const { associateLicenses } = await api.ask(
    `mutation ($input: AssociateLicensesInput!) { associateLicenses(input: $input) {
      ... on AssociateLicensesPayload { task { id } } ... on UserError { code message }
    } }`,
    { input: { appIds, target: { deviceIds } } },
  );
  if (!associateLicenses.task) throw new Error(`the licenses were refused: ${JSON.stringify(associateLicenses)}`);
  return rowOf(associateLicenses.task.id);
}
