/** What a token shows of Apple's notifications. @module */

import { NotFoundError } from '../domain/errors.ts';
import { rotateWebhook } from '../domain/notification/rotate.ts';
import { type NotificationsState, notificationsState, type SecondManager } from '../domain/notification/state.ts';
import { builder } from './builder.ts';
import { rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { TokenRef } from './token.ts';
import { tokenPayload } from './token-mutations.ts';

const NotificationsStateEnum = builder.enumType('NotificationsState', {
  description: 'How Russet hears from Apple.',
  values: {
    LIVE: {
      description: 'Apple posts what happens; writes are settled by that, and polled only when it does not come.',
    },
    POLLING: { description: 'Apple is asked; `reason` says why.' },
  } as const,
});

const PollingReasonEnum = builder.enumType('PollingReason', {
  description: 'Why Apple is asked instead of telling.',
  values: {
    NO_PUBLIC_URL: { description: 'The installation has no public address that Apple could post to.' },
    NOT_REGISTERED: { description: 'Apple was not told the address yet; it is tried again by itself.' },
    UNREACHABLE: {
      description: 'Apple called the address and got no answer (its error 9728); it is tried again by itself.',
    },
    REFUSED: { description: 'Apple refused the address; it is tried again by itself.' },
    TOKEN_NOT_USABLE: {
      description: 'The token is expired, revoked, invalid, or its library was claimed by another server.',
    },
  } as const,
});

const TokenNotificationsRef = builder
  .objectRef<NotificationsState & { setAside: number }>('TokenNotifications')
  .implement({
    description: "Whether Apple's notifications come for the library of a token.",
    fields: (t) => ({
      state: t.expose('state', { type: NotificationsStateEnum, description: 'How Russet hears from Apple.' }),
      reason: t.expose('reason', {
        type: PollingReasonEnum,
        nullable: true,
        description: 'Why it is POLLING; null while LIVE.',
      }),
      message: t.exposeString('message', { nullable: true, description: 'The same as a sentence, with what to do.' }),
      registeredAt: t.expose('registeredAt', {
        type: 'DateTime',
        nullable: true,
        description: 'Since when Apple posts to this installation; null while POLLING.',
      }),
      lastReceivedAt: t.expose('lastReceivedAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When a notification last came, give or take ten seconds.',
      }),
      setAside: t.exposeInt('setAside', {
        description:
          'How many notifications were ever set aside because applying them met errors of Russet again and again; a sync read the library after each. Anything but 0 is to be reported.',
      }),
    }),
  });

const ForeignActionEnum = builder.enumType('ForeignAction', {
  description: 'What somebody else did with licenses.',
  values: {
    ASSOCIATE: { description: 'Gave some.' },
    DISASSOCIATE: { description: 'Took some back.' },
    REVOKE: { description: 'Took everything back from devices or users.' },
  } as const,
});

const SecondManagerRef = builder.objectRef<SecondManager>('SecondManager').implement({
  description:
    'A hint that somebody else manages the library too: Apple told of an event that nobody here caused. Two managers give licenses away under each other.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When Apple last told of one.', resolve: ({ at }) => new Date(at) }),
    eventId: t.exposeString('eventId', { description: "Apple's id of that event." }),
    action: t.expose('action', { type: ForeignActionEnum, description: 'What was done.' }),
    licenses: t.int({
      description: 'How many licenses it named, as far as it was told together.',
      resolve: ({ items }) => items,
    }),
  }),
});

builder.objectFields(TokenRef, (t) => ({
  notifications: t.field({
    type: TokenNotificationsRef,
    description: "Whether Apple's notifications come for its library.",
    resolve: async (token, _args, { loaders, domain }) => {
      const facts = (await loaders.webhooks.load(token.id)) ?? noWebhook;
      const state = notificationsState({ ...token, ...facts }, domain.clock.now(), domain.settings);
      return { ...state, setAside: facts.setAside };
    },
  }),
  secondManager: t.field({
    type: SecondManagerRef,
    nullable: true,
    description: 'The last event that nobody here caused; `claimToken` forgets it.',
    resolve: async ({ id }, _args, { loaders }) => (await loaders.webhooks.load(id))?.secondManager ?? null,
  }),
}));

const noWebhook = {
  ...{ webhookId: null, registeredUrl: null, registeredAt: null, problem: null, lastReceivedAt: null },
  setAside: 0,
};

const RotateWebhookInput = builder.inputType('RotateWebhookInput', {
  description: 'Whose webhook gets another address and bearer.',
  fields: (t) => ({ tokenId: t.id({ required: true, description: 'Global id of the token.' }) }),
});

mutation('rotateWebhook', {
  description:
    'Gives the webhook of a token another address and with it another bearer, e.g. because somebody saw the old one. Apple is told at once; until it has the new one, for a day at most, what it posts to the old one is taken.',
  right: 'tokens:write',
  input: RotateWebhookInput,
  payload: tokenPayload('RotateWebhookPayload', 'The token whose webhook was changed.'),
  failures: [NotFoundError],
  run: async ({ domain }, { tokenId }) => ({
    tokenId: await rotateWebhook(domain, { tokenId: rowId('Token', tokenId, ['tokenId']) }),
  }),
});
