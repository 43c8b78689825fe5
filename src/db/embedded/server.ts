/** Runs PostgreSQL over a data folder. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { type Cluster, programEnvironment } from './cluster.ts';
import { EmbeddedPostgresError } from './errors.ts';
import { type Guard, setGuard } from './guard.ts';
import { portsToTry } from './ports.ts';
import { readPostmasterFile } from './postmaster-file.ts';

/** A running server. */
export interface Server {
  port: number;
  /** Resolves when the server has ended, in whatever way. */
  exited: Promise<void>;
  /** Ends open connections and stops it; at the latest after about 12 s. */
  stop(): Promise<void>;
}

/** How to serve. */
export interface ServerOptions {
  /** Port to take when it is free. */
  port: number;
  maxConnections: number;
}

/** Longest wait for a start, in milliseconds: after a crash the log is replayed first. */
const startLimit = 120_000;
const logLimit = 10_000_000;

/** Starts the server, on another port when the wanted one is taken. */
export async function serve(cluster: Cluster, options: ServerOptions): Promise<Server> {
  for await (const port of portsToTry(options.port, 20)) {
    const server = await tryToServe(cluster, port, options.maxConnections);
    if (server) return server;
  }
  throw new EmbeddedPostgresError('START_FAILED', 'No free port was found for the embedded PostgreSQL.');
}

async function tryToServe(cluster: Cluster, port: number, maxConnections: number): Promise<Server | undefined> {
  const log = openLog(cluster);
  const child = spawn(join(cluster.binaries.root, 'bin', 'postgres'), settings(cluster, port, maxConnections), {
    cwd: cluster.home.path,
    env: programEnvironment,
    // A session of its own: Ctrl-C in the terminal must not reach it before those who still write to it.
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
    ...cluster.home.owner,
  });
  closeSync(log.descriptor);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  if (!child.pid) throw startFailed(log.read());
  const guard = setGuard(child.pid, cluster);
  if (await becomesReady(child, cluster)) {
    child.unref();
    return { port, exited, stop: () => stop(child, exited, guard) };
  }
  await stop(child, exited, guard);
  const complaint = log.read();
  if (/Address already in use|could not create any TCP\/IP sockets/.test(complaint)) return undefined;
  throw startFailed(complaint);
}

function settings(cluster: Cluster, port: number, maxConnections: number): string[] {
  const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const wanted = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: maxConnections,
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(cluster.home.temporary ? fast : {}),
  };
  return ['-D', cluster.data, ...Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function becomesReady(child: ChildProcess, cluster: Cluster): Promise<boolean> {
  const deadline = performance.now() + startLimit;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    const file = readPostmasterFile(cluster.data);
    if (file?.pid === child.pid && file?.ready) return true;
    await systemClock.sleep(15);
  }
  return false;
}

async function stop(child: ChildProcess, exited: Promise<void>, guard: Guard): Promise<void> {
  child.ref();
  for (const [signal, patience] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 2_000],
    ['SIGKILL', 2_000],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(signal);
    const patienceIsOver = new AbortController();
    await Promise.race([exited, systemClock.sleep(patience, patienceIsOver.signal).catch(() => {})]);
    patienceIsOver.abort();
  }
  guard.release();
}

function openLog(cluster: Cluster): { descriptor: number; read(): string } {
  const path = join(cluster.home.path, 'postgres.log');
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logLimit) truncateSync(path);
  const from = size > logLimit ? 0 : size;
  const descriptor = openSync(path, 'a', 0o600);
  return { descriptor, read: () => readFileSync(path).subarray(from).toString('utf8').trim() };
}

function startFailed(complaint: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError('START_FAILED', `The embedded PostgreSQL did not start: ${complaint.slice(-1_500)}`);
}
