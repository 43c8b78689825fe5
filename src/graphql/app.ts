import { type AppOrder, type AppPlace, countListedApps, listApps } from '../domain/app/list.ts';
import { findApp } from '../domain/app/row.ts';
import { InvalidInputError } from '../domain/errors.ts';
import type { AppMetadata } from '../generated/prisma/client.ts';
import { AppRef, type ShownApp } from './app-ref.ts';
import { builder } from './builder.ts';
import { AppStatusEnum, ProductTypeEnum } from './enums.ts';
import { bareId, optionalRowId, rowId } from './ids.ts';
import { LicenseRef } from './license.ts';
import { LicenseCountsRef } from './license-counts.ts';
import { asOfText, licensePage } from './license-pages.ts';
import { LicensePoolRef } from './license-pool.ts';
import { pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { selectedFields } from './selection.ts';
import { LedgerLineRef, timelinePage } from './timeline.ts';
import { totalCount, wideTotalCount } from './total-count.ts';

/** The one token whose licenses an app of a list shows; null when all are. */
const countedToken = ({ countsTokenId }: ShownApp): bigint | null => countsTokenId ?? null;

const PriceRef = builder
  .objectRef<{ price: string; currency: string | null; priceFormatted: string | null }>('Price')
  .implement({
    description: "What one license costs in the storefront of the app's first token.",
    fields: (t) => ({
      amount: t.exposeString('price', { description: 'Decimal number with two digits.' }),
      currency: t.exposeString('currency', { nullable: true, description: 'ISO 4217 code.' }),
      formatted: t.exposeString('priceFormatted', { nullable: true, description: 'As the store shows it.' }),
    }),
  });

const PlatformVariantRef = builder.objectRef<AppMetadata>('AppPlatformVariant').implement({
  description: 'What one storefront says of an app on one platform.',
  fields: (t) => ({
    storefront: t.exposeString('storefront', { description: 'ISO 3166-1 alpha-2 country code.' }),
    platform: t.exposeString('platform', { description: '`ios`, `osx` or `appletvos`.' }),
    name: t.exposeString('name', { nullable: true, description: 'Name in that storefront.' }),
    bundleId: t.exposeString('bundleId', { nullable: true, description: 'Bundle id.' }),
    version: t.exposeString('version', { nullable: true, description: 'Version in the store.' }),
    minimumOsVersion: t.exposeString('minimumOsVersion', {
      nullable: true,
      description: 'Lowest system version that runs it.',
    }),
    deviceFamilies: t.exposeStringList('deviceFamilies', { description: 'Device families that run it.' }),
    fetchedAt: t.expose('fetchedAt', { type: 'DateTime', description: 'When the store said so.' }),
  }),
});

rowNode(AppRef, 'apps', {
  description: "A store item of the organization's own app store: an app or a book that at least one token held.",
  fields: (t) => ({
    adamId: t.exposeString('adamId', { description: "Apple's id of the store item." }),
    productType: t.expose('productType', { type: ProductTypeEnum, description: 'What it is.' }),
    status: t.expose('status', {
      type: AppStatusEnum,
      description: "Where it stands in the organization's own store.",
    }),
    firstSeenAt: t.expose('firstSeenAt', { type: 'DateTime', description: 'When a sync met it first.' }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Its name; null until the store was asked, or when it does not know it.',
    }),
    bundleId: t.exposeString('bundleId', { nullable: true, description: 'Its bundle id.' }),
    artistName: t.exposeString('artistName', { nullable: true, description: 'Who makes it.' }),
    version: t.exposeString('version', { nullable: true, description: 'Its version in the store.' }),
    minimumOsVersion: t.exposeString('minimumOsVersion', {
      nullable: true,
      description: 'Lowest system version that runs it.',
    }),
    platforms: t.exposeStringList('platforms', {
      description: 'Platforms on which it runs, in any token: `iOS`, `macOS`, `tvOS`, `watchOS`, `visionOS`.',
    }),
    deviceFamilies: t.exposeStringList('deviceFamilies', { description: 'Device families that run it.' }),
    metadataAt: t.expose('metadataAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the store was last asked for name, version and price.',
    }),
    storeUrl: t.exposeString('storeUrl', { nullable: true, description: 'Its page in the public store.' }),
    iconUrl: t.string({
      nullable: true,
      description: 'Its icon as a PNG image.',
      args: { size: t.arg.int({ defaultValue: 128, description: 'Width and height in pixels, from 16 to 1024.' }) },
      resolve: ({ iconUrl }, args) => iconUrl && fillIcon(iconUrl, args.size ?? 128),
    }),
    price: t.field({
      type: PriceRef,
      nullable: true,
      description: 'What one license costs; null when it is not known.',
      resolve: ({ price, ...rest }) => (price === null ? null : { price, ...rest }),
    }),
    platformVariants: t.field({
      type: [PlatformVariantRef],
      description: 'What each storefront says of it on each platform.',
      resolve: (app, _args, { loaders }) => loaders.variantsOfApp.load(app.id),
    }),
    deviceAssignable: t.boolean({
      description: 'Apple licenses it to devices, in at least one of the tokens.',
      resolve: (app, _args, { loaders }) =>
        app.counts?.deviceAssignable ??
        loaders.counts
          .load({ appId: app.id, tokenId: countedToken(app) })
          .then(({ deviceAssignable }) => deviceAssignable),
    }),
    licenses: t.field({
      type: LicenseCountsRef,
      description: 'Its counts: those of one token under `apps(tokenId:)` or with `tokenId`, else over all tokens.',
      args: { tokenId: t.arg.id({ description: 'Count the licenses of this token only.' }) },
      resolve: (app, args, { loaders }) => {
        const tokenId = optionalRowId('Token', args.tokenId, ['tokenId']) ?? countedToken(app);
        return app.counts?.tokenId === tokenId ? app.counts : loaders.counts.load({ appId: app.id, tokenId });
      },
    }),
    pools: t.field({
      type: [LicensePoolRef],
      description: 'Its licenses token by token, in the order in which tokens are tried.',
      ...needs('tokens:read'),
      resolve: (app, _args, { loaders }) => loaders.poolsOfApp.load(app.id),
    }),
    licenseDetails: t.connection(
      {
        type: LicenseRef,
        description: 'Who holds a license of it, through which token and since when; ended ones are left out.',
        ...needs('licenses:read'),
        args: { asOf: t.arg({ type: 'DateTime', description: asOfText }) },
        resolve: async (app, args, { loaders }, info) => {
          const owner = { kind: 'app' as const, id: app.id, tokenId: countedToken(app), asOf: args.asOf ?? null };
          const page = await licensePage(loaders.licensePages, owner, args, info);
          return { ...page, count: () => loaders.licensePages.count(owner) };
        },
      },
      totalCount,
    ),
    timeline: t.connection({
      type: LedgerLineRef,
      description: 'What happened to its licenses, over all tokens, newest first.',
      ...needs('licenses:read'),
      resolve: ({ id }, args, context, info) => timelinePage(context, { kind: 'app', id }, args, info),
    }),
    purchaseUrl: t.string({
      nullable: true,
      description: 'Where to buy licenses, by the account type of the first token that holds it; null when none does.',
      resolve: async (app, _args, { loaders }) => {
        const [first] = await loaders.poolsOfApp.load(app.id);
        return first ? purchasePages[first.token.accountType] : null;
      },
    }),
    holderHasLicense: t.boolean({
      description: 'Whether this device holds a license of it: then it may be installed at no further cost.',
      ...needs('licenses:read'),
      args: { deviceId: t.arg.id({ required: true, description: 'Global id of the device.' }) },
      resolve: (app, args, { loaders }) =>
        loaders.holdings.load({ appId: app.id, deviceId: rowId('Device', args.deviceId, ['deviceId']) }),
    }),
  }),
});

