/** What an MDM server of NanoMDM's kind remembers: enrollments, their queues, and every CommandUUID there ever was. @module */

import { type PlistDict, readPlist } from '../../../lib/plist.ts';

/** A device as the server knows it. */
export interface StoredEnrollment {
  id: string;
  /** Absent until its first TokenUpdate. */
  push?: { topic: string; magic: string; token: string };
  serialNumber?: string;
  /** False between Authenticate and TokenUpdate, and after CheckOut. */
  enabled: boolean;
  /** TokenUpdates since it enrolled. */
  tokenUpdates: number;
}

/** A command as it was given. */
export interface StoredCommand {
  uuid: string;
  requestType: string;
  raw: Buffer;
  /** The same, read. */
  message: PlistDict;
}

interface QueueEntry {
  uuid: string;
  notNow: boolean;
}

/** What of a store survives a restart. */
export interface StoreSnapshot {
  enrollments: StoredEnrollment[];
  certificates: [string, string][];
  topics: [string, string][];
  uuids: string[];
  commands: { uuid: string; requestType: string; raw: string }[];
  queues: { id: string; uuids: string[] }[];
}

export class MdmStore {
  readonly enrollments = new Map<string, StoredEnrollment>();
  /** Hash of a certificate and the enrollment it belongs to. */
  readonly certificates = new Map<string, string>();
  /** Topics of push certificates that were put, and when they end. */
  readonly topics = new Map<string, string>();
  readonly #uuids = new Set<string>();
  readonly #commands = new Map<string, StoredCommand & { waiting: number }>();
  readonly #queues = new Map<string, QueueEntry[]>();

  /** Enrollment begins: whatever waited for the device is gone. */
  authenticate(id: string, serialNumber: string | undefined): void {
    this.#forget(id);
    const known = this.enrollments.get(id);
    const serial = serialNumber === undefined ? {} : { serialNumber };
    this.enrollments.set(id, { ...known, id, ...serial, enabled: false, tokenUpdates: 0 });
  }

  /** The device can be reached. Gives how often it said so since it enrolled. */
  tokenUpdate(id: string, push: StoredEnrollment['push']): number {
    const known = this.enrollments.get(id) ?? { id, enabled: false, tokenUpdates: 0 };
    const tokenUpdates = known.tokenUpdates + 1;
    this.enrollments.set(id, { ...known, ...(push ? { push } : {}), enabled: true, tokenUpdates });
    return tokenUpdates;
  }

  /** A goodbye takes nothing away: queue and push data stay. */
  checkOut(id: string): void {
    const known = this.enrollments.get(id);
    if (known) known.enabled = false;
  }

  hasCommand(uuid: string): boolean {
    return this.#uuids.has(uuid);
  }

  /** Puts a command at the end of each queue. */
  enqueue(command: StoredCommand, ids: readonly string[]): void {
    this.#uuids.add(command.uuid);
    this.#commands.set(command.uuid, { ...command, waiting: ids.length });
    for (const id of ids) {
      const queue = this.#queues.get(id);
      if (queue) queue.push({ uuid: command.uuid, notNow: false });
      else this.#queues.set(id, [{ uuid: command.uuid, notNow: false }]);
    }
  }

  /** Notes an answer; anything but NotNow ends the command for this device. Unknown commands are nobody's business. */
  report(id: string, uuid: string, notNow: boolean, forgets = false): void {
    const queue = this.#queues.get(id) ?? [];
    const at = queue.findIndex((entry) => entry.uuid === uuid);
    if (at < 0 && forgets && !notNow && this.#uuids.has(uuid)) this.#forget(id);
    if (at < 0) return;
    if (notNow) {
      queue[at]!.notNow = true;
      return;
    }
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(id);
    this.#release(uuid);
  }

  /** The first command that waits; after a NotNow, the first one that was not put off. */
  next(id: string, afterNotNow: boolean): StoredCommand | undefined {
    const entry = this.#queues.get(id)?.find(({ notNow }) => !(afterNotNow && notNow));
    return entry && this.#commands.get(entry.uuid);
  }

  /** What waits for a device, first to come first. */
  queueOf(id: string): { uuid: string; requestType: string; notNow: boolean }[] {
    return (this.#queues.get(id) ?? []).map(({ uuid, notNow }) => ({
      uuid,
      requestType: this.#commands.get(uuid)!.requestType,
      notNow,
    }));
  }

  /** Commands that wait, over all devices. */
  get waiting(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.length;
    return sum;
  }

  clear(): void {
    for (const map of [this.enrollments, this.certificates, this.topics, this.#commands, this.#queues]) map.clear();
    this.#uuids.clear();
  }

  snapshot(): StoreSnapshot {
    return {
      enrollments: [...this.enrollments.values()],
      certificates: [...this.certificates],
      topics: [...this.topics],
      uuids: [...this.#uuids],
      commands: [...this.#commands.values()].map(({ uuid, requestType, raw }) => ({
        uuid,
        requestType,
        raw: raw.toString('base64'),
      })),
      queues: [...this.#queues].map(([id, queue]) => ({ id, uuids: queue.map(({ uuid }) => uuid) })),
    };
  }

  restore(snapshot: StoreSnapshot): void {
    this.clear();
    for (const enrollment of snapshot.enrollments) this.enrollments.set(enrollment.id, enrollment);
    for (const [hash, id] of snapshot.certificates) this.certificates.set(hash, id);
    for (const [topic, end] of snapshot.topics) this.topics.set(topic, end);
    for (const uuid of snapshot.uuids) this.#uuids.add(uuid);
    for (const { raw: text, ...command } of snapshot.commands) {
      const raw = Buffer.from(text, 'base64');
      this.#commands.set(command.uuid, { ...command, raw, message: readPlist(raw), waiting: 0 });
    }
    for (const { id, uuids } of snapshot.queues) {
      this.#queues.set(
        id,
        uuids.map((uuid) => ({ uuid, notNow: false })),
      );
      for (const uuid of uuids) this.#commands.get(uuid)!.waiting++;
    }
  }

  #forget(id: string): void {
    for (const { uuid } of this.#queues.get(id) ?? []) this.#release(uuid);
    this.#queues.delete(id);
  }

  #release(uuid: string): void {
    const command = this.#commands.get(uuid);
    if (command && --command.waiting <= 0) this.#commands.delete(uuid);
  }
}
