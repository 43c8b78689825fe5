/** What the admin routes accept as JSON. @module */
import { z } from 'zod';
import { developerKey } from './options-schema.ts';

const text = z.string().min(1);
const count = z.number().int().min(0);
const pricingParam = z.enum(['STDQ', 'PLUS']);
const productType = z.enum(['App', 'Book']);
const platform = z.enum(['iOS', 'macOS', 'tvOS', 'watchOS', 'visionOS']);

/** A claim of a library. */
export const mdmInfo = z.strictObject({ id: text, name: z.string(), metadata: z.string() });

const variant = z.strictObject({
  platform,
  bundleId: text,
  version: text,
  externalId: count,
  minimumOSVersion: text,
  deviceFamilies: z.array(text),
  releasedAt: text.optional(),
  earlier: z
    .array(z.strictObject({ version: text, externalId: count, minimumOSVersion: text, releasedAt: text.optional() }))
    .optional(),
  storefronts: z
    .record(
      z.string(),
      z.strictObject({ version: text, externalId: count, minimumOSVersion: text, releasedAt: text }).partial(),
    )
    .optional(),
});

const itemFields = {
  productType,
  name: text,
  artistName: z.string(),
  genre: z.string(),
  price: z.number().min(0),
  customApp: z.boolean(),
  withdrawn: z.boolean(),
  storefronts: z.array(text).optional(),
  deviceLicensing: z.boolean(),
  source: z.string().optional(),
};

const item = z.strictObject({ adamId: text, ...itemFields, variants: z.array(variant) });

const assetRules = {
  total: count.optional(),
  unlimited: z.boolean().optional(),
  retired: count.optional(),
  deviceAssignable: z.boolean().optional(),
  revocable: z.boolean().optional(),
  supportedPlatforms: z.array(platform).optional(),
};

const assetSpec = {
  adamId: text,
  pricingParam: pricingParam.optional(),
  productType: productType.optional(),
  ...assetRules,
};

const assignment = z.strictObject({
  adamId: text,
  pricingParam: pricingParam.optional(),
  serialNumber: text.optional(),
  clientUserId: text.optional(),
});

const userFields = {
  clientUserId: text,
  status: z.enum(['Registered', 'Associated', 'Retired', 'Deleted']),
  email: z.string().optional(),
  idHash: z.string().optional(),
  inviteCode: z.string().optional(),
};

const unit = z.strictObject({
  uId: z.string().regex(/^\d{1,18}$/),
  name: text,
  country: z.string().length(2),
  platform: z.enum(['volumestore', 'enterprisestore']),
  mdmInfo: mdmInfo.optional(),
  managedDomains: z.array(text).optional(),
  assets: z.array(z.strictObject(assetSpec)),
  users: z.array(z.strictObject(userFields)),
  assignments: z.array(assignment),
});

const token = z.strictObject({
  name: text,
  uId: text,
  orgName: text,
  expiresInDays: z.number(),
  revoked: z.boolean().optional(),
  readOnly: z.boolean().optional(),
});

/** A device as scenarios list them. */
export const device = z.strictObject({
  serialNumber: text,
  family: z.enum(['IPAD', 'IPHONE', 'APPLE_TV', 'MAC']),
  model: text,
  osVersion: text,
  name: text,
});

/** A whole scenario as data. */
export const scenario = z.strictObject({
  name: text,
  catalog: z.array(item),
  organizationalUnits: z.array(unit),
  tokens: z.array(token),
  devices: z.array(device),
});

const key = { uId: text, adamId: text, pricingParam: pricingParam.optional() };
const seat = z.strictObject({ ...key, serialNumber: text.optional(), clientUserId: text.optional() });

/** Payloads by verb; a verb that is not here takes none. */
export const payloads = {
  loadScenario: z.strictObject({
    scenario: z.union([text, scenario]).optional(),
    licenses: count.optional(),
    devices: count.optional(),
    seed: z.number().int().optional(),
  }),
  tokenFile: z.strictObject({ name: text }),
  issueToken: z.strictObject({
    uId: text.optional(),
    name: text.optional(),
    kind: z.enum(['valid', 'expired', 'readOnly', 'legacy']).optional(),
    expDate: text.optional(),
    as: text.optional(),
    revokeOlder: z.boolean().optional(),
  }),
  revokeToken: z.strictObject({ name: text }),
  purchase: z.strictObject({ ...key, count: z.number().int() }),
  refund: z.strictObject({ ...key, count: count.min(1) }),
  transfer: z.strictObject({ ...key, to: text, count: count.min(1) }),
  setAsset: z.strictObject({ ...key, ...assetRules }),
  addAsset: z.strictObject({ uId: text, ...assetSpec, item: item.optional() }),
  removeAsset: z.strictObject(key),
  seat,
  setMdmInfo: z.strictObject({ uId: text, mdmInfo: mdmInfo.nullable() }),
  setUser: z.strictObject({ uId: text, ...userFields }),
  addDeveloperKey: developerKey,
  createDeveloperKey: z.strictObject({ teamId: text.optional(), keyId: text.optional() }),
  removeDeveloperKey: z.strictObject({ keyId: text }),
  buySubscription: z.strictObject({
    uId: text,
    adamId: text,
    parentAdamId: text.optional(),
    renewing: z.number().int().optional(),
    expiring: z.number().int().optional(),
    periodDays: count.min(1).optional(),
    periodEnd: z.iso.datetime().optional(),
  }),
  setSubscription: z.strictObject({ uId: text, adamId: text, status: z.enum(['ACTIVE', 'INACTIVE', 'PAUSED']) }),
  giveSubscription: z.strictObject({
    uId: text,
    adamId: text,
    clientUserId: text,
    renewing: z.boolean().optional(),
    viaGroup: z.boolean().optional(),
  }),
  acceptInvitation: z.strictObject({ inviteCode: text, account: text }),
  setMetadata: z.strictObject({
    adamId: text,
    ...z.strictObject(itemFields).partial().shape,
    variant: variant.partial().optional(),
  }),
  publishVersion: z.strictObject({
    adamId: text,
    platform: platform.optional(),
    version: text.optional(),
    externalId: count.optional(),
    minimumOSVersion: text.optional(),
    storefront: z.string().length(2).optional(),
  }),
  journal: z.strictObject({
    since: z.coerce.number().int().optional(),
    operation: text.optional(),
    limit: z.coerce.number().int().optional(),
  }),
  deliveries: z.strictObject({
    since: z.coerce.number().int().optional(),
    uId: text.optional(),
    type: text.optional(),
    state: z.enum(['waiting', 'sending', 'delivered', 'failed', 'dropped']).optional(),
    limit: z.coerce.number().int().optional(),
    bodies: z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')]).optional(),
  }),
  deliver: z.strictObject({ numbers: z.array(count).optional() }),
  dropDeliveries: z.strictObject({ numbers: z.array(count) }),
  sendNotification: z.strictObject({
    uId: text,
    type: text,
    notification: z.record(z.string(), z.unknown()).optional(),
    notificationId: text.optional(),
    authorization: z.string().nullable().optional(),
    raw: z.string().optional(),
    url: text.optional(),
  }),
  advance: z.strictObject({ milliseconds: count }),
  truth: z.strictObject({ uId: text }),
  users: z.strictObject({ uId: text.optional() }),
  mdmQueue: z.strictObject({ id: text }),
  mdmEvents: z.strictObject({
    since: z.coerce.number().int().optional(),
    id: text.optional(),
    limit: z.coerce.number().int().optional(),
  }),
  clearFaults: z.strictObject({ id: text.optional() }),
};