const purchasePages = { BUSINESS: 'https://business.apple.com', EDUCATION: 'https://school.apple.com' } as const;

function fillIcon(template: string, wanted: number): string {
  const size = String(Math.min(1024, Math.max(16, wanted)));
  return template.replaceAll('{w}', size).replaceAll('{h}', size).replaceAll('{f}', 'png').replaceAll('{c}', '');
}

const AppOrderFieldEnum = builder.enumType('AppOrderField', {
  description: 'What a list of apps can be ordered by.',
  values: {
    NAME: { description: 'Name, whatever the case.' },
    ADAM_ID: { description: "Apple's id, as a number." },
    STATUS: { description: 'DEVELOPMENT before REVIEW before RELEASE.' },
    AVAILABLE: { description: 'Available licenses; unlimited ones count as more than any number.' },
    USED: { description: 'Used licenses.' },
  } as const,
});

/** Which end of an order comes first. */
export const OrderDirectionEnum = builder.enumType('OrderDirection', {
  description: 'Which end of an order comes first.',
  values: { ASC: { description: 'The smallest.' }, DESC: { description: 'The largest.' } } as const,
});

const AppOrderInput = builder.inputType('AppOrder', {
  description: 'An order of apps.',
  fields: (t) => ({
    field: t.field({ type: AppOrderFieldEnum, required: true, description: 'What to order by.' }),
    direction: t.field({ type: OrderDirectionEnum, defaultValue: 'ASC', description: 'Which end comes first.' }),
  }),
});

