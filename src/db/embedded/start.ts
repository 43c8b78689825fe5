/** PostgreSQL for whoever has none: its programs come with npm, its data stays with the project. @module */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../lib/logger.ts';
import { prepareBinaries } from './binaries.ts';
import { type Cluster, openCluster, superuser } from './cluster.ts';
import { EmbeddedPostgresError } from './errors.ts';
import { type Home, openHome, openTemporaryHome } from './home.ts';
import { clearLeftover } from './postmaster-file.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';
import { type ServerOptions, serve } from './server.ts';

/** Options of {@link startEmbeddedPostgres}. */
export interface EmbeddedPostgresOptions {
  /** The project's data folder, e.g. `.data`. Not used when `durable` is false. */
  dataDirectory: string;
  /** Port to take when it is free; default 15432. */
  port?: number;
  /** False for tests: a home in the system's temporary folder, gone at the end, and nothing waits for the disk. */
  durable?: boolean;
  /** Most connections at a time; default 200. */
  maxConnections?: number;
  logger: Logger;
}

/** A PostgreSQL that belongs to this process and ends with it. */
export interface EmbeddedPostgres {
  port: number;
  /** Folder of data, password and log. */
  home: string;
  /** Address of the database `postgres` for the superuser. */
  adminUrl: string;
  /** Address of database `database` for the superuser. */
  url(database: string): string;
  /** Resolves when the server has ended, in whatever way. */
  exited: Promise<void>;
  /** Stops the server; a temporary home is removed. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL on the loopback address and waits until it takes connections.
 *
 * @throws {EmbeddedPostgresError} with a message that says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const began = performance.now();
  const home = options.durable === false ? openTemporaryHome() : openHome(options.dataDirectory);
  try {
    claim(home);
    const cluster = await openCluster(home, prepareBinaries(home));
    await clearLeftover(cluster.data);
    const postgres = await open(cluster, {
      port: options.port ?? 15_432,
      maxConnections: options.maxConnections ?? 200,
    });
    const took = Math.round(performance.now() - began);
    options.logger.debug({ home: home.path, port: postgres.port, milliseconds: took }, 'embedded PostgreSQL is ready');
    return postgres;
  } catch (error) {
    removeIfTemporary(home);
    throw error;
  }
}

async function open(cluster: Cluster, options: ServerOptions): Promise<EmbeddedPostgres> {
  const server = await serve(cluster, options);
  const url = (database: string) =>
    `postgresql://${superuser}:${cluster.password}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`;
  const stop = async () => {
    await server.stop();
    rmSync(ownerFile(cluster.home), { force: true });
    removeIfTemporary(cluster.home);
  };
  let stopping: Promise<void> | undefined;
  return {
    port: server.port,
    home: cluster.home.path,
    adminUrl: url('postgres'),
    url,
    exited: server.exited,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Two processes over one data folder would stop each other's server. */
function claim(home: Home): void {
  const file = ownerFile(home);
  const holder = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity) : undefined;
  if (holder && holder.pid !== process.pid && isAlive(holder)) {
    throw new EmbeddedPostgresError(
      'DATA_IN_USE',
      `The data in ${home.path} is in use by process ${holder.pid}. Stop it first.`,
    );
  }
  writeFileSync(file, JSON.stringify(identifyProcess(process.pid)));
}

function ownerFile(home: Home): string {
  return join(home.path, 'owner.json');
}

function removeIfTemporary(home: Home): void {
  if (home.temporary) rmSync(home.path, { recursive: true, force: true });
}
