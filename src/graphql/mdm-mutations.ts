import * as failures from '../domain/errors.ts';
import { connectMdm } from '../domain/mdm/connect.ts';
import { presentConnection } from '../domain/mdm/find.ts';
import { type RemovedMdm, removeMdm } from '../domain/mdm/remove.ts';
import { settleSetAside } from '../domain/mdm/set-aside.ts';
import { type MdmTest, testMdm } from '../domain/mdm/test.ts';
import { updateMdm } from '../domain/mdm/update.ts';
import { builder } from './builder.ts';
import { MdmRef } from './mdm.ts';
import { MdmKindEnum, MdmServerEnum } from './mdm-enums.ts';
import { mutation, withoutNulls } from './mutation.ts';
import { showsWritten } from './rights.ts';

/** A payload that shows the connection, and the server's version. */
function connectionPayload<Shape extends { version: string | null }>(name: string, description: string) {
  const ref = builder.objectRef<Shape>(name).implement({ description });
  builder.objectFields(ref, (t) => ({
    mdm: t.field({
      type: MdmRef,
      nullable: true,
      description: 'The connection as it is now; null when somebody removed it meanwhile.',
      ...showsWritten,
      resolve: (_payload, _args, { domain }) => presentConnection(domain),
    }),
    serverVersion: t.string({
      nullable: true,
      description: 'What version the server says it is; not every one does. Null too when it was not asked.',
      resolve: ({ version }: Shape) => version,
    }),
  }));
  return ref;
}

const secretText = "Sealed at once; it can't be read again.";

const ConnectMdmInput = builder.inputType('ConnectMdmInput', {
  description: 'The MDM server that the devices are enrolled at.',
  fields: (t) => ({
    kind: t.field({ type: MdmKindEnum, required: true, description: 'How commands reach devices.' }),
    name: t.string({ description: 'What people call it, at most 100 characters.' }),
    server: t.field({ type: MdmServerEnum, description: 'Of NANOMDM: which server it is. NANOMDM when absent.' }),
    baseUrl: t.string({ description: 'Of NANOMDM: its address, http or https, e.g. `https://mdm.example.org`.' }),
    pathPrefix: t.string({ description: 'Of NANOMDM: where its API is. That of `server` when absent.' }),
    userName: t.string({ description: 'Of NANOMDM: user of its API. That of `server` when absent.' }),
    apiKey: t.string({ description: `Of NANOMDM: its API key (\`-api\`). ${secretText}` }),
    hmacKey: t.string({
      description: `Of NANOMDM: the key that it signs what it posts with (\`-webhook-hmac-key\`). ${secretText}`,
    }),
    push: t.boolean({
      description: 'Of NANOMDM: whether devices are woken when something was queued. True when absent.',
    }),
  }),
});

mutation('connectMdm', {
  description:
    'Connects the organization to the MDM server that its devices are enrolled at. A server that Russet calls is tried before anything is stored; nothing is queued there.',
  right: 'mdm:write',
  input: ConnectMdmInput,
  payload: connectionPayload(
    'ConnectMdmPayload',
    'The new connection. its `webhook` and `warnings` say what is left to do.',
  ),
  failures: [failures.MdmAlreadyConnectedError, failures.MdmUnavailableError],
  run: ({ domain }, input) => connectMdm(domain, withoutNulls(input) as never),
});

const UpdateMdmInput = builder.inputType('UpdateMdmInput', {
  description:
    'What to change in the connection; an absent field stays as it is. Of a connection of kind GRAPHQL only `name` can be changed.',
  fields: (t) => ({
    name: t.string({ description: 'What people call it.' }),
    baseUrl: t.string({ description: 'Its new address. Another host needs `apiKey` too.' }),
    pathPrefix: t.string({ description: 'Where its API is.' }),
    userName: t.string({ description: 'User of its API.' }),
    apiKey: t.string({ description: `Its new API key. ${secretText}` }),
    hmacKey: t.string({ description: `The new key of what it posts; null takes it unsigned. ${secretText}` }),
    push: t.boolean({ description: 'Whether devices are woken when something was queued.' }),
    newWebhook: t.boolean({ description: 'Gives the webhook another address, e.g. because somebody saw the old one.' }),
  }),
});

