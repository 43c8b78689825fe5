/** Subscribers of license counts, and as many listeners of a bare server. @module */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lib, references, root } from './paths.mjs';
import { call, startProgram } from './programs.mjs';

/** The document that clients of Russet use. */
export const document = (() => {
  const operations = readFileSync(join(root, 'schema', 'operations', 'apps.graphql'), 'utf8');
  const fragment = /fragment LicenseCountsParts on[^}]*}/.exec(operations)?.[0];
  const subscription = /subscription LicenseCounts[\s\S]*?\n}\n/.exec(operations)?.[0];
  return `${fragment}\n${subscription}`;
})();

const hook = ['--expose-gc', '--import', `${lib}memory-hook.mjs`];

/** A server that can be asked for its memory. @param {import('./programs.mjs').Program} program @returns {Promise<NodeJS.MemoryUsage>} */
export const memoryAfterCollection = (program) => call(program, { type: 'memory' });

export const startBareServer = () => startProgram(`${references}bare-websocket.mjs`, { nodeArgs: hook });
export const memoryHook = hook;

/** @returns {Promise<Subscribers>} */
export async function startSubscribers() {
  const program = await startProgram(`${lib}subscriber-process.mjs`);
  return {
    open: (options) => call(program, { type: 'open', atOnce: 25, first: 0, subscription: null, ...options }),
    deliver: async (messages, trigger) => {
      await call(program, { type: 'arm' });
      const at = await trigger();
      const { arrivals, sample } = await call(program, { type: 'collect', messages, patience: 60_000 });
      return { milliseconds: arrivals.map((/** @type {number} */ time) => time - at), sample };
    },
    stop: program.stop,
  };
}

/**
 * @typedef {object} Subscribers One process full of sockets.
 * @property {(options: { url: string, count: number, subscription?: { key: string, query: string, variables: unknown }, first?: number }) => Promise<number>} open
 * @property {(messages: number, trigger: () => Promise<number>) => Promise<{ milliseconds: number[], sample: string }>} deliver
 *   runs the trigger, which gives the moment that counts, and waits until every socket has `messages` more
 * @property {() => Promise<void>} stop
 */
