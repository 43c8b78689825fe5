/** One change told to many subscribers, against a bare broadcast of the same bytes. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCountChanges } from '../lib/count-changes.mjs';
import { call } from '../lib/programs.mjs';
import { interleave } from '../lib/rounds.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { document, startBareServer, startSubscribers } from '../lib/subscribers.mjs';

export const title = 'Fan-out to subscribers';

const subscribers = 500;
const apps = 20;

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, rounds, quick }) {
  const russet = await createRusset(postgres);
  const bare = await startBareServer();
  const ours = await startSubscribers();
  const theirs = await startSubscribers();
  try {
    await seed(russet.databaseUrl, { devices: 1_000 });
    const api = await russet.api();
    const changes = await openCountChanges(russet.databaseUrl);
    const variables = { appIds: await changes.apps(apps) };
    const subscription = { key: russet.key, query: document, variables };
    await ours.open({ url: api.url.replace('http', 'ws'), count: subscribers, subscription, first: apps });
    await theirs.open({ url: bare.ready.url, count: subscribers });
    const { sample: text } = await ours.deliver(1, () => changes.change(1));
    const sides = (/** @type {number} */ changed, /** @type {number} */ times) => ({
      figure: () => messagesPerSecond(ours, changed, times, () => changes.change(changed)),
      reference: () =>
        messagesPerSecond(theirs, changed, times, () => call(bare, { type: 'broadcast', messages: changed, text })),
    });
    const goals = [];
    for (const [changed, times] of [
      [1, quick ? 5 : 20],
      [apps, quick ? 1 : 3],
    ]) {
      await interleave(sides(changed, 1), 1);
      const measured = await interleave(sides(changed, times), rounds);
      goals.push({
        ...measured,
        what: `${changed === 1 ? 'one change' : `${changed} changes of one transaction`} to ${subscribers} subscribers`,
        against: 'bare `ws` broadcast',
        unit: 'messages/s',
        least: 0.5,
      });
    }
    await changes.close();
    return { goals, notes: notes(text), documents: [{ title: 'Subscription', text: document }] };
  } finally {
    for (const program of [ours, theirs, bare, russet]) await program.stop();
  }
}

/**
 * Messages over the time from the change to the last subscriber's last message.
 * @param {import('../lib/subscribers.mjs').Subscribers} to @param {number} messages @param {number} times @param {() => Promise<number>} trigger
 */
async function messagesPerSecond(to, messages, times, trigger) {
  let milliseconds = 0;
  for (let time = 0; time < times; time++) {
    // Russet reads counts at most ten times a second: a change that comes sooner would measure that wait.
    await sleep(150);
    const delivered = await to.deliver(messages, trigger);
    milliseconds += Math.max(...delivered.milliseconds);
  }
  return (messages * subscribers * times * 1000) / milliseconds;
}

/** @param {string} text */
function notes(text) {
  return [
    `${subscribers} sockets with one subscription each of the document below, ${apps} apps named. A change is a merge of Apple's assets, as a sync does it; time runs from its commit to the last message at the last subscriber, with the notification and the reading of the counts in it.`,
    `The bare server sends a message as Russet's (${Buffer.byteLength(text)} bytes) to as many sockets in a loop; the process that receives is the same program.`,
  ];
}
