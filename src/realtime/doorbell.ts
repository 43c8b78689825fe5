/** Brings a ring to those who wait for it. It says that something changed, never what: the tables are the truth. @module */
import type { Ring } from '../db/notify.ts';
import { type Bell, createBell } from './bell.ts';

/** What can be waited for: one task, any task of an organization, its license counts, its token notices, commands that can be leased, or a key that was revoked anywhere. */
export type BellKey =
  | `task:${bigint}:${bigint}`
  | `task:${bigint}`
  | `counts:${bigint}`
  | `notices:${bigint}`
  | `commands:${bigint}`
  | 'keys';

/** A bell on a key. It is armed from its making on: make it before the query whose staleness it shall tell. */
export interface Watcher extends Bell {
  /** Rises with each ring of the key: what was read under an equal stamp is as new as what could be read now. */
  readonly stamp: number;
}

/** The bells of one process. */
export interface Doorbell {
  watch(key: BellKey): Watcher;
  ring(ring: Ring): void;
  /** Rings every bell: something may have been missed. */
  ringAll(): void;
  /** Number of watchers. */
  readonly size: number;
}

interface Entry {
  stamp: number;
  watchers: Set<Bell>;
}

/** A doorbell without watchers. */
export function createDoorbell(): Doorbell {
  const entries = new Map<string, Entry>();
  let newestStamp = 0;

  function ringEntry(entry: Entry | undefined): void {
    if (!entry) return;
    newestStamp += 1;
    entry.stamp = newestStamp;
    for (const watcher of entry.watchers) watcher.ring();
  }

  function ringTasks(organizationId: bigint, taskId: bigint | undefined): void {
    const all = `task:${organizationId}`;
    ringEntry(entries.get(all));
    if (taskId !== undefined) ringEntry(entries.get(`${all}:${taskId}`));
    else for (const [key, entry] of entries) if (key.startsWith(`${all}:`)) ringEntry(entry);
  }

  function entryOf(key: BellKey): Entry {
    const known = entries.get(key);
    if (known) return known;
    newestStamp += 1;
    const entry: Entry = { stamp: newestStamp, watchers: new Set() };
    entries.set(key, entry);
    return entry;
  }

  return {
    watch: (key) => {
      const entry = entryOf(key);
      const bell = createBell();
      entry.watchers.add(bell);
      const close = () => {
        bell.close();
        entry.watchers.delete(bell);
        if (entry.watchers.size === 0 && entries.get(key) === entry) entries.delete(key);
      };
      return {
        ...bell,
        close,
        get stamp() {
          return entry.stamp;
        },
      };
    },
    ring: ({ organizationId, kind, id }) => {
      if (kind === 'task') ringTasks(organizationId, id);
      else if (kind === 'keys') ringEntry(entries.get('keys'));
      else if (kind === 'counts' || kind === 'notices' || kind === 'commands')
        ringEntry(entries.get(`${kind}:${organizationId}`));
    },
    ringAll: () => {
      for (const entry of entries.values()) ringEntry(entry);
    },
    get size() {
      return [...entries.values()].reduce((sum, entry) => sum + entry.watchers.size, 0);
    },
  };
}
