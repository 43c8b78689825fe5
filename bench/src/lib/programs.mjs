/** Servers and load generators as processes of their own. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Program
 * @property {number} pid
 * @property {Record<string, any>} ready what it said when it was ready
 * @property {import('node:child_process').ChildProcess} child
 * @property {() => Promise<void>} stop ends it in order, by force after ten seconds
 */

/** Every process that still runs; nothing may outlive the bench. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Where processor profiles go; empty while nobody asked for them. */
let profileDirectory = '';
/** @param {string} directory */
export function profileInto(directory) {
  profileDirectory = directory;
}

/**
 * Starts a program and waits until it says over its channel that it is ready.
 * @param {string} file
 * @param {{ args?: string[], env?: Record<string, string>, node?: string, nodeArgs?: string[], profile?: string }} [options]
 * @returns {Promise<Program>}
 */
export async function startProgram(file, options = {}) {
  const { args = [], env = {}, node = process.execPath, nodeArgs = [], profile } = options;
  const profiling =
    profile && profileDirectory
      ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, `--cpu-prof-name=${profile}.cpuprofile`]
      : [];
  const child = spawn(node, [...profiling, ...nodeArgs, file, ...args], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      output = (output + text).slice(-20_000);
    });
  }
  child.once('exit', () => running.delete(child));
  const ready = await readiness(child, () => `${file} did not start:\n${output}`);
  return { pid: /** @type {number} */ (child.pid), ready, child, stop: () => stop(child) };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => string} complaint
 * @returns {Promise<Record<string, any>>}
 */
function readiness(child, complaint) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(complaint())));
    child.on('message', (/** @type {any} */ message) => {
      if (message?.type === 'ready') resolve(message);
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(force);
}

/**
 * Asks a program of the bench something over its channel.
 * @param {Program} program
 * @param {Record<string, unknown>} request
 * @returns {Promise<any>}
 */
export function call({ child }, request) {
  return new Promise((resolve, reject) => {
    const settle = (/** @type {any} */ message) => {
      if (message?.type !== 'answer') return;
      child.off('message', settle);
      child.off('exit', gone);
      if (message.error) reject(new Error(message.error));
      else resolve(message.answer);
    };
    const gone = () => reject(new Error('the program ended before it answered'));
    child.on('message', settle);
    child.once('exit', gone);
    child.send(request);
  });
}

/**
 * Memory of a process in bytes: what it uses now, and the most it ever used. Linux only; null elsewhere.
 * @param {number} pid
 */
export function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (/** @type {string} */ name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
    return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
  } catch {
    return null;
  }
}
