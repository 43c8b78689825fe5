/** Ten thousand subscribers who mostly wait. @module */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCountChanges } from '../lib/count-changes.mjs';
import { call } from '../lib/programs.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { percentile, spread } from '../lib/statistics.mjs';
import { document, memoryAfterCollection, memoryHook, startBareServer, startSubscribers } from '../lib/subscribers.mjs';

export const title = 'Idle subscribers';

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, rounds, quick }) {
  const wanted = quick ? 1_000 : 10_000;
  const count = Math.min(wanted, mostSockets());
  const russet = await createRusset(postgres);
  const bare = await startBareServer();
  const ours = await startSubscribers();
  const theirs = await startSubscribers();
  try {
    await seed(russet.databaseUrl, { devices: 1_000 });
    const api = await russet.api({}, memoryHook);
    const changes = await openCountChanges(russet.databaseUrl);
    const subscription = { key: russet.key, query: document, variables: { appIds: await changes.apps(1) } };
    const url = api.url.replace('http', 'ws');
    await warmUp({ url, subscription, first: 1 });
    const kilobytes = await perSocket(api, () => ours.open({ url, count, subscription, first: 1 }), count);
    const bareKilobytes = await perSocket(bare, () => theirs.open({ url: bare.ready.url, count }), count);
    const p99 = [];
    const bareP99 = [];
    let text = '';
    for (let round = 0; round < Math.max(3, rounds); round++) {
      const told = await ours.deliver(1, () => changes.change(1));
      text = told.sample;
      p99.push(percentile(told.milliseconds, 99));
      const sent = await theirs.deliver(1, () => call(bare, { type: 'broadcast', messages: 1, text }));
      bareP99.push(percentile(sent.milliseconds, 99));
      await sleep(500);
    }
    await changes.close();
    return { goals: goals(count, { kilobytes, bareKilobytes, p99, bareP99 }), notes: notes(count, wanted) };
  } finally {
    for (const program of [ours, theirs, bare, russet]) await program.stop();
  }
}

/**
 * @param {number} count
 * @param {{ kilobytes: number, bareKilobytes: number, p99: number[], bareP99: number[] }} measured
 * @returns {import('../lib/types.mjs').Goal[]}
 */
function goals(count, { kilobytes, bareKilobytes, p99, bareP99 }) {
  const many = count.toLocaleString('en-US');
  return [
    {
      what: `memory of each of ${many} idle subscribers, one socket each`,
      figure: spread([kilobytes]),
      reference: spread([bareKilobytes]),
      against: 'bare `ws` socket',
      unit: 'KB',
      most: 30,
      absolute: true,
    },
    {
      what: `p99 of one change at ${many} subscribers`,
      figure: spread(p99),
      reference: spread(bareP99),
      against: 'bare `ws` broadcast',
      unit: 'ms',
      most: 1_500,
      absolute: true,
    },
  ];
}

/** What is loaded and compiled at the first subscriptions is not theirs. @param {any} options */
async function warmUp(options) {
  const first = await startSubscribers();
  await first.open({ ...options, count: 200 });
  await first.stop();
  await sleep(500);
}

/**
 * Growth of what is resident, in KB of 1,000 bytes a socket, garbage collected before and after.
 * @param {import('../lib/programs.mjs').Program} server @param {() => Promise<unknown>} open @param {number} count
 */
async function perSocket(server, open, count) {
  const before = await settledMemory(server);
  await open();
  const after = await settledMemory(server);
  return (after.rss - before.rss) / count / 1000;
}

/** What is freed goes back to the system with some delay. @param {import('../lib/programs.mjs').Program} server */
async function settledMemory(server) {
  for (let time = 0; time < 3; time++) {
    await sleep(1_000);
    await memoryAfterCollection(server);
  }
  return memoryAfterCollection(server);
}

/** Files that a process may have open, less what else it needs. */
function mostSockets() {
  try {
    const limit = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit) - 500;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** @param {number} count @param {number} wanted */
function notes(count, wanted) {
  const fewer = `This system lets a process open too few files for ${wanted}, so there were ${count}.`;
  return [
    'One socket, one subscription of `licenseCounts` each. Memory is the growth of the resident set of the API process (RSS) after a garbage collection, divided by their number.',
    ...(count < wanted ? [fewer] : []),
  ];
}
