/** What an update policy may be. @module */
import { z } from 'zod';
import { policyDefaults } from './policy.ts';
import { days, lengthOf } from './windows.ts';

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a local time such as 22:00');

/** Shortest window with an end: a device is asked first, and nothing begins in the last minutes. */
const shortest = 30 * 60_000;

const window = z
  .object({ day: z.enum(days), startsAt: time, endsAt: time.nullish().transform((value) => value ?? null) })
  .refine(({ startsAt, endsAt }) => endsAt === null || lengthOf(startsAt, endsAt) >= shortest, {
    message: 'must be open for 30 minutes at least',
    path: ['endsAt'],
  });

const ring = z
  .object({
    percent: z.number().gt(0).max(100).nullish(),
    deviceGroupId: z.bigint().nullish(),
    soakHours: z.number().int().min(0).max(2_160).nullish(),
  })
  .refine(
    ({ percent, deviceGroupId }) => (percent == null) !== (deviceGroupId == null),
    'names either a share in percent or a device group',
  )
  .transform(({ percent, deviceGroupId, soakHours }) => ({
    ...(percent == null ? {} : { percent }),
    ...(deviceGroupId == null ? {} : { groupId: String(deviceGroupId) }),
    soakHours: soakHours ?? 0,
  }));

const withDefault = <T>(schema: z.ZodType<T>, otherwise: T) =>
  schema.nullish().transform((value) => value ?? otherwise);

/** Input of `setUpdatePolicy`. What is absent gets its default: a policy is set as a whole. */
export const policyInput = z
  .object({
    appId: z.bigint().nullish(),
    deviceGroupId: z.bigint().nullish(),
    position: withDefault(z.number().int().min(0).max(1_000_000), 0),
    mode: z.enum(['IMMEDIATELY', 'SCHEDULED', 'NEVER']),
    zone: withDefault(z.enum(['ORGANIZATION', 'DEVICE']), 'ORGANIZATION'),
    windows: withDefault(z.array(window).max(50), []),
    rings: withDefault(z.array(ring).max(10), []),
    maxInFlight: withDefault(z.number().int().min(1).max(100_000), policyDefaults.maxInFlight),
    jitterMinutes: withDefault(z.number().int().min(0).max(1_440), 0),
    pauseAtPercent: z
      .number()
      .int()
      .min(1)
      .max(100)
      .nullish()
      .transform((value) => (value === undefined ? policyDefaults.pauseAtPercent : value)),
    pauseAfter: withDefault(z.number().int().min(1).max(10_000), policyDefaults.pauseAfter),
    maxAttempts: withDefault(z.number().int().min(1).max(20), policyDefaults.maxAttempts),
  })
  .superRefine(({ mode, windows, rings }, issues) => {
    const wrong = (path: string[], message: string) => issues.addIssue({ code: 'custom', path, message });
    if ((mode === 'SCHEDULED') !== windows.length > 0)
      wrong(['windows'], mode === 'SCHEDULED' ? 'needs at least one window' : 'only SCHEDULED has windows');
    if (new Set(windows.map(({ day, startsAt }) => `${day} ${startsAt}`)).size < windows.length)
      wrong(['windows'], 'has two windows that start at the same time');
    const shares = rings.flatMap(({ percent }) => percent ?? []);
    if (shares.some((share, index) => index > 0 && share <= shares[index - 1]!))
      wrong(['rings'], 'must have growing shares: each holds those before it');
  })
  .transform((policy) => (policy.mode === 'SCHEDULED' ? policy : { ...policy, zone: 'ORGANIZATION' as const }));

/** A policy as it is set. */
export type PolicyInput = z.input<typeof policyInput>;
