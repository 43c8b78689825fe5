/** A simulated device: what it is, what is on it, and what it was asked. @module */
import type { PlistDict } from '../../lib/plist.ts';
import type { DeviceSpec } from '../scenarios/types.ts';
import type { ActiveScript } from './scripts.ts';

/** What a person at the device can be asked, and what an app can be doing (MDM sheet §1.4). */
export type AppStatus =
  | 'NeedsRedemption'
  | 'Installing'
  | 'Updating'
  | 'Prompting'
  | 'PromptingForUpdate'
  | 'PromptingForManagement'
  | 'PromptingForLogin'
  | 'Managed'
  | 'ManagedButUninstalled'
  | 'UserRejected'
  | 'UpdateRejected'
  | 'ManagementRejected'
  | 'Failed';

/** A version of an app. */
export interface AppVersion {
  version: string;
  /** 0 for an app that is not from the store. */
  externalId: number;
}

/** An app on a device, or one that it was told to get. */
export interface DeviceAppState {
  bundleId: string;
  /** Null for an app that is not from the store. */
  adamId: string | null;
  name: string;
  /** What is there; null while nothing is. */
  installed: AppVersion | null;
  /** What is being loaded. */
  target: AppVersion | null;
  /** Null for an app that nobody manages. */
  status: AppStatus | null;
  license: 'device' | 'user' | null;
  flags: number;
  removable: boolean;
  /** Counts what began with it, so that what was planned for an earlier beginning is forgotten. */
  round: number;
}

/** One command that a device saw. */
export interface SeenCommand {
  at: number;
  uuid: string;
  requestType: string;
  /** AdamId or bundle id, of commands about one app. */
  app?: string;
  status: string;
  errorCode?: number;
}

/** A device. */
export interface SimulatedDevice extends DeviceSpec {
  udid: string;
  supervised: boolean;
  timeZone: string;
  /** Lower-case country. */
  storefront: string;
  /** 2 installs in half the time. */
  speed: number;
  /** Hash of the Apple Account that is signed in. */
  storeAccount: string | null;
  /** Name of an Apple Account that its person accepts invitations with. */
  account: string | null;
  /** URLs that its person was shown. */
  invitations: string[];
  enrolled: boolean;
  /** Still in Setup Assistant. */
  awaitingConfiguration: boolean;
  /** Until when it can't be reached; 0 when it can. */
  offlineUntil: number;
  /** Whether a push that came meanwhile is delivered when it is back. */
  keepsPush: boolean;
  missedPush: boolean;
  apps: Map<string, DeviceAppState>;
  scripts: ActiveScript[];
  /** An answer that the server did not take yet. */
  unsent: PlistDict | null;
  /** The last commands; counts have all. */
  seen: SeenCommand[];
  counts: Record<string, number>;
  talking: boolean;
  /** A push came while it was talking. */
  wokenAgain: boolean;
}

/** Statuses that are told once and then gone. */
export const toldOnce: ReadonlySet<AppStatus | null> = new Set([
  'UserRejected',
  'UpdateRejected',
  'ManagementRejected',
  'Failed',
] as const);

/** Whether the app is being loaded. */
export function isLoading(status: AppStatus | null): boolean {
  return status === 'Installing' || status === 'Updating';
}

/** Whether a person has to do something. */
export function isPrompting(status: AppStatus | null): boolean {
  return status?.startsWith('Prompting') ?? false;
}

/** Commands of a device that are remembered in full. */
const seenKept = 200;

/** Notes a command. */
export function noteCommand(device: SimulatedDevice, seen: SeenCommand): void {
  device.counts[seen.requestType] = (device.counts[seen.requestType] ?? 0) + 1;
  device.seen.push(seen);
  if (device.seen.length > seenKept) device.seen.splice(0, device.seen.length - seenKept);
}

/** Compares versions by their numbers. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => text.split('.').map(Number));
  for (let place = 0; place < Math.max(left!.length, right!.length); place++) {
    const difference = (left![place] ?? 0) - (right![place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
