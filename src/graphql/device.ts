import { builder } from './builder.ts';
import { DeviceFamilyEnum, DeviceOriginEnum } from './enums.ts';
import { readableBy } from './granted.ts';
import { nodeKey, rowId } from './ids.ts';

export const DeviceRef = builder.prismaNode('Device', {
  nullable: true,
  description: 'A device, known by its serial number.',
  authScopes: readableBy('devices:read'),
  select: { organizationId: true, id: true },
  id: { resolve: (device) => String(device.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
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
    origin: t.expose('origin', { type: DeviceOriginEnum, description: 'How Russet came to know it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was met first.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    removedAt: t.expose('removedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was removed; null while it is listed.',
    }),
    licenses: t.prismaConnection({
      type: 'License',
      cursor: 'organizationId_id',
      description: 'The licenses that it holds; ended ones are left out.',
      authScopes: { right: 'licenses:read' },
      totalCount: (device, _args, { db }) => db.license.count({ where: { deviceId: device.id, endedAt: null } }),
      resolve: (query, device, _args, { db }) =>
        db.license.findMany({ ...query, where: { deviceId: device.id, endedAt: null }, orderBy: { id: 'asc' } }),
    }),
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
  t.prismaField({
    type: 'Device',
    nullable: true,
    description: 'One device; null when the organization has none such.',
    authScopes: { right: 'devices:read' },
    args: { by: t.arg({ type: DeviceByInput, required: true, description: 'Which one.' }) },
    resolve: (query, _root, { by }, { db, actor: { organizationId } }) => {
      if (typeof by.id === 'string')
        return db.device.findUnique({
          ...query,
          where: nodeKey(organizationId, rowId('Device', by.id, ['by', 'id'])),
        });
      const serialNumber = by.serialNumber!.trim().toUpperCase();
      return db.device.findUnique({
        ...query,
        where: { organizationId_serialNumber: { organizationId, serialNumber } },
      });
    },
  }),
);

builder.queryField('devices', (t) =>
  t.prismaConnection({
    type: 'Device',
    cursor: 'organizationId_id',
    description: 'The devices of the organization, in the order in which they were met.',
    authScopes: { right: 'devices:read' },
    args: {
      search: t.arg.string({ description: 'Part of the serial number or name, whatever the case.' }),
      families: t.arg({ type: [DeviceFamilyEnum], description: 'Only these kinds.' }),
      origins: t.arg({
        type: [DeviceOriginEnum],
        description: 'Only these; LIST when absent, which hides devices that only a license names.',
      }),
      removed: t.arg.boolean({ defaultValue: false, description: 'The removed ones in place of the present ones.' }),
    },
    totalCount: (_root, args, { db }) => db.device.count({ where: devicesLike(args) }),
    resolve: (query, _root, args, { db }) =>
      db.device.findMany({ ...query, where: devicesLike(args), orderBy: { id: 'asc' } }),
  }),
);

interface DeviceArguments {
  search?: string | null | undefined;
  families?: readonly (typeof DeviceFamilyEnum.$inferType)[] | null | undefined;
  origins?: readonly (typeof DeviceOriginEnum.$inferType)[] | null | undefined;
  removed?: boolean | null | undefined;
}

function devicesLike({ search, families, origins, removed }: DeviceArguments) {
  const text = search?.trim();
  return {
    origin: { in: [...(origins ?? (['LIST'] as const))] },
    removedAt: removed ? { not: null } : null,
    ...(families ? { family: { in: [...families] } } : {}),
    ...(text
      ? {
          OR: [
            { serialNumber: { contains: text.toUpperCase() } },
            { name: { contains: text, mode: 'insensitive' as const } },
          ],
        }
      : {}),
  };
}