mutation('updateMdm', {
  description:
    'Changes the connection, e.g. after the key of the server was replaced. A new address, path, user or key is tried before it is stored; for anything else the server is not asked and may be away.',
  right: 'mdm:write',
  input: UpdateMdmInput,
  payload: connectionPayload('UpdateMdmPayload', 'The changed connection.'),
  failures: [failures.MdmNotConnectedError, failures.MdmUnavailableError],
  run: ({ domain }, { hmacKey, ...input }) =>
    updateMdm(domain, { ...withoutNulls(input), ...(hmacKey === undefined ? {} : { hmacKey }) } as never),
});

const TestMdmInput = builder.inputType('TestMdmInput', {
  description: 'How the connection of the organization is tested.',
  fields: (t) => ({
    seconds: t.int({ description: 'How long an answer is waited for, 1 to 10 seconds; 10 when absent.' }),
  }),
});

const TestMdmPayload = connectionPayload<MdmTest>('TestMdmPayload', 'The server can be used.');
builder.objectField(TestMdmPayload, 'called', (t) =>
  t.boolean({
    description: 'False for a server that asks Russet: there is nothing to call.',
    resolve: ({ called }) => called,
  }),
);

mutation('testMdm', {
  description:
    'Tries address, path, user and key of the MDM server; nothing is queued and no device is woken. A server that answers is used again at once. That somebody tried stands in the audit log.',
  right: 'mdm:write',
  input: TestMdmInput,
  payload: TestMdmPayload,
  failures: [failures.MdmNotConnectedError, failures.MdmUnavailableError],
  run: ({ domain }, input) => testMdm(domain, withoutNulls(input)),
});

const RemoveMdmInput = builder.inputType('RemoveMdmInput', {
  description: 'How the connection of the organization is removed.',
  fields: (t) => ({
    preview: t.boolean({ description: 'Only says what is open; nothing is removed. False when absent.' }),
  }),
});

const RemoveMdmPayload = builder.objectRef<RemovedMdm>('RemoveMdmPayload').implement({
  description: 'What was open when the connection was removed.',
  fields: (t) => ({
    removed: t.exposeBoolean('removed', { description: 'False for a preview.' }),
    cancelled: t.exposeInt('cancelled', { description: 'Commands that were not sent, and are not.' }),
    lost: t.exposeInt('lost', {
      description: 'Commands that the server has: they may still run, and their answers are not heard.',
    }),
    devices: t.exposeInt('devices', { description: "Devices that can't be reached any more." }),
  }),
});

mutation('removeMdm', {
  description:
    'Removes the connection and its keys. Devices, licenses and what was known of apps stay; what the server has queued already may still run.',
  right: 'mdm:write',
  input: RemoveMdmInput,
  payload: RemoveMdmPayload,
  failures: [failures.MdmNotConnectedError],
  run: ({ domain }, input) => removeMdm(domain, withoutNulls(input)),
});

const SetAsideActionEnum = builder.enumType('SetAsideAction', {
  description: 'What becomes of news that were set aside.',
  values: {
    RETRY: { description: 'They are tried again at once, e.g. after an update of Russet.' },
    DROP: {
      description:
        'They are never applied. Facts and app lists are asked for again in time; a command whose answer is dropped runs into its deadline, and a goodbye that is dropped is not heard again.',
    },
  } as const,
});

const SettleSetAsideInput = builder.inputType('SettleSetAsideNewsInput', {
  description: 'What becomes of all news that were set aside.',
  fields: (t) => ({
    action: t.field({ type: SetAsideActionEnum, required: true, description: 'Try them again, or drop them.' }),
  }),
});

const SettleSetAsidePayload = builder.objectRef<{ count: number }>('SettleSetAsideNewsPayload').implement({
  description: 'How many it was.',
  fields: (t) => ({ count: t.exposeInt('count', { description: 'How many are tried again, or were dropped.' }) }),
});

mutation('settleSetAsideNews', {
  description:
    'Tries news of devices again at which Russet failed five times, or drops them for good (`mdm { setAside }`). A command whose answer is dropped waits for its deadline; what devices have is told again.',
  right: 'mdm:write',
  input: SettleSetAsideInput,
  payload: SettleSetAsidePayload,
  failures: [failures.MdmNotConnectedError],
  run: ({ domain }, input) => settleSetAside(domain, input),
});
