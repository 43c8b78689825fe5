/** What Russet does all the time, asked of its API or of its own functions. @module */
import { transaction } from '../../../dist/db/transaction.js';
import { mergeAssignments } from '../../../dist/domain/sync/merge-assignments.js';
import { dueWork } from '../../../dist/domain/work/due.js';
import { withClient } from './postgres.mjs';
import { globalIds } from './tasks.mjs';

/**
 * @typedef {object} Hot
 * @property {string} name
 * @property {(time: number) => Promise<unknown>} run another row each time, where rows change
 * @property {boolean} [whole] it is about the whole library: it grows with it
 *
 * @typedef {{ api: import('./russet.mjs').Api, key: string, services: any, databaseUrl: string }} Parts
 */

/** Rows on a page of Apple's assignments. */
const pageRows = 1_000;
const licenseParts = 'id state since serialNumber';

/** @param {Parts} parts @returns {Promise<Hot[]>} */
export async function hotOperations({ api, key, services, databaseUrl }) {
  const rows = await readRows(databaseUrl);
  const [app] = globalIds('App', [rows.app]);
  const device = (/** @type {number} */ time) => globalIds('Device', [rows.devices[time]])[0];
  const ask =
    (/** @type {string} */ query, /** @type {Record<string, unknown>} */ variables = {}) =>
    async () => {
      await api.ask(query, variables);
    };
  return [
    {
      name: 'page of 50 apps with counts and pools',
      run: ask(
        '{ apps(first: 50) { edges { node { id name licenses { total used } pools { id used token { label } } } } } }',
      ),
    },
    {
      name: 'counts of one app',
      run: ask('query ($id: ID!) { app(id: $id) { licenses { total available used } } }', { id: app }),
    },
    {
      name: 'page of 50 licenses of an app, with holders',
      run: ask(
        `query ($id: ID!) { app(id: $id) { licenseDetails(first: 50) { edges { node { ${licenseParts} token { label }
          holder { ... on Device { id name } } } } } } }`,
        { id: app },
      ),
    },
    {
      name: 'page of 50 devices with licenses, apps and tokens',
      run: ask(`{ devices(first: 50) { edges { node { id serialNumber
        licenses(first: 10) { edges { node { ${licenseParts} app { name } token { label } } } } } } } }`),
    },
    {
      name: 'licenses of one device',
      run: (time) =>
        api.ask(
          `query ($id: ID!) { device(by: { id: $id }) { licenses(first: 100) { edges { node { ${licenseParts} app { name } } } } } }`,
          { id: device(time) },
        ),
    },
    {
      name: 'device by serial number',
      run: (time) =>
        api.ask('query ($s: String!) { device(by: { serialNumber: $s }) { id name } }', { s: rows.serials[time] }),
    },
    {
      name: 'last page of 50 licenses',
      run: ask(`{ licenses(last: 50) { edges { node { ${licenseParts} app { name } } } } }`),
    },
    {
      name: 'whether a device holds an app',
      run: (time) =>
        api.ask('query ($id: ID!, $d: ID!) { app(id: $id) { holderHasLicense(deviceId: $d) } }', {
          id: app,
          d: device(time),
        }),
    },
    {
      name: 'reserving one seat (associateLicenses)',
      run: (time) =>
        change(api, associate, { appIds: globalIds('App', [rows.freeApp]), target: { deviceIds: [device(time)] } }),
    },
    {
      name: 'finding and revoking one license (revokeLicenses)',
      run: (time) => change(api, revoke, { target: { licenseIds: globalIds('License', [rows.licenses[time]]) } }),
    },
    { name: 'page of 100 task events', run: () => readTaskEvents(api.url, key, rows.task) },
    { name: `merging a page of ${pageRows} known assignments`, run: () => merge(services, rows, rows.known) },
    { name: `merging a page of ${pageRows} new assignments`, run: () => merge(services, rows, rows.fresh) },
    { name: 'looking for due work', run: () => dueWork(services) },
    { name: 'number of all licenses (totalCount)', run: ask('{ licenses(first: 0) { totalCount } }'), whole: true },
  ];
}

