/** Pages and counts of the devices of many groups of one answer, each gathered into one statement. @module */
import DataLoader from 'dataloader';
import type { Rows } from '../db/rows.ts';
import type { DeviceRow } from '../domain/device/row.ts';
import { countDevicesOfGroups, listDevicesOfGroups } from '../domain/device-group/row.ts';
import type { IdWindow } from '../domain/id-window.ts';

/** The devices of groups. */
export interface GroupDevices {
  page(groupId: bigint, window: IdWindow): Promise<DeviceRow[]>;
  count(groupId: bigint): Promise<bigint>;
}

interface Asked {
  groupId: bigint;
  window: IdWindow;
}

const keyOf = ({ window }: Asked) => `${window.after} ${window.before} ${window.limit} ${window.fromEnd}`;

/** Makes them. Groups that are asked for the same page are read together. */
export function createGroupDevices(rows: Rows, organizationId: bigint): GroupDevices {
  const pages = new DataLoader<Asked, DeviceRow[]>(
    async (asked) => {
      const found = new Map<string, DeviceRow[]>();
      for (const key of new Set(asked.map(keyOf))) {
        const group = asked.filter((one) => keyOf(one) === key);
        const groupIds = [...new Set(group.map((one) => one.groupId))];
        for (const row of await listDevicesOfGroups(rows, organizationId, groupIds, group[0]!.window)) {
          const place = `${key} ${row.groupId}`;
          found.set(place, [...(found.get(place) ?? []), row]);
        }
      }
      return asked.map((one) => found.get(`${keyOf(one)} ${one.groupId}`) ?? []);
    },
    { cache: false },
  );
  const counts = new DataLoader<bigint, bigint>(
    async (groupIds) => {
      const found = await countDevicesOfGroups(rows, organizationId, groupIds);
      const counted = new Map(found.map(({ groupId, count }) => [groupId, count]));
      return groupIds.map((id) => counted.get(id) ?? 0n);
    },
    { cache: false },
  );
  return {
    page: (groupId, window) => pages.load({ groupId, window }),
    count: (groupId) => counts.load(groupId),
  };
}
