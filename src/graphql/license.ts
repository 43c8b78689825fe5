import { countLicenses, type LicenseFilter, listLicenses } from '../domain/license/list.ts';
import type { LicenseWithParts } from '../domain/license/row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { LicenseSourceEnum, LicenseStateEnum } from './enums.ts';
import { globalId, optionalRowId } from './ids.ts';
import { asOfText, licenseParts } from './license-pages.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { taskOf } from './task-of.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';
import { skipReasonText } from './user-errors.ts';
import { VppUserRef } from './vpp-user-ref.ts';

export const LicenseRef = builder.objectRef<LicenseWithParts>('License');

/** How long an installed app goes on running after its license was taken back, in milliseconds (fact sheet §9). */
const graceAfterRevoke = 30 * 86_400_000;

/** Why a license came from its token, as it is stored. */
interface Allocation {
  reason: string;
  skipped?: { tokenId: string; reason: string }[];
  fromReserve?: boolean;
  quotas?: { groupId: string; group: string; seats: string; used: string }[];
  waitedSince?: string;
}

const LicenseSkippedRef = builder.objectRef<{ tokenId: string; reason: string }>('AllocationSkipped').implement({
  description: 'A token that was passed over for a license.',
  fields: (t) => ({
    tokenId: t.id({
      description: 'Global id of the token.',
      resolve: ({ tokenId }) => globalId('Token', BigInt(tokenId)),
    }),
    reason: t.exposeString('reason', { description: skipReasonText }),
  }),
});

const AllocationQuotaRef = builder.objectRef<NonNullable<Allocation['quotas']>[number]>('AllocationQuota').implement({
  description: 'A quota that a license was counted for when it was given.',
  fields: (t) => ({
    groupId: t.id({
      description: 'Global id of the device group; the group may be gone by now.',
      resolve: ({ groupId }) => globalId('DeviceGroup', BigInt(groupId)),
    }),
    group: t.exposeString('group', { description: 'Name that the group had then.' }),
    seats: t.field({
      type: 'Count',
      description: 'How many licenses the group might hold then.',
      resolve: ({ seats }) => BigInt(seats),
    }),
    used: t.field({
      type: 'Count',
      description: 'How many it held then, with this one.',
      resolve: ({ used }) => BigInt(used),
    }),
  }),
});

const AllocationRef = builder.objectRef<Allocation>('LicenseAllocation').implement({
  description: 'Why a license came from its token.',
  fields: (t) => ({
    reason: t.exposeString('reason', {
      description:
        '`FIRST_IN_ORDER`: the first token served. `NEXT_IN_ORDER`: those in `skipped` stand before it. `NAMED`: the request named it.',
    }),
    skipped: t.field({
      type: [LicenseSkippedRef],
      description: 'Tokens before it that were passed over.',
      resolve: ({ skipped }) => skipped ?? [],
    }),
    fromReserve: t.boolean({
      description: "It is one of the token's reserve, which only requests get that name the token.",
      resolve: ({ fromReserve }) => fromReserve ?? false,
    }),
    quotas: t.field({
      type: [AllocationQuotaRef],
      description: 'The quotas that it was counted for.',
      resolve: ({ quotas }) => quotas ?? [],
    }),
    waitedSince: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when its request had waited for a free license; null when it did not wait.',
      resolve: ({ waitedSince }) => (waitedSince === undefined ? null : new Date(waitedSince)),
    }),
  }),
});

const LicenseHolder = builder.unionType('LicenseHolder', {
  description: 'Who holds a license: a device, or a person.',
  types: [DeviceRef, VppUserRef],
  resolveType: (holder) => ('serialNumber' in holder ? DeviceRef : VppUserRef),
});

