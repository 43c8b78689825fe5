/** Where the data lives: a folder that belongs to the user PostgreSQL runs as. @module */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { chooseOwner, isRoot, type SystemUser } from './owner.ts';

/** A prepared home and its owner. */
export interface Home {
  /** Absolute path. */
  path: string;
  /** Whom to become before touching it, or undefined for the present user. */
  owner: SystemUser | undefined;
  /** Whether it is removed when the server ends. */
  temporary: boolean;
}

const systemRoot = '/var/lib/russet';

/**
 * The lasting home. As root it is a folder of the system, because a checkout under /root can't be reached by the user
 * that PostgreSQL runs as; the way to it is kept in `postgres.location` beside the other data.
 */
export function openHome(dataDirectory: string): Home {
  const inside = join(resolve(dataDirectory), 'postgres');
  mkdirSync(resolve(dataDirectory), { recursive: true, mode: 0o700 });
  const recorded = recordedHome(inside);
  const path = isRoot() ? (recorded ?? systemHome(inside)) : inside;
  if (path !== recorded) writeFileSync(`${inside}.location`, `${path}\n`);
  return prepare(path, false);
}

/** A home for one run of tests or one check. */
export function openTemporaryHome(): Home {
  return prepare(mkdtempSync(join(tmpdir(), 'russet-postgres-')), true);
}

function prepare(path: string, temporary: boolean): Home {
  const owner = chooseOwner(path);
  // A mode given to a recursive mkdir would close the parents, too.
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(path, { recursive: true });
  if (owner) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, 0o700);
  return { path, owner, temporary };
}

function recordedHome(inside: string): string | undefined {
  if (!existsSync(`${inside}.location`)) return undefined;
  const path = readFileSync(`${inside}.location`, 'utf8').trim();
  return path && existsSync(path) ? path : undefined;
}

function systemHome(inside: string): string {
  return join(systemRoot, createHash('sha256').update(inside).digest('hex').slice(0, 16));
}
