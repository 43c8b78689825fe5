import {
  countNotices,
  listNotices,
  type NoticeRow,
  noticePlace,
  readNoticeCursor,
  writeNoticeCursor,
} from '../domain/token/notices.ts';
import { daysLeft } from '../domain/token/state.ts';
import { abortable } from './abortable.ts';
import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { optionalRowId } from './ids.ts';
import { type PageArguments, pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { ForeignServerRef, TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';

const TokenNoticeKindEnum = builder.enumType('TokenNoticeKind', {
  description: 'What a notice of a token says.',
  values: {
    EXPIRING: { description: 'It expires soon: `rung` says which of the announced days was reached.' },
    EXPIRED: { description: 'It is past its date; nothing is asked of Apple until it is renewed.' },
    REVOKED: { description: 'Apple revoked it.' },
    INVALID: { description: 'Apple does not accept it.' },
    READ_ONLY: { description: 'It may read and not write: its account lacks the right.' },
    TAKEN_OVER: { description: 'Another server claimed the library; `foreignServer` says which. Writes have stopped.' },
    OK: { description: 'What was told before is over: it works, or was renewed.' },
  } as const,
});

type Kind = NoticeRow['kind'];

const day = (at: Date) => at.toISOString().slice(0, 10);
const sentences: Record<Kind, (notice: NoticeRow) => string> = {
  EXPIRING: ({ expiresAt, at }) =>
    `The token expires on ${day(expiresAt)}, in ${daysLeft(expiresAt, at)} days. Download a new file and renew it.`,
  EXPIRED: ({ expiresAt }) => `The token expired on ${day(expiresAt)}. Upload a renewed file; everything else is kept.`,
  REVOKED: () => 'Apple revoked the token. Download a new file and upload it.',
  INVALID: () => 'Apple does not accept the token. Download a new file and upload it.',
  READ_ONLY: () =>
    'The token may only read. Upload a file of an account that may assign licenses; reading goes on meanwhile.',
  TAKEN_OVER: ({ foreignMdm }) =>
    `Another server${foreignMdm ? ` ("${foreignMdm.name}")` : ''} claimed the library, and writes have stopped. claimToken takes it back if it is yours.`,
  OK: ({ expiresAt }) => `The token works. It expires on ${day(expiresAt)}.`,
};

export const TokenNoticeRef = builder.objectRef<NoticeRow>('TokenNotice');

rowNode(TokenNoticeRef, 'tokenNotices', {
  description: 'What people were told of a token, once: a rung of the expiry, or that its condition changed.',
  fields: (t) => ({
    kind: t.expose('kind', { type: TokenNoticeKindEnum, description: 'What it says.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    rung: t.exposeInt('rung', {
      nullable: true,
      description: 'Days before the expiry that were announced with EXPIRING, e.g. 30; null otherwise.',
    }),
    daysLeft: t.int({
      description: 'Whole days that were left at that moment, rounded down; negative after the expiry.',
      resolve: ({ expiresAt, at }) => daysLeft(expiresAt, at),
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it expired or was to expire.' }),
    foreignServer: t.field({
      type: ForeignServerRef,
      nullable: true,
      description: 'Who claimed the library; with TAKEN_OVER.',
      resolve: ({ foreignMdm }) => foreignMdm,
    }),
    appleErrorNumber: t.exposeInt('appleErrorNumber', {
      nullable: true,
      description: "Apple's number, where a refusal of Apple was the reason.",
    }),
    message: t.string({
      description: 'What happened and what to do, for people.',
      resolve: (notice) => sentences[notice.kind](notice),
    }),
    token: t.field({
      type: TokenRef,
      description: 'The token, as it is now.',
      resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId).then((row) => row!),
    }),
  }),
});

const listDescription = 'Newest first. The cursor of an edge is one of the subscription `tokenNotices`, too.';

const cursorOf = (notice: NoticeRow) => writeNoticeCursor(notice.seq);

async function pageOfNotices({ rows, actor }: GraphQLContext, tokenId: bigint | null, args: PageArguments) {
  const window = windowOf(args, readNoticeCursor);
  const found = await listNotices(rows, actor.organizationId, tokenId, window);
  const page = pageOf(found, window, cursorOf);
  return { ...page, count: () => countNotices(rows, actor.organizationId, tokenId) };
}

builder.queryField('tokenNotices', (t) =>
  t.connection(
    {
      type: TokenNoticeRef,
      description: `What people were told of tokens. ${listDescription}`,
      ...needs('tokens:read'),
      args: { tokenId: t.arg.id({ description: 'Only those of this token.' }) },
      resolve: (_root, args, context) =>
        pageOfNotices(context, optionalRowId('Token', args.tokenId, ['tokenId']), args),
    },
    totalCount,
  ),
);

builder.objectField(TokenRef, 'notices', (t) =>
  t.connection(
    {
      type: TokenNoticeRef,
      description: `What people were told of it. ${listDescription}`,
      resolve: async ({ id }, args, { loaders: { noticesOfToken } }) => {
        const window = windowOf(args, readNoticeCursor);
        return {
          ...pageOf(await noticesOfToken.page(id, window), window, cursorOf),
          count: () => noticesOfToken.count(id),
        };
      },
    },
    totalCount,
  ),
);

const TokenNoticeEventRef = builder
  .objectRef<{ cursor: string; notice: NoticeRow | null }>('TokenNoticeEvent')
  .implement({
    description: 'One item of the stream of notices.',
    fields: (t) => ({
      cursor: t.exposeString('cursor', {
        description: 'Hand it back as `after` to go on behind this item, over either transport.',
      }),
      notice: t.expose('notice', {
        type: TokenNoticeRef,
        nullable: true,
        description: 'The notice; null in the first item of a stream without `after`, which says where it begins.',
      }),
    }),
  });

builder.subscriptionField('tokenNotices', (t) =>
  t.field({
    type: TokenNoticeEventRef,
    description:
      'Every notice of tokens, oldest first, without a gap. Without `after` it begins with the present, and with an item that has no notice. A cursor that is none is a top-level error.',
    ...needs('tokens:read'),
    args: {
      tokenId: t.arg.id({ description: 'Only those of this token.' }),
      after: t.arg.string({
        description: 'The cursor of the last item that was seen, or of an edge of `tokenNotices`.',
      }),
    },
    subscribe: async (_root, args, { rows, streams, actor }) => {
      const tokenId = optionalRowId('Token', args.tokenId, ['tokenId']);
      const { organizationId } = actor;
      const after = await noticePlace(rows, organizationId, args.after ?? null);
      return abortable((signal) => streams.tokenNotices({ organizationId, tokenId, after, signal }));
    },
    resolve: (event) => event,
  }),
);