const associate = `mutation ($input: AssociateLicensesInput!) { result: associateLicenses(input: $input) {
  ... on AssociateLicensesPayload { task { id } } ... on UserError { message } } }`;
const revoke = `mutation ($input: RevokeLicensesInput!) { result: revokeLicenses(input: $input) {
  ... on RevokeLicensesPayload { task { id } } ... on UserError { message } } }`;

/** @param {import('./russet.mjs').Api} api @param {string} mutation @param {Record<string, unknown>} input */
async function change(api, mutation, input) {
  const { result } = await api.ask(mutation, { input });
  if (!result.task) throw new Error(`it was refused: ${JSON.stringify(result)}`);
}

/** The first hundred events behind a snapshot's cursor, as a reader who comes back gets them. @param {string} url @param {string} key @param {string} task */
async function readTaskEvents(url, key, task) {
  const [taskId] = globalIds('Task', [task]);
  const query = 'subscription ($id: ID!, $after: String) { taskProgress(taskId: $id, after: $after) { seq cursor } }';
  const after = Buffer.from(`${task}:1000`).toString('base64url');
  const stop = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables: { id: taskId, after } }),
    signal: stop.signal,
  });
  let text = '';
  for await (const chunk of /** @type {any} */ (response.body)) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.includes('errors')) throw new Error(text);
    if ((text.match(/"seq"/g) ?? []).length >= 100) break;
  }
  stop.abort();
}

class RolledBack extends Error {}

/** Merges a page and takes it back, so that the next time finds the same. @param {any} services @param {any} rows @param {any[]} page */
async function merge(services, { organizationId, tokenId, task }, page) {
  const startedAt = new Date();
  const sweep = { organizationId, tokenId, taskId: BigInt(task), startedAt, opening: false };
  try {
    await transaction(services, async (tx) => {
      const merged = await mergeAssignments(tx, sweep, page, startedAt);
      throw merged.unknownAssets.length > 0 ? new Error('the assets are not known') : new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}

/** @param {string} databaseUrl */
function readRows(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    const all = async (/** @type {string} */ text) => (await client.query(text)).rows;
    const middle = `(SELECT max(id) / 2 FROM license)`;
    const assignment = `adam_id AS "adamId", pricing_param AS "pricingParam", serial_number AS "serialNumber", NULL AS "clientUserId"`;
    const [token] = await all('SELECT organization_id, id FROM token ORDER BY position LIMIT 1');
    const devices = await all(
      'SELECT id, serial_number FROM device ORDER BY id LIMIT 100 OFFSET (SELECT count(*) / 3 FROM device)',
    );
    const [app] = await all('SELECT id FROM app ORDER BY id LIMIT 1 OFFSET 100');
    const [freeApp] = await all(`SELECT id, adam_id FROM app WHERE name LIKE 'Free%' ORDER BY id LIMIT 1`);
    const licenses = await all(
      `SELECT id FROM license WHERE id > ${middle} AND ended_at IS NULL ORDER BY id LIMIT 100`,
    );
    const [task] = await all(`SELECT id FROM task WHERE kind = 'SYNC' ORDER BY seq DESC LIMIT 1`);
    const known = await all(
      `SELECT ${assignment} FROM license WHERE token_id = ${token.id} AND ended_at IS NULL ORDER BY id LIMIT ${pageRows} OFFSET (SELECT count(*) / 10 FROM license)`,
    );
    const fresh = await all(
      `SELECT '${freeApp.adam_id}' AS "adamId", 'STDQ' AS "pricingParam", serial_number AS "serialNumber", NULL AS "clientUserId"
       FROM device ORDER BY id DESC LIMIT ${pageRows}`,
    );
    return {
      organizationId: BigInt(token.organization_id),
      tokenId: BigInt(token.id),
      app: app.id,
      freeApp: freeApp.id,
      devices: devices.map(({ id }) => id),
      serials: devices.map(({ serial_number }) => serial_number),
      licenses: licenses.map(({ id }) => id),
      task: task.id,
      known,
      fresh,
    };
  });
}
