/** Many lists of one device become one, whatever the order in which they came. @module */
import type { DeviceApp } from '../mdm-ports.ts';
import type { ToldApps } from './merge.ts';

/** One list and when the device told it. */
export interface DatedList {
  at: number;
  apps: readonly DeviceApp[];
  covers: 'ALL' | readonly string[];
}

/** The last whole list that is newer than `listedAt`, and what newer ones of single apps say; null when nothing is newer. */
export function joinLists(
  deviceId: bigint,
  lists: readonly DatedList[],
  listedAt: number | null,
): (ToldApps & { listedAt: number | null }) | null {
  const sorted = [...lists].sort((a, b) => a.at - b.at).filter((list) => listedAt === null || list.at >= listedAt);
  if (sorted.length === 0) return null;
  const whole = sorted.findLastIndex((list) => list.covers === 'ALL');
  const apps = new Map<string, DeviceApp>();
  const covered = new Set<string>();
  for (const list of sorted.slice(Math.max(0, whole))) {
    const names = list.covers === 'ALL' ? [] : list.covers;
    for (const name of names) {
      covered.add(name);
      apps.delete(name);
    }
    for (const app of list.apps) apps.set(app.bundleId, app);
  }
  const told = [...apps.values()];
  if (whole < 0) return { deviceId, apps: told, covers: [...covered], listedAt: null };
  return { deviceId, apps: told, covers: 'ALL', listedAt: sorted[whole]!.at };
}
