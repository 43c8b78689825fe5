/** Russet as it runs: built programs as processes over one database. @module */
import { randomBytes } from 'node:crypto';
import { openDatabase } from '../../../dist/db/client.js';
import { createFirstKey } from '../../../dist/domain/access/first-key.js';
import { systemClock } from '../../../dist/lib/clock.js';
import { silentLogger } from '../../../dist/lib/logger.js';
import { ask, operation, unlikeBefore } from './client.mjs';
import { dist } from './paths.mjs';
import { startProgram } from './programs.mjs';

/**
 * @typedef {object} Russet
 * @property {string} databaseUrl
 * @property {string} key an administrator's API key
 * @property {Record<string, string>} environment what its processes are started with
 * @property {(env?: Record<string, string>, nodeArgs?: string[]) => Promise<Api>} api starts an API process
 * @property {(env?: Record<string, string>) => Promise<import('./programs.mjs').Program>} worker starts a worker process
 * @property {(args?: string[]) => Promise<Simulator>} simulator starts Apple's stand-in; before API and workers that need it
 * @property {() => Promise<void>} stop stops all of them and drops the database
 *
 * @typedef {import('./programs.mjs').Program & { url: string, ask: (query: string, variables?: Record<string, unknown>) => Promise<any> }} Api
 * @typedef {import('./programs.mjs').Program & { admin: (verb: string, payload?: unknown) => Promise<any> }} Simulator
 */

/**
 * A database with an organization and a key in it; processes come as they are asked for.
 * @param {import('./postgres.mjs').Postgres} postgres
 * @returns {Promise<Russet>}
 */
export async function createRusset(postgres) {
  const databaseUrl = await postgres.createDatabase();
  const key = await createKey(databaseUrl);
  /** @type {import('./programs.mjs').Program[]} */
  const programs = [];
  const environment = {
    RUSSET_MODE: 'sandbox',
    DATABASE_URL: databaseUrl,
    PORT: '0',
    LOG_LEVEL: 'warn',
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    // Nobody listens there until a simulator is started.
    APPLE_BASE_URL: 'http://127.0.0.1:9/mdm/v2',
  };
  const start = async (
    /** @type {string} */ name,
    /** @type {Record<string, string>} */ env = {},
    /** @type {string[]} */ nodeArgs = [],
  ) => {
    const program = await startProgram(`${dist}main/${name}.js`, {
      env: { ...environment, ...env },
      nodeArgs,
      profile: name,
    });
    programs.push(program);
    return program;
  };
  return {
    databaseUrl,
    key,
    environment,
    api: async (env, nodeArgs) => {
      const program = await start('api', env, nodeArgs);
      const { url } = program.ready;
      return { ...program, url, ask: (query, variables) => ask(unlikeBefore(operation(url, key, query, variables))) };
    },
    worker: (env) => start('worker', env),
    simulator: async (args = []) => {
      const program = await startProgram(`${dist}simulator/main.js`, { args: ['--port', '0', ...args] });
      programs.push(program);
      environment.APPLE_BASE_URL = `${program.ready.url}/mdm/v2`;
      return { ...program, admin: (verb, payload = {}) => control(program.ready.url, verb, payload) };
    },
    stop: async () => {
      for (const program of programs.reverse()) await program.stop();
      await postgres.dropDatabase(databaseUrl);
    },
  };
}

/** @param {string} url */
async function createKey(url) {
  const database = openDatabase({ url, connections: 2, logger: silentLogger, name: 'bench' });
  try {
    const services = { prisma: database.prisma, clock: systemClock };
    return await createFirstKey(services, { organization: 'Bench District', name: 'bench' });
  } finally {
    await database.close();
  }
}

/** @param {string} url @param {string} verb @param {unknown} payload */
async function control(url, verb, payload) {
  const response = await fetch(`${url}/_admin/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(payload),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`the simulator refused ${verb}: ${JSON.stringify(body)}`);
  return body;
}
