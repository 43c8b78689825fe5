/** InstalledApplicationList: an array of what is there, with the keys that were asked for (MDM sheet §1.5). @module */
import type { PlistDict, PlistValue } from '../../../lib/plist.ts';
import { compareVersions, type DeviceAppState, isLoading } from '../device.ts';
import { knowsOfUpdate } from '../store.ts';
import { type Answer, acknowledged, type Scene, textsOf } from './types.ts';

const sizes = ['BundleSize', 'DynamicSize'];

/** Answers the command. */
export function installedApplicationList(scene: Scene, command: PlistDict): Answer {
  const { device } = scene;
  const wanted = textsOf(command.Identifiers);
  const items = textsOf(command.Items);
  const isNew = compareVersions(device.osVersion, '26') >= 0;
  const apps = [...device.apps.values()]
    .filter((app) => app.installed !== null || isLoading(app.status))
    .filter((app) => (!wanted || wanted.includes(app.bundleId)) && (command.ManagedAppsOnly !== true || app.status))
    .map((app) => pick(describe(scene, app), items ?? (isNew ? 'no sizes' : 'all')));
  // Since iOS 26 a list without Items has the apps of the system too.
  const system = isNew && !items && !wanted && command.ManagedAppsOnly !== true ? systemApps : [];
  return acknowledged({ InstalledApplicationList: [...apps, ...system] });
}

const systemApps: PlistDict[] = ['com.apple.mobilesafari', 'com.apple.Preferences'].map((Identifier) => ({
  Identifier,
  Version: '1',
  ShortVersion: '26.1',
}));

function describe({ world, device }: Scene, app: DeviceAppState): PlistDict {
  const isStore = app.adamId !== null;
  const update = knowsOfUpdate(world, device, app);
  const { installed } = app;
  return {
    Identifier: app.bundleId,
    Name: app.name,
    ...(installed
      ? {
          Version: installed.externalId ? `${installed.version}.${installed.externalId % 100}` : installed.version,
          ShortVersion: installed.version,
          ExternalVersionIdentifier: installed.externalId,
        }
      : {}),
    ...(update === null ? {} : { HasUpdateAvailable: update }),
    Installing: isLoading(app.status),
    AppStoreVendable: isStore && app.license !== 'device',
    DeviceBasedVPP: app.license === 'device',
    IsValidated: installed !== null,
    BetaApp: false,
    AdHocCodeSigned: false,
    BundleSize: 40_000_000,
    DynamicSize: 200_000,
    DownloadWaiting: false,
    DownloadPaused: false,
    DownloadCancelled: false,
    DownloadFailed: false,
  };
}

function pick(entry: PlistDict, items: readonly string[] | 'all' | 'no sizes'): PlistDict {
  const keep = (key: string) => {
    if (key === 'Identifier' || items === 'all') return true;
    return items === 'no sizes' ? !sizes.includes(key) : items.includes(key);
  };
  return Object.fromEntries(Object.entries(entry).filter(([key]) => keep(key))) as Record<string, PlistValue>;
}
