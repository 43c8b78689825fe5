import * as failures from '../domain/errors.ts';
import { disableSeatSubscriptions, enableSeatSubscriptions, type SeatDeclaration } from '../domain/seat/enable.ts';
import { builder } from './builder.ts';
import { rowId } from './ids.ts';
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
