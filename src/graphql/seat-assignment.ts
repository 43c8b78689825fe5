import { countSeats, listSeats } from '../domain/seat/list.ts';
import type { SeatRow, SeatSubscriptionRow } from '../domain/seat/row.ts';
import type { VppUserRow } from '../domain/vpp-user/row.ts';
import { builder } from './builder.ts';
import { LicenseSourceEnum } from './enums.ts';
import { optionalRowId } from './ids.ts';
import { ownedPage } from './owned-lists.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { SeatSubscriptionRef } from './seat-subscription.ts';
import { taskOf } from './task-of.ts';
import { totalCount } from './total-count.ts';
import { VppUserRef } from './vpp-user-ref.ts';

export const SeatStateEnum = builder.enumType('SeatState', {
  description: 'Where a seat stands between Russet and Apple.',
  values: {
    REQUESTED: { description: 'Reserved; not yet sent to Apple.' },
    PENDING_AT_APPLE: { description: 'Sent; Apple has not confirmed it.' },
    CONFIRMED: { description: 'Held, as Apple confirms.' },
    REMOVAL_REQUESTED: { description: 'Shall be taken back; not yet sent to Apple.' },
    REMOVAL_PENDING: { description: 'Being taken back; Apple has not confirmed it.' },
    REMOVAL_DEFERRED: { description: 'Held until the end of the period, on `removalOn`; then Apple takes it back.' },
    REMOVED: { description: 'Ended: taken back.' },
    EXPIRED: { description: 'Ended with the period.' },
    FAILED: { description: 'Ended: Apple refused it, or it was cancelled.' },
    GONE_AT_APPLE: { description: 'Ended: Apple no longer lists it.' },
    TOKEN_REMOVED: { description: 'Ended for Russet: its token was removed. Apple may still list it.' },
  } as const,
});

export const SeatAssignmentRef = builder.objectRef<SeatRow>('SeatAssignment');

rowNode(SeatAssignmentRef, 'seats', {
  description: 'One holding period of one seat of a subscription by one user.',
  fields: (t) => ({
    subscription: t.field({
      type: SeatSubscriptionRef,
      description: 'Of which subscription.',
      resolve: ({ subscriptionId }, _args, { loaders }) =>
        loaders.seatSubscriptions.load(subscriptionId) as Promise<SeatSubscriptionRow>,
    }),
    vppUser: t.field({
      type: VppUserRef,
      description: 'Who holds it.',
      resolve: ({ vppUserId }, _args, { loaders }) => loaders.vppUsers.load(vppUserId) as Promise<VppUserRow>,
    }),
    clientUserId: t.exposeString('clientUserId', { description: 'The id under which the library knows the user.' }),
    renewing: t.exposeBoolean('renewing', {
      description: 'It renews with the period; otherwise it ends with it.',
    }),
    state: t.expose('state', { type: SeatStateEnum, description: 'Where it stands.' }),
    source: t.expose('source', { type: LicenseSourceEnum, description: 'Who gave it.' }),
    removalOn: t.exposeString('removalOn', {
      nullable: true,
      description: 'The end of the period, YYYY-MM-DD, at which Apple takes it back; set once Apple has agreed.',
    }),
    heldThroughGroup: t.exposeBoolean('throughGroup', {
      description: 'Apple once refused to take it back because only a group that the user is in can lose it.',
    }),
    since: t.expose('startedAt', { type: 'DateTime', description: 'Since when; see `sinceIsFirstSeen`.' }),
    sinceIsFirstSeen: t.exposeBoolean('opening', {
      description: 'It was met when Apple was read, which names no dates: `since` is when Russet saw it first.',
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When its state last changed.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    endReason: t.exposeString('endReason', { nullable: true, description: 'Why it ended, for programs.' }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that asked for it.',
      ...needs('tasks:read'),
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
    removalTask: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that takes it back.',
      ...needs('tasks:read'),
      resolve: (query, { removalTaskId }, _args, context) => taskOf(query, removalTaskId, context),
    }),
  }),
});

builder.queryField('seatAssignments', (t) =>
  t.connection(
    {
      type: SeatAssignmentRef,
      description: 'Who holds seats of subscriptions, oldest first; ended ones only when asked for.',
      ...needs('licenses:read'),
      args: {
        subscriptionId: t.arg.id({ description: 'Only those of this seat subscription.' }),
        tokenId: t.arg.id({ description: 'Only those of this token.' }),
        vppUserId: t.arg.id({ description: 'Only those of this user.' }),
        renewing: t.arg.boolean({ description: 'Only those that renew, or only those that expire.' }),
        states: t.arg({
          type: [SeatStateEnum],
          description: 'Only these states; those that have not ended when absent.',
        }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const filter = {
          organizationId: actor.organizationId,
          subscriptionId: optionalRowId('SeatSubscription', args.subscriptionId, ['subscriptionId']),
          tokenId: optionalRowId('Token', args.tokenId, ['tokenId']),
          vppUserId: optionalRowId('VppUser', args.vppUserId, ['vppUserId']),
          renewing: args.renewing ?? null,
          states: args.states ?? null,
        };
        const window = idWindowOf(args);
        const found = await listSeats(rows, filter, window);
        return { ...pageOf(found, window, idCursor), count: () => countSeats(rows, filter) };
      },
    },
    totalCount,
  ),
);

builder.objectField(VppUserRef, 'seats', (t) =>
  t.connection(
    {
      type: SeatAssignmentRef,
      description: 'The seats of subscriptions that the user holds, or that are on their way, oldest first.',
      resolve: ({ id }, args, { loaders }) => ownedPage(loaders.seatsOfUser, id, args),
    },
    totalCount,
  ),
);
