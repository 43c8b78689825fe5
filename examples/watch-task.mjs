/**
 * Follows a task by server-sent events, with nothing but Node. When the connection breaks, it is built again with the
 * cursor of the last event: nothing is missed, nothing comes twice.
 *
 *   node examples/watch-task.mjs [task id]      without an id: the newest task
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { graphqlUrl, apiKey } = JSON.parse(readFileSync(`${process.env.RUSSET_DATA || '.data'}/sandbox.json`, 'utf8'));

const newest = 'query { tasks(first: 1) { edges { node { id } } } }';
const progress = `
  subscription ($taskId: ID!, $after: String) {
    taskProgress(taskId: $taskId, after: $after) {
      cursor
      seq
      task { state phase requested completed failed cause { code message } }
    }
  }`;

const taskId = process.argv[2] ?? (await newestTask());
await follow(taskId);

async function newestTask() {
  const response = await post(newest, {}, 'application/json');
  const { data } = await response.json();
  const [edge] = data.tasks.edges;
  if (!edge) throw new Error('There is no task yet: npm run demo makes some.');
  return edge.node.id;
}

async function follow(taskId) {
  let after = null;
  for (let failures = 0; failures < 10; failures += 1) {
    await sleep(failures * 250);
    try {
      for await (const { data, errors } of subscribe(progress, { taskId, after })) {
        // Final: an unknown task, or a cursor of another one. See docs/errors.md.
        if (errors) return fail(`${errors[0].extensions.code}: ${errors[0].message}`);
        const { cursor, seq, task } = data.taskProgress;
        after = cursor;
        failures = 0;
        console.log(`${seq}  ${task.state} ${task.phase ?? ''}  ${task.completed} of ${task.requested}`);
        if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(task.state)) return;
      }
      // The stream ended before the task did: the server is being restarted.
    } catch (error) {
      if (error.status === 401) return fail('The API key is not valid.');
      console.error(`reconnecting: ${error.message}`);
    }
  }
  fail('The server did not come back.');
}

/** The payloads of one subscription. */
async function* subscribe(query, variables) {
  const response = await post(query, variables, 'text/event-stream');
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const messages = text.split('\n\n');
    text = messages.pop();
    for (const message of messages) {
      const { event, data } = Object.fromEntries(message.split('\n').map((line) => line.split(/: ?(.*)/s)));
      if (event === 'next') yield JSON.parse(data);
      if (event === 'complete') return;
    }
  }
}

async function post(query, variables, accept) {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ query, variables }),
  });
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
  return response;
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
