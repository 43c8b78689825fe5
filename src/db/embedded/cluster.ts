/** The data folder: made once, with a password of its own. @module */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError, useOwnDatabase } from './errors.ts';
import type { Home } from './home.ts';

/** A data folder ready to be served. */
export interface Cluster {
  home: Home;
  binaries: Binaries;
  /** Absolute path of PostgreSQL's own data folder. */
  data: string;
  /** Password of the superuser `postgres`. */
  password: string;
}

/** Name of the superuser. */
export const superuser = 'postgres';

/** What the programs find in their environment: nothing of the user's language or connection settings. */
export const programEnvironment = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' };

/**
 * The data folder in `home`, made when there is none. It is built beside its place and moved there when finished, so a
 * folder in its place is always whole.
 */
export async function openCluster(home: Home, binaries: Binaries): Promise<Cluster> {
  const data = join(home.path, 'data');
  const passwordFile = join(home.path, 'password');
  if (!existsSync(data)) {
    const unfinished = `${data}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    writeSecret(passwordFile, randomBytes(24).toString('hex'), home);
    makeFolder(unfinished, home);
    await initialize(unfinished, passwordFile, home, binaries);
    renameSync(unfinished, data);
  }
  refuseOtherVersion(data, binaries);
  return { home, binaries, data, password: readFileSync(passwordFile, 'utf8').trim() };
}

function initialize(data: string, passwordFile: string, home: Home, binaries: Binaries): Promise<void> {
  const encoding = ['-E', 'UTF8', '--locale-provider=builtin', '--locale=C', '--builtin-locale=C.UTF-8'];
  const access = ['-U', superuser, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const parameters = ['-D', data, ...encoding, ...access, ...(home.temporary ? ['--no-sync'] : [])];
  return new Promise((resolve, reject) => {
    const child = spawn(join(binaries.root, 'bin', 'initdb'), parameters, {
      cwd: home.path,
      env: programEnvironment,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...home.owner,
    });
    let complaint = '';
    child.stderr.on('data', (text) => {
      complaint += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const message = `No database could be made in ${home.path}: ${complaint.trim()}. ${useOwnDatabase}`;
      reject(new EmbeddedPostgresError('INIT_FAILED', message));
    });
  });
}

function refuseOtherVersion(data: string, binaries: Binaries): void {
  const major = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (major === binaries.major) return;
  throw new EmbeddedPostgresError(
    'DATA_OF_ANOTHER_VERSION',
    `The data in ${data} was made by PostgreSQL ${major}, and this version brings PostgreSQL ${binaries.major}. Move the folder away to start afresh, or go back to the version before.`,
  );
}

function writeSecret(path: string, secret: string, home: Home): void {
  rmSync(path, { force: true });
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  if (home.owner) chownSync(path, home.owner.uid, home.owner.gid);
}

function makeFolder(path: string, home: Home): void {
  mkdirSync(path, { mode: 0o700 });
  if (home.owner) chownSync(path, home.owner.uid, home.owner.gid);
}
