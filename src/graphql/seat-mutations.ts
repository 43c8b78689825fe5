import * as failures from '../domain/errors.ts';
import { assignSeats } from '../domain/seat/assign.ts';
import { disableSeatSubscriptions, enableSeatSubscriptions, type SeatDeclaration } from '../domain/seat/enable.ts';
import { removeSeats } from '../domain/seat/remove.ts';
import { builder } from './builder.ts';
import { rowId, rowIds } from './ids.ts';
import { ErrorPolicyEnum, keyText, taskPayload } from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { TokenRef } from './token.ts';

function declarationPayload(name: string, description: string) {
  return builder.objectRef<SeatDeclaration>(name).implement({
    description,
    fields: (t) => ({
      token: t.field({
        type: TokenRef,
        description: 'The token as it is now.',
        ...showsWritten,
        resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId).then((row) => row!),
      }),
      declaration: t.exposeString('declaration', { description: 'What Apple was told, in a sentence for people.' }),
    }),
  });
}

const EnableInput = builder.inputType('EnableSeatSubscriptionsInput', {
  description: 'Whose seat subscriptions are to be managed here.',
  fields: (t) => ({ tokenId: t.id({ required: true, description: 'Global id of the token.' }) }),
});

const appleCalls = [
  failures.NotFoundError,
  failures.TokenExpiredError,
  failures.TokenNotUsableError,
  failures.InstallationNotConfirmedError,
  failures.AppleUnavailableError,
  failures.AppleRefusedError,
];

mutation('enableSeatSubscriptions', {
  description:
    'Declares to Apple that this product manages seat subscriptions of the library. Only then can managers buy auto-renewing subscriptions into it, and as long as any exist Apple does not take the declaration back. Reads them at once.',
  right: 'tokens:write',
  input: EnableInput,
  payload: declarationPayload('EnableSeatSubscriptionsPayload', 'What was declared.'),
  failures: appleCalls,
  run: ({ domain }, { tokenId }) => enableSeatSubscriptions(domain, { tokenId: rowId('Token', tokenId, ['tokenId']) }),
});

const DisableInput = builder.inputType('DisableSeatSubscriptionsInput', {
  description: 'Whose seat subscriptions are no longer to be managed here.',
  fields: (t) => ({ tokenId: t.id({ required: true, description: 'Global id of the token.' }) }),
});

mutation('disableSeatSubscriptions', {
  description:
    'Takes back the declaration that seat subscriptions of the library are managed here. Apple refuses while any exist.',
  right: 'tokens:write',
  input: DisableInput,
  payload: declarationPayload('DisableSeatSubscriptionsPayload', 'What was declared.'),
  failures: [failures.SeatSubscriptionsExistError, ...appleCalls],
  run: ({ domain }, { tokenId }) => disableSeatSubscriptions(domain, { tokenId: rowId('Token', tokenId, ['tokenId']) }),
});

const subscriptionsText = 'Global ids of seat subscriptions, at most 100.';
const usersText = 'Global ids of users, at most 10,000; at most 10,000 pairs of subscription and user.';
const policyText = 'What a refused item does to the others; ATOMIC when absent.';

const AssignSeatsInput = builder.inputType('AssignSeatsInput', {
  description: 'Seats of which subscriptions, to whom.',
  fields: (t) => ({
    subscriptionIds: t.idList({ required: true, description: subscriptionsText }),
    vppUserIds: t.idList({ required: true, description: usersText }),
    renewing: t.boolean({
      required: true,
      description: 'Seats that renew with the period, or such that end with it. They are counted apart.',
    }),
    onError: t.field({ type: ErrorPolicyEnum, description: policyText }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

const seatFailures = [
  failures.NotFoundError,
  failures.IdempotencyKeyReusedError,
  failures.SeatsNotEnabledError,
  failures.TokenExpiredError,
  failures.TokenNotUsableError,
  failures.InstallationNotConfirmedError,
];

mutation('assignSeats', {
  description:
    'Gives every user a seat of every seat subscription. Seats are reserved when this returns and confirmed by Apple in the task; never more than there are of the kind.',
  right: 'licenses:write',
  input: AssignSeatsInput,
  payload: taskPayload('AssignSeatsPayload', 'The assignment that is under way now.'),
  failures: [
    ...seatFailures,
    failures.NoSeatsAvailableError,
    failures.SeatSubscriptionNotActiveError,
    failures.UserNotAssociatedError,
    failures.UserOfOtherLibraryError,
    failures.SeatAlreadyAssignedError,
  ],
  run: ({ domain }, input) =>
    assignSeats(domain, {
      ...input,
      subscriptionIds: rowIds('SeatSubscription', input.subscriptionIds, ['subscriptionIds'])!,
      vppUserIds: rowIds('VppUser', input.vppUserIds, ['vppUserIds'])!,
    }),
});

const SeatHoldersInput = builder.inputType('SeatHoldersInput', {
  description: 'The seats of each of these subscriptions that each of these users holds.',
  fields: (t) => ({
    subscriptionIds: t.idList({ required: true, description: subscriptionsText }),
    vppUserIds: t.idList({ required: true, description: usersText }),
  }),
});

const RemoveSeatsTargetInput = builder.inputType('RemoveSeatsTargetInput', {
  description: 'Which seats: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    seatIds: t.idList({ description: 'Seats by the global ids of their assignments, at most 10,000.' }),
    holders: t.field({ type: SeatHoldersInput, description: 'By subscription and user.' }),
  }),
});

const RemoveSeatsInput = builder.inputType('RemoveSeatsInput', {
  description: 'Which seats to take back, and when.',
  fields: (t) => ({
    target: t.field({ type: RemoveSeatsTargetInput, required: true, description: 'Which seats.' }),
    deferred: t.boolean({
      description: 'At the end of the period: the user keeps the seat until then. At once when absent.',
    }),
    onError: t.field({ type: ErrorPolicyEnum, description: policyText }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

mutation('removeSeats', {
  description:
    'Takes seats back, at once or at the end of the period. The task of a deferred removal ends when Apple has agreed; the seat is REMOVAL_DEFERRED until the period ends.',
  right: 'licenses:write',
  input: RemoveSeatsInput,
  payload: taskPayload('RemoveSeatsPayload', 'The removal that is under way now.'),
  failures: [...seatFailures, failures.SeatNotAssignedError, failures.SeatChangeInProgressError],
  run: ({ domain }, { target: { seatIds, holders }, ...input }) =>
    removeSeats(domain, {
      ...input,
      target: {
        seatIds: rowIds('SeatAssignment', seatIds, ['target', 'seatIds']),
        holders: holders && {
          subscriptionIds: rowIds('SeatSubscription', holders.subscriptionIds, [
            'target',
            'holders',
            'subscriptionIds',
          ])!,
          vppUserIds: rowIds('VppUser', holders.vppUserIds, ['target', 'holders', 'vppUserIds'])!,
        },
      },
    }),
});
