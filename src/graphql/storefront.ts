/** The organization's app store as a holder sees it. Leads to nothing else: a key for it alone sees nothing else. @module */
import {
  AppNotReleasedError,
  AppNotRequestableError,
  IdempotencyKeyReusedError,
  NotFoundError,
} from '../domain/errors.ts';
import { type StoreRefusal, storeRefusals } from '../domain/storefront/refusal.ts';
import { type Requested, requestApp } from '../domain/storefront/request.ts';
import { countStoreOf, type StoreApp, type StoreQuestion, showStore } from '../domain/storefront/show.ts';
import { OrderDirectionEnum, readPlace, writePlace } from './app.ts';
import { builder } from './builder.ts';
import { AppStatusEnum, LicenseStateEnum, ProductTypeEnum } from './enums.ts';
import { globalId, optionalRowId, rowId } from './ids.ts';
import { keyText } from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { totalCount } from './total-count.ts';

const StoreReasonEnum = builder.enumType('StoreReason', {
  description: 'Why a holder can’t request an app now.',
  values: Object.fromEntries(Object.entries(storeRefusals).map(([code, description]) => [code, { description }])),
});

const StoreRefusalRef = builder.objectRef<StoreRefusal>('StoreRefusal').implement({
  description: 'Why a holder can’t request an app now.',
  fields: (t) => ({
    code: t.field({ type: StoreReasonEnum, description: 'For programs.', resolve: ({ code }) => code }),
    message: t.exposeString('message', { description: 'For the person who looks at the store.' }),
  }),
});

const StoreAppRef = builder.objectRef<StoreApp>('StoreApp').implement({
  description: 'An app in the store of one holder.',
  fields: (t) => ({
    appId: t.id({ description: 'Global id of the app, for `requestApp`.', resolve: ({ id }) => globalId('App', id) }),
    name: t.exposeString('name', { nullable: true, description: 'Its name; null until the store was asked.' }),
    artistName: t.exposeString('artistName', { nullable: true, description: 'Who makes it.' }),
    iconUrl: t.exposeString('iconUrl', { nullable: true, description: 'Address of its icon.' }),
    version: t.exposeString('version', { nullable: true, description: 'Its version in the store.' }),
    productType: t.expose('productType', { type: ProductTypeEnum, description: 'What it is.' }),
    status: t.expose('status', { type: AppStatusEnum, description: "Where it stands in the organization's store." }),
    holderHasLicense: t.exposeBoolean('holderHasLicense', {
      description:
        'The holder has a license or is being given one: the app costs them nothing and takes no further license.',
    }),
    licenseState: t.expose('licenseState', {
      type: LicenseStateEnum,
      nullable: true,
      description: 'Where that license stands; null when there is none.',
    }),
    available: t.exposeBoolean('available', { description: 'A license is free for such a holder.' }),
    installed: t.exposeBoolean('installed', {
      nullable: true,
      description: 'The device has it; null of people, and of devices that never told of their apps.',
    }),
    installedVersion: t.exposeString('installedVersion', { nullable: true, description: 'Its version there.' }),
    requestable: t.boolean({
      description: '`requestApp` would give it now.',
      resolve: ({ refusal }) => refusal === null,
    }),
    refusal: t.field({
      type: StoreRefusalRef,
      nullable: true,
      description: 'Why it would not; null when it would.',
      resolve: ({ refusal }) => refusal,
    }),
  }),
});

const StoreHolderInput = builder.inputType('StoreHolderInput', {
  description: 'Whose store it is: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceId: t.id({ description: 'A device, by its global id.' }),
    vppUserId: t.id({ description: 'A person, by the global id.' }),
  }),
});

const holderOf = (of: typeof StoreHolderInput.$inferInput): StoreQuestion['holder'] => ({
  deviceId: optionalRowId('Device', of.deviceId, ['for', 'deviceId']),
  vppUserId: optionalRowId('VppUser', of.vppUserId, ['for', 'vppUserId']),
});

const StoreOrderFieldEnum = builder.enumType('StoreOrderField', {
  description: 'What the store can be ordered by.',
  values: {
    NAME: { description: 'Name, whatever the case.' },
    FIRST_SEEN: { description: 'When a sync met the app first.' },
  } as const,
});

const StoreOrderInput = builder.inputType('StoreOrder', {
  description: 'An order of the store.',
  fields: (t) => ({
    field: t.field({ type: StoreOrderFieldEnum, required: true, description: 'What to order by.' }),
    direction: t.field({ type: OrderDirectionEnum, description: 'Which end comes first; ASC when absent.' }),
  }),
});

builder.queryField('storefront', (t) =>
  t.connection(
    {
      type: StoreAppRef,
      description:
        'The apps that a device or person may see: released to them, for the platform, and not too new for the system. What they hold is always there.',
      ...needs('storefront:use'),
      args: {
        for: t.arg({ type: StoreHolderInput, required: true, description: 'Whose store.' }),
        search: t.arg.string({ description: 'Part of the name or of the maker’s, whatever the case.' }),
        orderBy: t.arg({ type: StoreOrderInput, description: 'The order; by name when absent.' }),
      },
      resolve: async (_root, args, { domain }) => {
        const question: StoreQuestion = {
          holder: holderOf(args.for),
          search: args.search?.trim() || null,
          order: { field: args.orderBy?.field ?? 'NAME', descending: args.orderBy?.direction === 'DESC' },
        };
        const window = windowOf(args, readPlace);
        const found = await showStore(domain, question, window);
        return { ...pageOf(found, window, writePlace), count: () => countStoreOf(domain, question) };
      },
    },
    totalCount,
  ),
);

const RequestAppInput = builder.inputType('RequestAppInput', {
  description: 'Which app, for whom.',
  fields: (t) => ({
    appId: t.id({ required: true, description: 'Global id of the app.' }),
    for: t.field({ type: StoreHolderInput, required: true, description: 'Who gets it.' }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

const RequestOutcomeEnum = builder.enumType('RequestOutcome', {
  description: 'What became of the request of an app.',
  values: {
    REQUESTED: { description: 'The license is on its way, or the app, where only that was lacking.' },
    ALREADY_LICENSED: { description: 'The license was there before, or on its way.' },
    ALREADY_WAITING: { description: 'A license was asked for before and comes when one is free.' },
  } as const,
});

const RequestAppPayload = builder.objectRef<Requested>('RequestAppPayload').implement({
  description: 'What became of the request.',
  fields: (t) => ({
    outcome: t.expose('outcome', { type: RequestOutcomeEnum, description: 'What was done, or was so before.' }),
    installs: t.boolean({
      description:
        'The app is being installed on the device, as soon as its license is confirmed. False: it is there already, or nothing can be sent to the device, and it is installed elsewhere.',
      resolve: ({ installs }) => installs,
    }),
    app: t.expose('app', { type: StoreAppRef, nullable: true, description: 'The app as the holder sees it now.' }),
  }),
});

mutation('requestApp', {
  description:
    'Gives a holder a license of an app, on their behalf, and installs it on a device that is enrolled. A second request takes no second license and answers with what is.',
  right: 'storefront:use',
  input: RequestAppInput,
  payload: RequestAppPayload,
  failures: [NotFoundError, IdempotencyKeyReusedError, AppNotReleasedError, AppNotRequestableError],
  run: ({ domain }, input) =>
    requestApp(domain, {
      appId: rowId('App', input.appId, ['appId']),
      for: holderOf(input.for),
      idempotencyKey: input.idempotencyKey,
    }),
});
