/** What can be updated, and why something is not. @module */
import {
  type AvailabilityPlace,
  type AvailabilityRow,
  availabilityReasons,
  countAvailability,
  listAvailability,
} from '../domain/update/availability.ts';
import { readUpdateDecision, type UpdateDecision } from '../domain/update/read-decision.ts';
import type { Evidence, Reason } from '../domain/update/reason.ts';
import type { Opening } from '../domain/update/windows.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { bareId, optionalRowId, rowId } from './ids.ts';
import { pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { totalCount } from './total-count.ts';
import { UpdatePolicyRef } from './update-policy.ts';

const AvailabilityEnum = builder.enumType('UpdateAvailability', {
  description: 'Whether a device can have a newer version of an app.',
  values: {
    AVAILABLE: { description: 'A newer version is there for it.' },
    CURRENT: { description: 'It has the version of its store.' },
    NOT_FOR_THIS_DEVICE: { description: 'There is another version, and the device can not have it.' },
    UNKNOWN: { description: 'Nobody knows; the reason says why.' },
  } as const,
});

const ConfidenceEnum = builder.enumType('Confidence', {
  description: 'How sure a reason is.',
  values: {
    FACT: { description: 'It was read somewhere.' },
    LIKELY: { description: 'It follows from what was read.' },
    GUESS: { description: 'It would explain what was seen.' },
  } as const,
});

const EvidenceRef = builder.objectRef<Evidence>('Evidence').implement({
  description: 'One thing that was read.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is, e.g. `installedVersion`.' }),
    value: t.exposeString('value', { description: 'What it was; moments in UTC.' }),
  }),
});

export const ReasonRef = builder.objectRef<Reason>('Reason').implement({
  description: 'One reason for how something stands.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description:
        'For programs. docs/updates.md lists those of `updateDecision`, docs/storefront.md those of `explain`. New ones may come.',
    }),
    message: t.exposeString('message', { description: 'For people: what it is and what to do.' }),
    confidence: t.expose('confidence', { type: ConfidenceEnum, description: 'How sure it is.' }),
    evidence: t.field({ type: [EvidenceRef], description: 'What it rests on.', resolve: ({ evidence }) => evidence }),
  }),
});

const WindowTimesRef = builder.objectRef<Opening>('UpdateOpening').implement({
  description: 'One opening of a window.',
  fields: (t) => ({
    opensAt: t.expose('opensAt', { type: 'DateTime', description: 'When it opens.' }),
    closesAt: t.expose('closesAt', { type: 'DateTime', description: 'From when on nothing more is sent.' }),
    hardStop: t.exposeBoolean('hardStop', {
      description: 'Whether the policy says so, or a run only goes on no longer.',
    }),
  }),
});

const AttemptRef = builder.objectRef<NonNullable<UpdateDecision['attempt']>>('UpdateAttempts').implement({
  description: 'How often the version was tried on the device.',
  fields: (t) => ({
    attempts: t.exposeInt('attempts', {
      description: 'How often the device was given it, without one that is under way.',
    }),
    outcome: t.exposeString('outcome', {
      nullable: true,
      description:
        'How the last one ended: UPDATED, UNCHANGED (accepted, and the version stayed), FAILED or TIMED_OUT.',
    }),
    lastAt: t.expose('lastAt', { type: 'DateTime', nullable: true, description: 'When it was last sent.' }),
    nextAt: t.expose('nextAt', { type: 'DateTime', nullable: true, description: 'Not tried again before.' }),
    stuckAt: t.expose('stuckAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is not tried any more.',
    }),
  }),
});

const InstalledVersionRef = builder.objectRef<AvailabilityRow>('InstalledAppVersion').implement({
  description: 'How an app on a device stands beside the store.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    device: t.field({
      type: DeviceRef,
      description: 'The device.',
      resolve: ({ deviceId }, _args, { loaders }) => loaders.devices.load(deviceId).then((row) => row!),
    }),
    availability: t.field({
      type: AvailabilityEnum,
      description: 'Whether it can be updated.',
      resolve: ({ reason }) => availabilityReasons[reason].verdict,
    }),
    reason: t.exposeString('reason', { description: 'Why, in one word; docs/updates.md has the list.' }),
    installedVersion: t.exposeString('installedVersion', {
      nullable: true,
      description: "The store's id of the version that the device has.",
    }),
    installedName: t.exposeString('installedName', { nullable: true, description: 'That version as people know it.' }),
    storeVersion: t.exposeString('storeVersion', {
      nullable: true,
      description: 'The id of the version in its storefront.',
    }),
    storeName: t.exposeString('storeName', { nullable: true, description: 'That version as people know it.' }),
    storefront: t.exposeString('storefront', {
      nullable: true,
      description: 'The country of the token that gave the license.',
    }),
    offeredByDevice: t.exposeBoolean('hasUpdate', {
      nullable: true,
      description: 'Whether the device itself offers an update; it looks about once a day. Null when it does not say.',
    }),
  }),
});

