/** What the admin routes on devices accept as JSON. @module */
import { z } from 'zod';
import type { DeviceAct } from './admin-fleet-types.ts';
import { device } from './admin-schemas.ts';
import type { DeviceScript } from './devices/scripts.ts';

const text = z.string().min(1);
const count = z.number().int().min(0);
const share = z.number().min(0).max(1);
const seed = z.number().int();

const choice = {
  serialNumbers: z.array(text).optional(),
  family: z.enum(['IPAD', 'IPHONE', 'APPLE_TV', 'MAC']).optional(),
  supervised: z.boolean().optional(),
  share: share.optional(),
  seed: seed.optional(),
};

const initialApp = z.strictObject({
  adamId: text.optional(),
  bundleId: text.optional(),
  name: text.optional(),
  version: text.optional(),
  share: share.optional(),
  behind: count.optional(),
  managed: z.boolean().optional(),
});

const bounds = { times: count.optional(), adamId: text.optional(), chance: share.optional() };
const requestType = text.optional();
const error = z.strictObject({ domain: text, code: z.number().int(), text: text.optional() });

const script = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('notNow'), ...bounds }),
  z.strictObject({
    kind: z.literal('error'),
    errors: z.array(error),
    rejectionReason: text.optional(),
    requestType,
    ...bounds,
  }),
  z.strictObject({ kind: z.literal('formatError'), requestType, ...bounds }),
  z.strictObject({ kind: z.literal('userRejects'), afterMs: count.optional(), ...bounds }),
  z.strictObject({ kind: z.literal('prompt'), acceptsAfterMs: count.nullable(), ...bounds }),
  z.strictObject({ kind: z.literal('kiosk'), answer: z.enum(['accepts', '1407']).optional(), ...bounds }),
  z.strictObject({ kind: z.literal('stuckVersion'), ...bounds }),
  z.strictObject({ kind: z.literal('installFails'), ...bounds }),
  z.strictObject({ kind: z.literal('hangs'), ...bounds }),
  z.strictObject({ kind: z.literal('stagedRollout'), delayMs: count, store: z.boolean().optional(), ...bounds }),
  z.strictObject({ kind: z.literal('duplicateAnswer'), ...bounds }),
  z.strictObject({ kind: z.literal('lostConnection'), ...bounds }),
]) satisfies z.ZodType<DeviceScript>;

const act = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('connect') }),
  z.strictObject({ kind: z.literal('goOffline'), forMs: count, keepsPush: z.boolean().optional() }),
  z.strictObject({ kind: z.literal('comeOnline') }),
  z.strictObject({
    kind: z.literal('reenroll'),
    keepsApps: z.boolean().optional(),
    awaitingConfiguration: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('unenroll'), silently: z.boolean().optional() }),
  z.strictObject({ kind: z.literal('leaveSetup') }),
  z.strictObject({ kind: z.literal('removeApp'), adamId: text.optional(), bundleId: text.optional() }),
  z.strictObject({ kind: z.literal('putApp'), app: initialApp }),
  z.strictObject({ kind: z.literal('updateSystem'), osVersion: text }),
  z.strictObject({
    kind: z.literal('signIn'),
    idHash: text.nullable().optional(),
    account: text.nullable().optional(),
  }),
]) satisfies z.ZodType<DeviceAct>;

/** Payloads by verb. */
export const fleetPayloads = {
  make: z.strictObject({
    devices: z.coerce.number().int().min(0).optional(),
    serialNumbers: z.array(text).optional(),
    specs: z.array(device).optional(),
    supervised: share.optional(),
    timeZones: z.array(text).min(1).optional(),
    storefronts: z.array(z.string().length(2)).min(1).optional(),
    speed: z.tuple([z.number().positive(), z.number().positive()]).optional(),
    apps: z.array(initialApp).optional(),
    awaitingConfiguration: z.boolean().optional(),
    enroll: z.boolean().optional(),
    seed: seed.optional(),
  }),
  useServer: z.strictObject({ server: z.strictObject({ doorUrl: z.url(), certificateHeader: text }).nullable() }),
  script: z.strictObject({ ...choice, script }),
  clearScripts: z.strictObject({ ...choice, kind: text.optional() as z.ZodType<DeviceScript['kind'] | undefined> }),
  act: z.strictObject({ ...choice, act }),
  devices: z.strictObject({
    ...choice,
    seen: z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')]).optional(),
    offset: z.coerce.number().int().min(0).optional(),
    limit: z.coerce.number().int().min(0).optional(),
  }),
};
