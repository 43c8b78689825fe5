import { type InstalledCounts, type InstalledVersion, mostVersions } from '../domain/inventory/counts.ts';
import { type InstalledAppRow, isManaged, sourceOf } from '../domain/inventory/row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { atMost } from './cost.ts';
import { DeviceRef } from './device-ref.ts';
import { pageOf, windowOf } from './page.ts';
import { totalCount } from './total-count.ts';

const SourceEnum = builder.enumType('InstalledAppSource', {
  description: 'Where an app on a device is from.',
  values: {
    STORE: { description: 'The App Store.' },
    ELSEWHERE: { description: 'Not the store: an app of the organization, or one of the system.' },
    UNKNOWN: { description: 'The device does not say.' },
  } as const,
});

const InstalledAppRef = builder.objectRef<InstalledAppRow>('InstalledApp').implement({
  description: 'An app that a device says it has. Null where it does not say.',
  fields: (t) => ({
    bundleId: t.exposeString('bundleId', { description: 'Its bundle id.' }),
    name: t.exposeString('name', { nullable: true, description: 'Its name on the device.' }),
    version: t.exposeString('version', { nullable: true, description: 'Its build (CFBundleVersion).' }),
    shortVersion: t.exposeString('shortVersion', { nullable: true, description: 'The version that people see.' }),
    externalVersionId: t.exposeString('externalVersionId', {
      nullable: true,
      description: "The store's id of this version; 0 when it is not from the store.",
    }),
    source: t.field({ type: SourceEnum, description: 'Where it is from.', resolve: (row) => sourceOf(row) }),
    deviceLicense: t.exposeBoolean('deviceLicense', {
      nullable: true,
      description: 'It was installed with a license of the device.',
    }),
    managed: t.boolean({
      description: 'The MDM server manages it, as of the last list of managed apps.',
      resolve: (row) => isManaged(row),
    }),
    managedStatus: t.exposeString('managedStatus', {
      nullable: true,
      description: 'What the list of managed apps says of it, as the device writes it; null when it is not in it.',
    }),
    hasUpdate: t.exposeBoolean('hasUpdate', {
      nullable: true,
      description: 'The device knows of an update for it; it looks about once a day.',
    }),
    installing: t.exposeBoolean('installing', { description: 'It is still loading: its version is not real yet.' }),
    app: t.field({
      type: AppRef,
      nullable: true,
      description: "The app of the organization's store that it is; null when it is none of those.",
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    readAt: t.expose('listedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device told its whole list last; null when it told of single apps only.',
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When something of it last changed here.' }),
  }),
});

const prefix = 'bundle:';
const writePlace = ({ bundleId }: { bundleId: string }) => Buffer.from(`${prefix}${bundleId}`).toString('base64url');
/** The bundle id of a cursor; null of a text that is none. */
function readPlace(cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  return text.startsWith(prefix) && !text.includes('\0') ? text.slice(prefix.length) : null;
}

builder.objectField(DeviceRef, 'installedApps', (t) =>
  t.connection(
    {
      type: InstalledAppRef,
      description: 'The apps that it says it has, by bundle id; empty while it has not told.',
      resolve: async ({ id }, args, { loaders }) => {
        const window = windowOf(args, readPlace);
        const found = await loaders.installedOfDevice.page(id, window);
        return { ...pageOf(found, window, writePlace), count: () => loaders.installedOfDevice.count(id) };
      },
    },
    totalCount,
  ),
);

const InstalledVersionRef = builder.objectRef<InstalledVersion>('InstalledVersion').implement({
  description: 'How many devices have one version of an app.',
  fields: (t) => ({
    version: t.exposeString('version', {
      nullable: true,
      description: 'The version that people see; null for devices that do not say.',
    }),
    externalVersionId: t.exposeString('externalVersionId', {
      nullable: true,
      description: "The store's id of the version; null for devices that do not say.",
    }),
    devices: t.expose('devices', { type: 'Count', description: 'How many devices have it.' }),
  }),
});

const InstalledCountsRef = builder.objectRef<InstalledCounts>('InstalledCounts').implement({
  description: 'On how many devices an app is, whether or not they hold a license of it.',
  fields: (t) => ({
    devices: t.expose('devices', { type: 'Count', description: 'How many devices have it, all versions together.' }),
    versions: t.field({
      type: [InstalledVersionRef],
      description: `How many have which version, the most frequent first; ${mostVersions} at most.`,
      ...atMost(mostVersions),
      resolve: ({ versions }) => versions,
    }),
    asOf: t.expose('asOf', {
      type: 'DateTime',
      nullable: true,
      description:
        'When a device of the organization last told its apps. Each is asked once a day, so some lists are older: `device { enrollment { listedAt } }`. Null before the first one.',
    }),
  }),
});

builder.objectField(AppRef, 'installed', (t) =>
  t.field({
    type: InstalledCountsRef,
    description: 'On how many devices it is; what is still loading is not counted.',
    resolve: ({ id }, _args, { loaders }) => loaders.installedCounts.load(id),
  }),
);
