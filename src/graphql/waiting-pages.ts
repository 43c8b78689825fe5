/** Pages of those who wait, of many apps or tasks of one answer, gathered into one statement. @module */
import DataLoader from 'dataloader';
import type { Rows } from '../db/rows.ts';
import {
  countWaiting,
  listWaiting,
  type WaitingOwners,
  type WaitingRow,
  type WaitingWindow,
} from '../domain/license/waiting-row.ts';

/** Whose. */
export interface WaitingOwner {
  kind: WaitingOwners['kind'];
  id: bigint;
}

/** The pages and counts of one operation. */
export interface WaitingPages {
  page(owner: WaitingOwner, window: WaitingWindow): Promise<WaitingRow[]>;
  count(owner: WaitingOwner): Promise<bigint>;
}

interface Asked {
  owner: WaitingOwner;
  window: WaitingWindow;
}

const place = (at: WaitingWindow['after']) => (at ? `${at.priority}:${at.id}` : '');
const keyOf = ({ owner, window }: Asked) =>
  `${owner.kind} ${place(window.after)} ${place(window.before)} ${window.limit} ${window.fromEnd}`;

/** Makes them. Owners that are asked for the same page are read together. */
export function createWaitingPages(rows: Rows, organizationId: bigint): WaitingPages {
  const pages = new DataLoader<Asked, WaitingRow[]>(
    async (asked) => {
      const found = new Map<string, WaitingRow[]>();
      for (const key of new Set(asked.map(keyOf))) {
        const group = asked.filter((one) => keyOf(one) === key);
        const { owner, window } = group[0]!;
        const owners = { kind: owner.kind, ownerIds: [...new Set(group.map((one) => one.owner.id))] };
        for (const row of await listWaiting(rows, organizationId, owners, window)) {
          const whose = `${key} ${owner.kind === 'app' ? row.appId : row.taskId}`;
          found.set(whose, [...(found.get(whose) ?? []), row]);
        }
      }
      return asked.map((one) => found.get(`${keyOf(one)} ${one.owner.id}`) ?? []);
    },
    { cache: false },
  );
  const counts = new DataLoader<WaitingOwner, bigint>(
    async (owners) => {
      const found = new Map<string, Map<bigint, bigint>>();
      for (const kind of new Set(owners.map((owner) => owner.kind))) {
        const ownerIds = owners.filter((owner) => owner.kind === kind).map((owner) => owner.id);
        found.set(kind, await countWaiting(rows, organizationId, { kind, ownerIds }));
      }
      return owners.map(({ kind, id }) => found.get(kind)?.get(id) ?? 0n);
    },
    { cache: false },
  );
  return { page: (owner, window) => pages.load({ owner, window }), count: (owner) => counts.load(owner) };
}
