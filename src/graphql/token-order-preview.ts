import {
  type NextSource,
  type OrderChange,
  type OrderPreview,
  previewTokenOrder,
} from '../domain/token/preview-order.ts';
import { AppRef } from './app-ref.ts';
import { builder, maxPageSize } from './builder.ts';
import { atMost } from './cost.ts';
import { rowIds } from './ids.ts';
import { needs } from './rights.ts';
import { TokenRef } from './token.ts';
import { SkippedTokenRef } from './user-errors.ts';

const NextSourceRef = builder.objectRef<NextSource>('NextLicenseSource').implement({
  description: 'Where the next license of an app would come from.',
  fields: (t) => ({
    token: t.field({
      type: TokenRef,
      nullable: true,
      description: 'The token; null when none can serve.',
      resolve: ({ tokenId }, _args, { loaders }) => (tokenId === null ? null : loaders.tokens.load(tokenId)),
    }),
    skipped: t.expose('skipped', {
      type: [SkippedTokenRef],
      description: 'Tokens that would be passed over before it, and why.',
    }),
  }),
});

const OrderChangeRef = builder.objectRef<OrderChange>('TokenOrderChange').implement({
  description: 'An app whose next license would come from another token.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    before: t.expose('before', { type: NextSourceRef, description: 'In the order that there is.' }),
    after: t.expose('after', { type: NextSourceRef, description: 'In the order that was asked about.' }),
  }),
});

const OrderPreviewRef = builder.objectRef<OrderPreview>('TokenOrderPreview').implement({
  description: 'What another order of the tokens would change for the next association of each app.',
  fields: (t) => ({
    apps: t.exposeInt('apps', {
      description: 'How many apps were looked at: those that some token holds for devices.',
    }),
    changed: t.int({
      description: 'For how many of them the next license would come from another token.',
      resolve: ({ changes }) => changes.length,
    }),
    changes: t.field({
      type: [OrderChangeRef],
      description: `The first ${maxPageSize} of these by name.`,
      ...atMost(maxPageSize),
      resolve: ({ changes }) => changes.slice(0, maxPageSize),
    }),
  }),
});

builder.queryField('previewTokenOrder', (t) =>
  t.field({
    type: OrderPreviewRef,
    description:
      'What `reorderTokens` with these ids would do to the next association of each app, decided as a real one is for a device on which every app runs. Nothing is changed; licenses that are given stay in any order.',
    ...needs('tokens:read'),
    args: {
      tokenIds: t.arg.idList({ required: true, description: 'Global ids of all tokens, each once, in the new order.' }),
    },
    resolve: (_root, args, { rows, domain }) =>
      previewTokenOrder(rows, domain, rowIds('Token', args.tokenIds, ['tokenIds'])!),
  }),
);
