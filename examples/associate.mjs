/**
 * Gives an app to devices and waits until Apple has confirmed it, over one WebSocket (graphql-ws).
 *
 *   node examples/associate.mjs <adamId> <serial number>…
 */
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const { graphqlUrl, apiKey } = JSON.parse(readFileSync(`${process.env.RUSSET_DATA || '.data'}/sandbox.json`, 'utf8'));

const findApp = 'query ($adamId: String!) { app(adamId: $adamId) { id name } }';
const associate = `
  mutation ($input: AssociateLicensesInput!) {
    associateLicenses(input: $input) {
      ... on AssociateLicensesPayload { replayed task { id } }
      ... on UserError { code message }
    }
  }`;
const progress = `
  subscription ($taskId: ID!) {
    taskProgress(taskId: $taskId) { task { state outcome requested completed failed cause { message } } }
  }`;

const [adamId, ...serialNumbers] = process.argv.slice(2);
if (!adamId || serialNumbers.length === 0) {
  console.error('Usage: node examples/associate.mjs <adamId> <serial number>…');
  process.exit(1);
}

const client = createClient({
  url: graphqlUrl.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { apiKey },
});
try {
  process.exitCode = await run();
} finally {
  await client.dispose();
}

async function run() {
  const { app } = await ask(findApp, { adamId });
  if (!app) return fail(`No app ${adamId} was purchased.`);
  // Repeats are harmless: a device that holds a license gets no second one. A key makes them give the same task, too.
  const input = { appIds: [app.id], target: { serialNumbers }, idempotencyKey: crypto.randomUUID() };
  const { associateLicenses: result } = await ask(associate, { input });
  if (result.code === 'ALREADY_LICENSED') {
    console.log(result.message);
    return 0;
  }
  if (result.code) return fail(`${result.code}: ${result.message}`);
  for await (const { data, errors } of client.iterate({ query: progress, variables: { taskId: result.task.id } })) {
    if (errors) return fail(errors[0].message);
    const { state, outcome, requested, completed, failed, cause } = data.taskProgress.task;
    console.log(`${app.name}: ${state}, ${completed} of ${requested}${failed > 0 ? `, ${failed} failed` : ''}`);
    if (state === 'SUCCEEDED') return outcome === 'ALL' ? 0 : fail(`Some were refused: ${outcome}`);
    if (state === 'FAILED' || state === 'CANCELLED') return fail(cause?.message ?? state);
  }
  return fail('The server ended the stream: it is being restarted. The task goes on.');
}

/** One query or mutation. */
async function ask(query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(errors[0].message);
    return data;
  }
}

function fail(message) {
  console.error(message);
  return 1;
}
