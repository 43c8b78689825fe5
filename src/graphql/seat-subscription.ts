import { seatForecast } from '../domain/seat/forecast.ts';
import { countSeatSubscriptions, listSeatSubscriptions } from '../domain/seat/list.ts';
import type { SeatLibraryRow, SeatSubscriptionRow } from '../domain/seat/row.ts';
import type { TokenRow } from '../domain/token/row.ts';
import { builder } from './builder.ts';
import { optionalRowId } from './ids.ts';
import { ownedPage } from './owned-lists.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';

export const SeatSubscriptionStatusEnum = builder.enumType('SeatSubscriptionStatus', {
  description: 'Where a seat subscription stands at Apple.',
  values: {
    ACTIVE: { description: 'Its seats can be given.' },
    INACTIVE: { description: 'It has ended.' },
    PAUSED: { description: 'It rests, e.g. while a payment is open.' },
  } as const,
});

interface Numbers {
  total: bigint;
  held: bigint;
  reserved: bigint;
  appleAssigned: bigint;
}

const larger = (value: bigint) => (value > 0n ? value : 0n);

const SeatNumbersRef = builder.objectRef<Numbers>('SeatNumbers').implement({
  description:
    '`assigned` + `available` = `total`, unless `overdrawn` says by how much Apple took more away than was free.',
  fields: (t) => ({
    total: t.expose('total', { type: 'Count', description: 'Seats bought.' }),
    assigned: t.field({
      type: 'Count',
      description: 'Held, or reserved while Apple is asked.',
      resolve: ({ held, reserved }) => held + reserved,
    }),
    pending: t.expose('reserved', { type: 'Count', description: 'The reserved part of `assigned`.' }),
    available: t.field({
      type: 'Count',
      description: 'Seats that can be given now; never negative.',
      resolve: ({ total, held, reserved }) => larger(total - held - reserved),
    }),
    overdrawn: t.field({
      type: 'Count',
      description: 'By how much more is assigned than there is; 0 but for a short time after Apple took seats away.',
      resolve: ({ total, held, reserved }) => larger(held + reserved - total),
    }),
    drift: t.field({
      type: 'Count',
      description: 'What Russet counts as held, less what Apple last counted.',
      resolve: ({ held, appleAssigned }) => held - appleAssigned,
    }),
  }),
});

const renewingOf = (row: SeatSubscriptionRow): Numbers => ({
  total: row.totalRenewing,
  held: row.heldRenewing,
  reserved: row.reservedRenewing,
  appleAssigned: row.appleAssignedRenewing,
});
const expiringOf = (row: SeatSubscriptionRow): Numbers => ({
  total: row.totalExpiring,
  held: row.heldExpiring,
  reserved: row.reservedExpiring,
  appleAssigned: row.appleAssignedExpiring,
});

const SeatForecastRef = builder.objectRef<NonNullable<ReturnType<typeof seatForecast>>>('SeatForecast').implement({
  description: 'What the end of the period does if nothing more is bought, given or taken back.',
  fields: (t) => ({
    on: t.exposeString('on', { description: 'The day, YYYY-MM-DD.' }),
    seatsExpiring: t.expose('seatsExpiring', { type: 'Count', description: 'Seats that go.' }),
    peopleLosing: t.expose('peopleLosing', {
      type: 'Count',
      description: 'Users who lose theirs: it expires, or is to be taken back then.',
    }),
    seatsRemaining: t.expose('seatsRemaining', { type: 'Count', description: 'Seats that are left.' }),
    assignedRemaining: t.expose('assignedRemaining', { type: 'Count', description: 'How many of them are held.' }),
    availableRemaining: t.expose('availableRemaining', { type: 'Count', description: 'How many of them are free.' }),
  }),
});

export const SeatSubscriptionRef = builder.objectRef<SeatSubscriptionRow>('SeatSubscription');

rowNode(SeatSubscriptionRef, 'seatSubscriptions', {
  description:
    'An auto-renewing purchase with seats for users, in one token. Has nothing to do with GraphQL subscriptions.',
  fields: (t) => ({
    token: t.field({
      type: TokenRef,
      description: 'The token of its library.',
      resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId) as Promise<TokenRow>,
    }),
    adamId: t.exposeString('adamId', { description: "Apple's id of it." }),
    parentAdamId: t.exposeString('parentAdamId', { description: "Apple's id of the app that it belongs to." }),
    status: t.expose('status', { type: SeatSubscriptionStatusEnum, description: 'Where it stands.' }),
    periodEndsOn: t.exposeString('periodEndsOn', {
      nullable: true,
      description: 'The day on which its period ends, YYYY-MM-DD; Apple names no hour.',
    }),
    renewing: t.field({
      type: SeatNumbersRef,
      description: 'Seats that renew with the period.',
      resolve: renewingOf,
    }),
    expiring: t.field({
      type: SeatNumbersRef,
      description: 'Seats that end with the period.',
      resolve: expiringOf,
    }),
    asOf: t.expose('asOf', { type: 'DateTime', description: "When Apple's numbers were read." }),
    goneAt: t.expose('goneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when Apple no longer lists it.',
    }),
    forecast: t.field({
      type: SeatForecastRef,
      nullable: true,
      description: 'What the end of the period does; null unless it is ACTIVE and Apple names the day.',
      resolve: async (row, _args, { loaders }) =>
        seatForecast(row, (await loaders.deferredSeats.load(row.id))?.renewing ?? 0n),
    }),
  }),
});

builder.queryField('seatSubscriptions', (t) =>
  t.connection(
    {
      type: SeatSubscriptionRef,
      description: 'The seat subscriptions that Apple lists in the libraries where they are managed, oldest first.',
      ...needs('apps:read'),
      args: {
        tokenId: t.arg.id({ description: 'Only those of this token.' }),
        statuses: t.arg({ type: [SeatSubscriptionStatusEnum], description: 'Only these; all when absent.' }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const tokenId = optionalRowId('Token', args.tokenId, ['tokenId']);
        const filter = { organizationId: actor.organizationId, tokenId, statuses: args.statuses ?? null };
        const window = idWindowOf(args);
        const found = await listSeatSubscriptions(rows, filter, window);
        return { ...pageOf(found, window, idCursor), count: () => countSeatSubscriptions(rows, filter) };
      },
    },
    totalCount,
  ),
);

const SeatManagementRef = builder.objectRef<Pick<SeatLibraryRow, 'enabledAt' | 'readAt'>>('SeatManagement').implement({
  description: 'Whether seat subscriptions of a library are managed here.',
  fields: (t) => ({
    enabled: t.boolean({
      description: 'Russet declared to Apple that it manages them.',
      resolve: ({ enabledAt }) => enabledAt !== null,
    }),
    enabledAt: t.expose('enabledAt', { type: 'DateTime', nullable: true, description: 'Since when.' }),
    readAt: t.expose('readAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When all of them, and who holds their seats, were last read.',
    }),
  }),
});

builder.objectFields(TokenRef, (t) => ({
  seatManagement: t.field({
    type: SeatManagementRef,
    description: 'Whether its seat subscriptions are managed here; see `enableSeatSubscriptions`.',
    resolve: async ({ id }, _args, { loaders }) =>
      (await loaders.seatLibraries.load(id)) ?? { enabledAt: null, readAt: null },
  }),
  seatSubscriptions: t.connection(
    {
      type: SeatSubscriptionRef,
      description: 'The seat subscriptions that Apple lists in its library, oldest first.',
      resolve: ({ id }, args, { loaders }) => ownedPage(loaders.seatSubscriptionsOfToken, id, args),
    },
    totalCount,
  ),
}));
