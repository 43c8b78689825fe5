/** Whom the server runs as: PostgreSQL refuses to run as root. @module */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** A user of the system that is not root. */
export interface SystemUser {
  uid: number;
  gid: number;
}

/** Whether this process is root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The user to run PostgreSQL as, or undefined for the present one. As root that is whoever owns the data already in
 * `home`, else who called sudo, else the system's `postgres`, else `nobody`.
 */
export function chooseOwner(home: string): SystemUser | undefined {
  if (!isRoot()) return undefined;
  return ownerOf(home) ?? sudoUser() ?? namedUser('postgres') ?? namedUser('nobody') ?? { uid: 65534, gid: 65534 };
}

function ownerOf(path: string): SystemUser | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && stats.uid !== 0 ? { uid: stats.uid, gid: stats.gid } : undefined;
}

function sudoUser(): SystemUser | undefined {
  return userOf(process.env.SUDO_UID, process.env.SUDO_GID);
}

function namedUser(name: string): SystemUser | undefined {
  return userOf(idOf('-u', name), idOf('-g', name));
}

function idOf(flag: string, name: string): string | undefined {
  const answer = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}

function userOf(uid: string | undefined, gid: string | undefined): SystemUser | undefined {
  const user = { uid: Number(uid), gid: Number(gid) };
  return uid && gid && Number.isInteger(user.uid) && Number.isInteger(user.gid) && user.uid > 0 ? user : undefined;
}
