/** The users of one library: many retired records of one clientUserId, and at most one that is active. @module */
import { createHash } from 'node:crypto';
import type { UserSpec } from '../scenarios/types.ts';

/** A user's record and the version at which it last changed. */
export interface User extends UserSpec {
  version: number;
  /** The Apple Account that it is or was linked to. */
  account?: string;
}

/** Whether a record can hold new seats. */
export function isActive(user: UserSpec): boolean {
  return user.status === 'Registered' || user.status === 'Associated';
}

/** 20 bytes in Base64 that stand for an account: the same each time it is linked. */
export function idHashOf(account: string): string {
  return createHash('sha1').update(account.trim().toLowerCase()).digest('base64');
}

/** A user as `GET /users` shows it: the invitation only while it is open. */
export function userRow({ clientUserId, email, status, inviteCode, idHash }: UserSpec): UserSpec {
  return {
    clientUserId,
    status,
    ...(email === undefined ? {} : { email }),
    ...(inviteCode === undefined || status !== 'Registered' ? {} : { inviteCode }),
    ...(idHash === undefined ? {} : { idHash }),
  };
}

/** A user as notifications show it: with the invitation that it had. */
export function userInNotification(user: UserSpec): UserSpec {
  const { inviteCode } = user;
  return inviteCode === undefined ? userRow(user) : { ...userRow(user), inviteCode };
}

export class UserDirectory {
  readonly #records: User[] = [];
  /** The active record of an id, or its newest one. */
  readonly #current = new Map<string, User>();
  readonly #nextVersion: () => number;

  constructor(nextVersion: () => number) {
    this.#nextVersion = nextVersion;
  }

  /** Every record, oldest first. */
  all(): readonly User[] {
    return this.#records;
  }

  /** The active record of an id, or the newest one. */
  current(clientUserId: string): User | undefined {
    return this.#current.get(clientUserId);
  }

  /** The active record of an id. */
  active(clientUserId: string): User | undefined {
    const user = this.#current.get(clientUserId);
    return user && isActive(user) ? user : undefined;
  }

  /** The active user that an account is linked to. */
  linkedTo(account: string): User | undefined {
    const idHash = idHashOf(account);
    return this.#records.find((user) => user.status === 'Associated' && user.idHash === idHash);
  }

  /** Adds a record. */
  add(spec: Omit<User, 'version'>): User {
    return this.restore({ ...spec, version: this.#nextVersion() });
  }

  /** Changes a record; undefined takes a field away. */
  change(user: User, change: Partial<Omit<User, 'clientUserId' | 'version'>>): User {
    Object.assign(user, change, { version: this.#nextVersion() });
    for (const key of Object.keys(change) as (keyof typeof change)[]) if (change[key] === undefined) delete user[key];
    if (isActive(user)) this.#current.set(user.clientUserId, user);
    return user;
  }

  /** Replaces what is said of the current record, or adds one. */
  put(spec: UserSpec): User {
    const known = this.#current.get(spec.clientUserId);
    const blank = { email: undefined, idHash: undefined, inviteCode: undefined };
    return known ? this.change(known, { ...blank, ...spec }) : this.add(spec);
  }

  /** Puts a record back as a state file has it. */
  restore(user: User): User {
    this.#records.push(user);
    const known = this.#current.get(user.clientUserId);
    if (!known || isActive(user) || !isActive(known)) this.#current.set(user.clientUserId, user);
    return user;
  }
}
