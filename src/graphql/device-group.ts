import type { QuotaRow } from '../domain/device-group/quota.ts';
import { countDevicesAsRuled, countGroups, listDevicesAsRuled, listGroups } from '../domain/device-group/row.ts';
import { type DeviceRule, ruleSchema } from '../domain/device-group/rule.ts';
import { parseInput } from '../domain/parse.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { DeviceRef } from './device-ref.ts';
import { AppStatusEnum, DeviceFamilyEnum, DeviceGroupKindEnum } from './enums.ts';
import { rowId } from './ids.ts';
import { ownedPage } from './owned-lists.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { totalCount } from './total-count.ts';

const ruleTexts = {
  families: 'One of these kinds.',
  osVersionMin: 'At least this system version, number by number; a device of unknown version does not count.',
  osVersionMax: 'At most this system version and everything that begins with it: `17` holds for 17.4.1.',
  namePrefix: 'A name that begins so, whatever the case.',
  supervised: 'Supervised, or not; a device of which that is not known does not count.',
};

const DeviceGroupRuleRef = builder.objectRef<DeviceRule>('DeviceGroupRule').implement({
  description: 'What is asked of a device; all that is there must hold.',
  fields: (t) => ({
    families: t.field({
      type: [DeviceFamilyEnum],
      nullable: true,
      description: ruleTexts.families,
      resolve: ({ families }) => (families as (typeof DeviceFamilyEnum.$inferType)[] | undefined) ?? null,
    }),
    osVersionMin: t.string({
      nullable: true,
      description: ruleTexts.osVersionMin,
      resolve: ({ osVersionMin }) => osVersionMin ?? null,
    }),
    osVersionMax: t.string({
      nullable: true,
      description: ruleTexts.osVersionMax,
      resolve: ({ osVersionMax }) => osVersionMax ?? null,
    }),
    namePrefix: t.string({
      nullable: true,
      description: ruleTexts.namePrefix,
      resolve: ({ namePrefix }) => namePrefix ?? null,
    }),
    supervised: t.boolean({
      nullable: true,
      description: ruleTexts.supervised,
      resolve: ({ supervised }) => supervised ?? null,
    }),
  }),
});

/** A rule as it is given. */
export const DeviceGroupRuleInput = builder.inputType('DeviceGroupRuleInput', {
  description: 'What is asked of a device: at least one condition; all that are given must hold.',
  fields: (t) => ({
    families: t.field({ type: [DeviceFamilyEnum], description: ruleTexts.families }),
    osVersionMin: t.string({ description: ruleTexts.osVersionMin }),
    osVersionMax: t.string({ description: ruleTexts.osVersionMax }),
    namePrefix: t.string({ description: ruleTexts.namePrefix }),
    supervised: t.boolean({ description: ruleTexts.supervised }),
  }),
});

const GroupQuotaRef = builder.objectRef<QuotaRow>('GroupQuota').implement({
  description: 'Most licenses that the devices of a group may hold, through whichever tokens.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      nullable: true,
      description: 'Of which app; null when all apps count together.',
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    seats: t.expose('seats', { type: 'Count', description: 'How many.' }),
    used: t.expose('used', { type: 'Count', description: 'How many they hold or are being given now.' }),
  }),
});

rowNode(DeviceGroupRef, 'deviceGroups', {
  description: 'Devices that are named together: a list, or all for which a rule holds whenever the group is used.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it; unique in the organization.' }),
    kind: t.expose('kind', { type: DeviceGroupKindEnum, description: 'How it is known who is in it.' }),
    rule: t.field({
      type: DeviceGroupRuleRef,
      nullable: true,
      description: 'The rule; null for a list.',
      resolve: ({ rule }) => rule,
    }),
    appStatuses: t.field({
      type: [AppStatusEnum],
      description: 'Its devices may also get apps that stand here; released apps are for all devices.',
      resolve: ({ appStatuses }) => appStatuses,
    }),
    quotas: t.connection(
      {
        type: GroupQuotaRef,
        description: 'Its quotas, that of all apps first.',
        ...needs('licenses:read'),
        resolve: ({ id }, args, { loaders }) => ownedPage(loaders.quotasOfGroup, id, args),
      },
      totalCount,
    ),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When its name, rule or list was last changed.',
    }),
    devices: t.connection(
      {
        type: DeviceRef,
        description: 'The devices that are in it now.',
        resolve: ({ id }, args, { loaders }) => ownedPage(loaders.devicesOfGroup, id, args),
      },
      totalCount,
    ),
  }),
});

builder.queryField('deviceGroup', (t) =>
  t.field({
    type: DeviceGroupRef,
    nullable: true,
    description: 'One device group; null when the organization has none such.',
    args: { id: t.arg.id({ required: true, description: 'Global id of the group.' }) },
    resolve: (_root, args, { loaders }) => loaders.deviceGroups.load(rowId('DeviceGroup', args.id, ['id'])),
  }),
);

builder.queryField('deviceGroups', (t) =>
  t.connection(
    {
      type: DeviceGroupRef,
      description: 'The device groups of the organization, oldest first.',
      ...needs('devices:read'),
      resolve: async (_root, args, { rows, actor }) => {
        const window = idWindowOf(args);
        const found = await listGroups(rows, actor.organizationId, window);
        return { ...pageOf(found, window, idCursor), count: () => countGroups(rows, actor.organizationId) };
      },
    },
    totalCount,
  ),
);

builder.queryField('previewDeviceGroup', (t) =>
  t.connection(
    {
      type: DeviceRef,
      description: 'The devices for which a rule would hold now. Nothing is stored.',
      ...needs('devices:read'),
      args: { rule: t.arg({ type: DeviceGroupRuleInput, required: true, description: 'The rule to look at.' }) },
      resolve: async (_root, args, { rows, actor }) => {
        const rule = parseInput(ruleSchema, args.rule);
        const window = idWindowOf(args);
        const found = await listDevicesAsRuled(rows, actor.organizationId, rule, window);
        return {
          ...pageOf(found, window, idCursor),
          count: () => countDevicesAsRuled(rows, actor.organizationId, rule),
        };
      },
    },
    totalCount,
  ),
);