rowNode(LicenseRef, 'licenses', {
  description: 'One seat of an app, held by one device or person over one period.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ app, appId }, _args, { loaders }) => app ?? loaders.apps.load(appId).then((row) => row!),
    }),
    token: t.field({
      type: TokenRef,
      description: 'The token that it was taken from.',
      resolve: ({ token, tokenId }, _args, { loaders }) => token ?? loaders.tokens.load(tokenId).then((row) => row!),
    }),
    serialNumber: t.exposeString('serialNumber', {
      nullable: true,
      description: 'Serial number of the device that holds it.',
    }),
    clientUserId: t.exposeString('clientUserId', {
      nullable: true,
      description: 'Id of the person who holds it, as the library knows them.',
    }),
    state: t.expose('state', { type: LicenseStateEnum, description: 'Where it stands.' }),
    source: t.expose('source', { type: LicenseSourceEnum, description: 'Who gave it.' }),
    since: t.expose('startedAt', { type: 'DateTime', description: 'Since when; see `sinceIsFirstSeen`.' }),
    sinceIsFirstSeen: t.exposeBoolean('opening', {
      description: 'It was met in a sync: Apple has no dates, so `since` is when Russet saw it first.',
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When its state last changed.' }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null while it is held or on its way.',
    }),
    endReason: t.exposeString('endReason', { nullable: true, description: 'Why it ended, for programs.' }),
    usableUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'Until when an app that is still installed may go on running after the license was taken back: Apple allows up to 30 days. Null while the license is held, and where it never was.',
      resolve: ({ state, endedAt }) =>
        endedAt && (state === 'REVOKED' || state === 'GONE_AT_APPLE')
          ? new Date(endedAt.getTime() + graceAfterRevoke)
          : null,
    }),
    allocation: t.field({
      type: AllocationRef,
      nullable: true,
      description: 'Why it came from this token; null when Russet did not choose.',
      resolve: (license) => license.allocation as unknown as Allocation | null,
    }),
    holder: t.field({
      type: LicenseHolder,
      nullable: true,
      description: 'Who holds it; null when Russet has no record of them.',
      resolve: ({ device, vppUser, deviceId, vppUserId }, _args, { loaders }) => {
        if (device ?? vppUser) return device ?? vppUser ?? null;
        if (deviceId !== null) return loaders.devices.load(deviceId);
        return vppUserId === null ? null : loaders.vppUsers.load(vppUserId);
      },
    }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that asked for it.',
      ...needs('tasks:read'),
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
  }),
});

builder.queryField('licenses', (t) =>
  t.connection(
    {
      type: LicenseRef,
      description: 'The licenses of the organization, oldest first; ended ones only when asked for.',
      ...needs('licenses:read'),
      args: {
        appId: t.arg.id({ description: 'Only those of this app.' }),
        tokenId: t.arg.id({ description: 'Only those of this token.' }),
        deviceId: t.arg.id({ description: 'Only those of this device.' }),
        vppUserId: t.arg.id({ description: 'Only those of this person.' }),
        serialNumber: t.arg.string({
          description: 'Only those of the device with this serial number, whatever the case.',
        }),
        states: t.arg({
          type: [LicenseStateEnum],
          description: 'Only these states; those that have not ended when absent.',
        }),
        sources: t.arg({ type: [LicenseSourceEnum], description: 'Only those given by these.' }),
        asOf: t.arg({ type: 'DateTime', description: asOfText }),
      },
      resolve: async (_root, args, { rows, actor }, info) => {
        const filter = filterOf(args, actor.organizationId);
        const window = idWindowOf(args);
        const found = await listLicenses(rows, filter, window, licenseParts(info));
        return { ...pageOf(found, window, idCursor), count: () => countLicenses(rows, filter) };
      },
    },
    totalCount,
  ),
);

interface LicenseArguments {
  appId?: string | null | undefined;
  tokenId?: string | null | undefined;
  deviceId?: string | null | undefined;
  vppUserId?: string | null | undefined;
  serialNumber?: string | null | undefined;
  states?: readonly string[] | null | undefined;
  sources?: readonly string[] | null | undefined;
  asOf?: Date | null | undefined;
}

function filterOf(args: LicenseArguments, organizationId: bigint): LicenseFilter {
  return {
    organizationId,
    appId: optionalRowId('App', args.appId, ['appId']),
    tokenId: optionalRowId('Token', args.tokenId, ['tokenId']),
    deviceId: optionalRowId('Device', args.deviceId, ['deviceId']),
    vppUserId: optionalRowId('VppUser', args.vppUserId, ['vppUserId']),
    serialNumber: args.serialNumber?.trim().toUpperCase() || null,
    states: args.states ?? null,
    sources: args.sources ?? null,
    asOf: args.asOf ?? null,
  };
}
