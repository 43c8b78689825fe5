/** Many lists of one device become one, whatever the order in which they came. @module */
import type { DeviceApp } from '../mdm-ports.ts';
import type { ToldApps } from './merge.ts';

/** One list and when the device told it. */
export interface DatedList {
  at: number;
  apps: readonly DeviceApp[];
  covers: 'ALL' | readonly string[];
}

/** When a device told of its apps, in milliseconds. */
export interface ListedAt {
  /** Its whole list. */
  whole: number | null;
  /** Of single apps, since then, by bundle id. */
  some: Readonly<Record<string, number>>;
}

/** What lists of a device come to, and when it has told what then. */
export type Joined = ToldApps & { listedAt: ListedAt };

/** Nothing was told yet. */
export const neverListed: ListedAt = { whole: null, some: {} };

/**
 * The newest whole list, and what newer ones of single apps say. An app counts by the newest list that covers it: one that
 * comes late leaves alone what is known better. Null when nothing is newer.
 */
export function joinLists(deviceId: bigint, lists: readonly DatedList[], known: ListedAt): Joined | null {
  const sorted = [...lists]
    .sort((a, b) => a.at - b.at)
    .filter((list) => known.whole === null || list.at >= known.whole);
  const whole = sorted.findLast((list) => list.covers === 'ALL');
  const since = whole?.at ?? known.whole ?? -Infinity;
  const some = new Map(Object.entries(known.some).filter(([, at]) => at > since));
  const kept = new Set(some.keys());
  const apps = new Map((whole?.apps ?? []).map((app) => [app.bundleId, app]));
  const covered = new Set<string>();
  for (const { at, apps: told, covers } of sorted) {
    if (covers === 'ALL' || at < since) continue;
    for (const name of covers) {
      if (at < (some.get(name) ?? -Infinity)) continue;
      some.set(name, at);
      kept.delete(name);
      covered.add(name);
      apps.delete(name);
      const app = told.find((one) => one.bundleId === name);
      if (app) apps.set(name, app);
    }
  }
  if (!whole && covered.size === 0) return null;
  for (const name of kept) apps.delete(name);
  const listedAt = { whole: whole?.at ?? known.whole, some: Object.fromEntries(some) };
  const joined = { deviceId, apps: [...apps.values()], listedAt };
  return whole ? { ...joined, covers: 'ALL', except: [...kept] } : { ...joined, covers: [...covered] };
}
