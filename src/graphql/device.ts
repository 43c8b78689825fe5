import { countDevices, type DeviceFilter, findDevice, listDevices } from '../domain/device/row.ts';
import { builder } from './builder.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { DeviceRef } from './device-ref.ts';
import { DeviceFamilyEnum, DeviceOriginEnum } from './enums.ts';
import { rowId } from './ids.ts';
import { LicenseRef } from './license.ts';
import { asOfText, licensePage } from './license-pages.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { LedgerLineRef, timelinePage } from './timeline.ts';
import { totalCount } from './total-count.ts';

rowNode(DeviceRef, 'devices', {
  description: 'A device, known by its serial number.',
  fields: (t) => ({
    serialNumber: t.exposeString('serialNumber', { description: 'Trimmed and in capitals, as Apple knows it.' }),
    serialOriginal: t.exposeString('serialOriginal', { description: 'As it was given.' }),
    name: t.exposeString('name', { nullable: true, description: 'What people call it.' }),
    family: t.expose('family', { type: DeviceFamilyEnum, description: 'What kind of device it is.' }),
    model: t.exposeString('model', { nullable: true, description: 'Its model, e.g. `iPad13,1`.' }),
    osVersion: t.exposeString('osVersion', {
      nullable: true,
      description: 'The system version that it runs; null when not known.',
    }),
    supervised: t.exposeBoolean('supervised', {
      nullable: true,
      description: 'Whether it is supervised; null while nobody has said so.',
    }),
    groups: t.field({
      type: [DeviceGroupRef],
      description: 'The groups that it is in now, by name.',
      resolve: ({ id }, _args, { loaders }) => loaders.groupsOfDevice.load(id),
    }),
    origin: t.expose('origin', { type: DeviceOriginEnum, description: 'How Russet came to know it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was met first.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    removedAt: t.expose('removedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was removed; null while it is listed.',
    }),
    timeline: t.connection({
      type: LedgerLineRef,
      description: 'What happened to the licenses that it holds and held, newest first.',
      ...needs('licenses:read'),
      resolve: ({ id }, args, context, info) => timelinePage(context, { kind: 'device', id }, args, info),
    }),
    licenses: t.connection(
      {
        type: LicenseRef,
        description: 'The licenses that it holds; ended ones are left out.',
        ...needs('licenses:read'),
        args: { asOf: t.arg({ type: 'DateTime', description: asOfText }) },
        resolve: async (device, args, { loaders }, info) => {
          const owner = { kind: 'device' as const, id: device.id, tokenId: null, asOf: args.asOf ?? null };
          const page = await licensePage(loaders.licensePages, owner, args, info);
          return { ...page, count: () => loaders.licensePages.count(owner) };
        },
      },
      totalCount,
    ),
  }),
});

const DeviceByInput = builder.inputType('DeviceByInput', {
  description: 'Names one device.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'Its global id.' }),
    serialNumber: t.string({ description: 'Its serial number, whatever the case.' }),
  }),
});

builder.queryField('device', (t) =>
  t.field({
    type: DeviceRef,
    nullable: true,
    description: 'One device; null when the organization has none such.',
    args: { by: t.arg({ type: DeviceByInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { by }, { rows, loaders, actor }) =>
      typeof by.id === 'string'
        ? loaders.devices.load(rowId('Device', by.id, ['by', 'id']))
        : findDevice(rows, actor.organizationId, by.serialNumber!.trim().toUpperCase()),
  }),
);

builder.queryField('devices', (t) =>
  t.connection(
    {
      type: DeviceRef,
      description: 'The devices of the organization, in the order in which they were met.',
      ...needs('devices:read'),
      args: {
        search: t.arg.string({ description: 'Part of the serial number or name, whatever the case.' }),
        families: t.arg({ type: [DeviceFamilyEnum], description: 'Only these kinds.' }),
        origins: t.arg({
          type: [DeviceOriginEnum],
          description: 'Only these; LIST and MDM when absent, which hides devices that only a license names.',
        }),
        enrolled: t.arg.boolean({
          description: 'Only those that the MDM server reaches now, or with false only the others; all when absent.',
        }),
        removed: t.arg.boolean({ defaultValue: false, description: 'The removed ones in place of the present ones.' }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const filter = filterOf(args, actor.organizationId);
        const window = idWindowOf(args);
        const found = await listDevices(rows, filter, window);
        return { ...pageOf(found, window, idCursor), count: () => countDevices(rows, filter) };
      },
    },
    totalCount,
  ),
);

interface DeviceArguments {
  search?: string | null | undefined;
  families?: readonly string[] | null | undefined;
  origins?: readonly string[] | null | undefined;
  removed?: boolean | null | undefined;
  enrolled?: boolean | null | undefined;
}

function filterOf(args: DeviceArguments, organizationId: bigint): DeviceFilter {
  const { search, families, origins, removed, enrolled } = args;
  return {
    organizationId,
    search: search?.trim() || null,
    families: families ?? null,
    origins: origins ?? ['LIST', 'MDM'],
    removed: removed ?? false,
    enrolled: enrolled ?? null,
  };
}
