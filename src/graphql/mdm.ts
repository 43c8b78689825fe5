/** The organization's connection to its MDM server. @module */
import { mdmWebhook } from '../domain/mdm/address.ts';
import { type Connection, presentConnection } from '../domain/mdm/find.ts';
import { readSetAside, type SetAside } from '../domain/mdm/set-aside.ts';
import { type MdmWarning, warningsOf } from '../domain/mdm/warnings.ts';
import type { MdmProblem } from '../domain/mdm-ports.ts';
import { builder } from './builder.ts';
import { MdmKindEnum, MdmProblemEnum } from './mdm-enums.ts';
import { needs } from './rights.ts';

const MdmWebhookRef = builder.objectRef<{ path: string; url: string | null; signed: boolean }>('MdmWebhook').implement({
  description: 'Where the MDM server posts what its devices tell (NanoMDM: `-webhook-url`).',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Its path below the address of Russet. Treat it like a password.' }),
    url: t.exposeString('url', {
      nullable: true,
      description:
        'The whole address; null while PUBLIC_URL is not set: then put before the path where the server reaches Russet.',
    }),
    signed: t.exposeBoolean('signed', { description: 'Whether only messages with a good HMAC are taken.' }),
  }),
});

const MdmWarningCodeEnum = builder.enumType('MdmWarningCode', {
  description: 'What could be better about a connection.',
  values: {
    UNSIGNED_WEBHOOK: { description: 'There is no HMAC key, so the webhook is guarded by its address alone.' },
    NOT_ENCRYPTED: { description: 'The API key travels unencrypted.' },
    NO_PUBLIC_URL: { description: 'The installation does not know its own address.' },
  } as const,
});

const MdmWarningRef = builder.objectRef<MdmWarning>('MdmWarning').implement({
  description: 'Something that could be better about a connection that works.',
  fields: (t) => ({
    code: t.expose('code', { type: MdmWarningCodeEnum, description: 'What, for programs.' }),
    message: t.exposeString('message', { description: 'What, and what to do, for people.' }),
  }),
});

interface StoredProblem {
  code: MdmProblem;
  message: string;
  at: string;
}

const MdmProblemNoteRef = builder.objectRef<StoredProblem>('MdmProblemNote').implement({
  description: 'Why the last call of the MDM server failed.',
  fields: (t) => ({
    problem: t.expose('code', { type: MdmProblemEnum, description: 'What is to be mended.' }),
    message: t.exposeString('message', { description: 'The same as a sentence.' }),
    at: t.field({ type: 'DateTime', description: 'When.', resolve: ({ at }) => new Date(at) }),
  }),
});

const SetAsideRef = builder.objectRef<SetAside>('MdmSetAside').implement({
  description:
    'News of devices that could not be applied because of errors of Russet, after five tries. Report it, with the line `news of a device were set aside` of the log.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many; they are kept for DEVICE_NEWS_DAYS.' }),
    since: t.expose('since', { type: 'DateTime', description: 'When the oldest of them came.' }),
  }),
});

/** The connection. */
export const MdmRef = builder.objectRef<Connection>('Mdm').implement({
  description: "The organization's one way to its devices. Its keys can't be read.",
  fields: (t) => ({
    kind: t.expose('kind', { type: MdmKindEnum, description: 'How commands reach devices.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    baseUrl: t.exposeString('baseUrl', { nullable: true, description: 'Address of the server that Russet calls.' }),
    pathPrefix: t.exposeString('pathPrefix', { nullable: true, description: 'Where its API is, e.g. `/v1/`.' }),
    userName: t.exposeString('userName', { nullable: true, description: 'User of its API.' }),
    push: t.exposeBoolean('push', { description: 'Whether devices are woken when something was queued for them.' }),
    webhook: t.field({
      type: MdmWebhookRef,
      nullable: true,
      description: 'Where the server posts what its devices tell; null for one that asks Russet.',
      resolve: ({ kind, webhookId, hmacKeyJwe }, _args, { domain }) =>
        kind === 'NANOMDM' ? { ...mdmWebhook(domain.settings, webhookId), signed: hmacKeyJwe !== null } : null,
    }),
    warnings: t.field({
      type: [MdmWarningRef],
      description: 'What could be better.',
      resolve: (connection, _args, { domain }) => warningsOf(connection, domain.settings),
    }),
    problem: t.field({
      type: MdmProblemNoteRef,
      nullable: true,
      description: 'Why the last call failed; null when it did not. It is tried again by itself.',
      resolve: ({ problem }) => problem as unknown as StoredProblem | null,
    }),
    retryAt: t.expose('blockedUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Before this nothing is sent, because calls failed; `testMdm` ends the wait.',
    }),
    answeredAt: t.expose('answeredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the server last answered.',
    }),
    heardAt: t.expose('heardAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When something of a device last came, give or take ten seconds. Null long after connecting: the webhook is not set up.',
    }),
    setAside: t.field({
      type: SetAsideRef,
      nullable: true,
      description:
        'What could not be applied; null when there is nothing, as it should be. `settleSetAsideNews` tries it again or drops it.',
      resolve: (connection, _args, { domain }) => readSetAside(domain, connection),
    }),
    connectedAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was connected.' }),
  }),
});

builder.queryField('mdm', (t) =>
  t.field({
    type: MdmRef,
    nullable: true,
    description: "The connection to the organization's MDM server; null when there is none.",
    ...needs('mdm:read'),
    resolve: (_root, _args, { domain }) => presentConnection(domain),
  }),
);
