/** What is left of the quotas of device groups while an allocation is decided. Pure. @module */

/** Most seats of one app, or of all apps together, for the devices of a group. */
export interface Quota {
  id: bigint;
  groupId: bigint;
  groupName: string;
  /** Null counts the seats of all apps together. */
  appId: bigint | null;
  seats: bigint;
  /** Held or reserved by the group's devices before the decision. */
  used: bigint;
  /** Which of the devices that ask are in the group. */
  deviceIds: ReadonlySet<bigint>;
}

/** A quota that a seat was counted for, and where it stands with it. */
export interface CountedQuota {
  groupId: bigint;
  groupName: string;
  seats: bigint;
  used: bigint;
}

/** Counts seats for every quota that they fall under. */
export class QuotaRoom {
  readonly #quotas: readonly Quota[];
  readonly #used: Map<bigint, bigint>;

  constructor(quotas: readonly Quota[]) {
    this.#quotas = quotas;
    this.#used = new Map(quotas.map((quota) => [quota.id, quota.used]));
  }

  /** The first quota that leaves the device no seat of the app, and how much of it is used. */
  blocking(appId: bigint, deviceId: bigint): { quota: Quota; used: bigint } | null {
    const quota = this.#of(appId, deviceId).find((one) => this.#usedOf(one) >= one.seats);
    return quota ? { quota, used: this.#usedOf(quota) } : null;
  }

  /** Counts a seat. */
  take(appId: bigint, deviceId: bigint): CountedQuota[] {
    return this.#of(appId, deviceId).map((quota) => {
      const used = this.#usedOf(quota) + 1n;
      this.#used.set(quota.id, used);
      return { groupId: quota.groupId, groupName: quota.groupName, seats: quota.seats, used };
    });
  }

  #of(appId: bigint, deviceId: bigint): Quota[] {
    return this.#quotas.filter(
      (quota) => (quota.appId === null || quota.appId === appId) && quota.deviceIds.has(deviceId),
    );
  }

  #usedOf(quota: Quota): bigint {
    return this.#used.get(quota.id)!;
  }
}