const UpdateDecisionRef = builder.objectRef<UpdateDecision>('UpdateDecision').implement({
  description: 'Whether and when an app is updated on a device, and why.',
  fields: (t) => ({
    availability: t.expose('verdict', {
      type: AvailabilityEnum,
      description: 'Whether there is something newer for it.',
    }),
    willUpdate: t.exposeBoolean('willUpdate', {
      description: 'Whether an update is or will be sent without anybody doing anything.',
    }),
    reasons: t.field({
      type: [ReasonRef],
      description: 'Why, the first to be looked at first.',
      resolve: ({ reasons }) => reasons,
    }),
    installed: t.field({
      type: InstalledVersionRef,
      nullable: true,
      description: 'The versions; null when the device does not have the app.',
      resolve: ({ availability }) => availability,
    }),
    policy: t.field({
      type: UpdatePolicyRef,
      nullable: true,
      description: 'The policy that applies: the first of those that hold.',
      resolve: ({ policy }) => policy,
    }),
    passedOver: t.field({
      type: [UpdatePolicyRef],
      description: 'Policies that hold too and come after it.',
      resolve: ({ passedOver }) => [...passedOver],
    }),
    timeZone: t.exposeString('zone', { description: 'The time zone in which its windows open.' }),
    openWindow: t.field({
      type: WindowTimesRef,
      nullable: true,
      description: 'The window that is open now.',
      resolve: ({ openWindow }) => openWindow,
    }),
    nextWindow: t.field({
      type: WindowTimesRef,
      nullable: true,
      description: 'The next window; null without windows.',
      resolve: ({ nextWindow }) => nextWindow,
    }),
    attempts: t.field({
      type: AttemptRef,
      nullable: true,
      description: 'Tries of this version so far; null before the first.',
      resolve: ({ attempt }) => attempt,
    }),
  }),
});

builder.queryField('updateDecision', (t) =>
  t.field({
    type: UpdateDecisionRef,
    nullable: true,
    description:
      'Why an app is or is not updated on a device, now. NOT_FOUND when the organization has no such device or app.',
    ...needs('updates:read'),
    args: {
      deviceId: t.arg.id({ required: true, description: 'Global id of the device.' }),
      appId: t.arg.id({ required: true, description: 'Global id of the app.' }),
    },
    resolve: (_root, args, { rows, actor, domain }) =>
      readUpdateDecision(rows, actor.organizationId, {
        deviceId: rowId('Device', args.deviceId, ['deviceId']),
        appId: rowId('App', args.appId, ['appId']),
        now: domain.clock.now(),
      }),
  }),
);

const placeOf = ({ deviceId, appId }: AvailabilityPlace) => Buffer.from(`${deviceId}:${appId}`).toString('base64url');

function readPlace(cursor: string): AvailabilityPlace | null {
  const [deviceId, appId] = Buffer.from(cursor, 'base64url')
    .toString('utf8')
    .split(':')
    .map((part) => bareId(part));
  return deviceId == null || appId == null ? null : { deviceId, appId };
}

builder.queryField('installedAppVersions', (t) =>
  t.connection(
    {
      type: InstalledVersionRef,
      description:
        'Store apps on devices beside their stores, by device; available updates when nothing else is asked for.',
      ...needs('updates:read'),
      args: {
        deviceId: t.arg.id({ description: 'Only those of this device.' }),
        appId: t.arg.id({ description: 'Only this app.' }),
        availability: t.arg({
          type: [AvailabilityEnum],
          defaultValue: ['AVAILABLE'],
          description: 'Only these.',
        }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const wanted = new Set<string>(args.availability ?? ['AVAILABLE']);
        const filter = {
          organizationId: actor.organizationId,
          deviceId: optionalRowId('Device', args.deviceId, ['deviceId']),
          appId: optionalRowId('App', args.appId, ['appId']),
          reasons: Object.entries(availabilityReasons).flatMap(([word, { verdict }]) =>
            wanted.has(verdict) ? [word] : [],
          ),
        };
        const window = windowOf(args, readPlace);
        const found = await listAvailability(rows, filter, window);
        return { ...pageOf(found, window, placeOf), count: () => countAvailability(rows, filter) };
      },
    },
    totalCount,
  ),
);