builder.queryField('apps', (t) =>
  t.connection(
    {
      type: AppRef,
      description: "The organization's app store: everything that was purchased.",
      args: {
        tokenId: t.arg.id({ description: 'Only apps that this token holds, with the counts of this token.' }),
        search: t.arg.string({ description: 'Part of the name or bundle id, whatever the case, or the whole adamId.' }),
        statuses: t.arg({ type: [AppStatusEnum], description: 'Only these statuses.' }),
        deviceAssignable: t.arg.boolean({
          description: 'Only those that Apple licenses to devices, or only those that it does not.',
        }),
        orderBy: t.arg({ type: AppOrderInput, description: 'The order; by name when absent.' }),
      },
      ...needs('apps:read'),
      resolve: async (_root, args, { rows, actor }, info) => {
        const filter = filterOf(args, actor.organizationId);
        const window = windowOf(args, readPlace);
        const shown = selectedFields(info, ['edges', 'node']);
        const withCounts = shown.has('licenses') || shown.has('deviceAssignable');
        const found = await listApps(rows, filter, orderOf(args.orderBy), window, withCounts);
        return { ...pageOf(found, window, writePlace), count: () => countListedApps(rows, filter) };
      },
    },
    wideTotalCount,
  ),
);

/** The cursor of an app in an order. */
export function writePlace({ key, id }: AppPlace): string {
  return Buffer.from(JSON.stringify([key, String(id)])).toString('base64url');
}

/** The place of a cursor; null of a text that is none. */
export function readPlace(cursor: string): AppPlace | null {
  const [key, id] = parsePair(Buffer.from(cursor, 'base64url').toString('utf8'));
  const place = typeof key === 'string' && typeof id === 'string' ? bareId(id) : null;
  return place === null ? null : { key: key as string, id: place };
}

function parsePair(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

interface AppArguments {
  tokenId?: string | null | undefined;
  search?: string | null | undefined;
  statuses?: readonly string[] | null | undefined;
  deviceAssignable?: boolean | null | undefined;
}

function filterOf(args: AppArguments, organizationId: bigint) {
  return {
    organizationId,
    tokenId: optionalRowId('Token', args.tokenId, ['tokenId']),
    search: args.search?.trim() || null,
    statuses: args.statuses ?? null,
    deviceAssignable: args.deviceAssignable ?? null,
  };
}

function orderOf(
  order: { field: AppOrder['field']; direction?: 'ASC' | 'DESC' | null | undefined } | null | undefined,
): AppOrder {
  return { field: order?.field ?? 'NAME', descending: order?.direction === 'DESC' };
}

builder.queryField('app', (t) =>
  t.field({
    type: AppRef,
    nullable: true,
    description: "One store item by its global id or by Apple's; null when the organization has none such.",
    args: {
      id: t.arg.id({ description: 'Global id of the app. One of `id` and `adamId` is needed.' }),
      adamId: t.arg.string({ description: "Apple's id of the store item." }),
    },
    resolve: (_root, args, { rows, loaders, actor }) => {
      if ((args.id ?? null) !== null) return loaders.apps.load(rowId('App', args.id!, ['id']));
      if ((args.adamId ?? null) !== null) return findApp(rows, actor.organizationId, args.adamId!);
      throw new InvalidInputError([{ path: [], message: 'needs `id` or `adamId`' }]);
    },
  }),
);
