/** Update policies: when and how apps are updated. @module */

import { policyScope } from '../domain/update/decide.ts';
import { countPolicies, listPolicies, type PolicyRow, type UpdateRing } from '../domain/update/policy.ts';
import { type Day, days, nextOpening, type UpdateWindow } from '../domain/update/windows.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { totalCount } from './total-count.ts';

const described = <Values extends Record<string, string>>(texts: Values) =>
  Object.fromEntries(Object.entries(texts).map(([name, description]) => [name, { description }])) as {
    [Name in keyof Values]: { description: string };
  };

export const UpdateModeEnum = builder.enumType('UpdateMode', {
  description: 'When apps are updated.',
  values: described({
    IMMEDIATELY: 'As soon as a newer version is seen.',
    SCHEDULED: 'In the weekly windows only.',
    NEVER: 'No update is ever sent; available ones stay visible.',
  }),
});

export const UpdateZoneEnum = builder.enumType('UpdateZone', {
  description: 'Whose time zone windows are meant in.',
  values: described({
    ORGANIZATION: "The organization's.",
    DEVICE: "Each device's own; the organization's for a device that does not say its zone.",
  }),
});

export const UpdatePolicyScopeEnum = builder.enumType('UpdatePolicyScope', {
  description: 'What a policy is for. Of several that hold the first in this order applies.',
  values: described({
    APP_IN_GROUP: 'One app on the devices of one group.',
    APP: 'One app on all devices.',
    GROUP: 'All apps on the devices of one group. Of several groups the lowest `position` counts.',
    ORGANIZATION: 'Everything else.',
  }),
});

export const DayEnum = builder.enumType('DayOfWeek', {
  description: 'A day of the week.',
  values: described(
    Object.fromEntries(days.map((day) => [day, `${day[0]}${day.slice(1).toLowerCase()}.`])) as Record<Day, string>,
  ),
});

/** What windows, rings and policies say of themselves, as they are set and as they are read. */
export const policyTexts = {
  day: 'Day on which it starts.',
  startsAt:
    'Local time at which it starts, e.g. `22:00`. Where clocks go forward over it, it starts at the first moment after; where they go back, the first time.',
  endsAt:
    'Local time from which nothing more is sent, on the next day when it is not after `startsAt`. Without it the run goes on until it is done, at most 24 hours and not past the next start.',
  percent: 'The share of the devices that get a version with this ring or before, in percent.',
  soakHours: 'How many hours the next ring waits after the first update of this one has ended.',
  position: 'Which policy counts for a device that is in several groups: the lowest.',
  maxInFlight:
    "Most updates that are under way at a time under this policy. The number of the organization's policy holds for all of them together.",
  jitterMinutes: 'Over how many minutes the devices of a run are spread.',
  pauseAtPercent:
    'Share of updates that end without the new version, in percent, at which a version is paused by itself; null never does.',
  pauseAfter: 'How many updates must have ended before that share counts.',
  maxAttempts: 'Most tries of one version on one device; then it is STUCK until a newer one comes.',
};

const UpdateWindowRef = builder.objectRef<UpdateWindow>('UpdateWindow').implement({
  description: 'A window of every week.',
  fields: (t) => ({
    day: t.expose('day', { type: DayEnum, description: policyTexts.day }),
    startsAt: t.exposeString('startsAt', { description: policyTexts.startsAt }),
    endsAt: t.exposeString('endsAt', { nullable: true, description: policyTexts.endsAt }),
  }),
});

const UpdateRingRef = builder.objectRef<UpdateRing>('UpdateRing').implement({
  description: 'Devices that get a version before others: a share of all, or a group.',
  fields: (t) => ({
    percent: t.float({ nullable: true, description: policyTexts.percent, resolve: ({ percent }) => percent ?? null }),
    deviceGroup: t.field({
      type: DeviceGroupRef,
      nullable: true,
      description: 'The group; null for a share, and for a group that is gone.',
      resolve: ({ groupId }, _args, { loaders }) =>
        groupId === undefined ? null : loaders.deviceGroups.load(BigInt(groupId)),
    }),
    soakHours: t.exposeInt('soakHours', { description: policyTexts.soakHours }),
  }),
});

export const UpdatePolicyRef = builder.objectRef<PolicyRow>('UpdatePolicy');

rowNode(UpdatePolicyRef, 'updatePolicies', {
  description: 'When and how apps are updated: for the organization, an app, a device group, or an app in a group.',
  fields: (t) => ({
    scope: t.field({ type: UpdatePolicyScopeEnum, description: 'What it is for.', resolve: policyScope }),
    app: t.field({
      type: AppRef,
      nullable: true,
      description: 'The app that it is for; null for all.',
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    deviceGroup: t.field({
      type: DeviceGroupRef,
      nullable: true,
      description: 'The group that it is for; null for all devices.',
      resolve: ({ groupId }, _args, { loaders }) => (groupId === null ? null : loaders.deviceGroups.load(groupId)),
    }),
    position: t.exposeInt('position', { description: policyTexts.position }),
    mode: t.expose('mode', { type: UpdateModeEnum, description: 'When it updates.' }),
    zone: t.expose('zone', { type: UpdateZoneEnum, description: 'Whose time zone its windows are meant in.' }),
    windows: t.field({
      type: [UpdateWindowRef],
      description: 'Its windows, with SCHEDULED only; at most 50.',
      resolve: ({ windows }) => windows,
    }),
    rings: t.field({
      type: [UpdateRingRef],
      description: 'Who gets a version first, in order, at most 10. The others come after the last of them.',
      resolve: ({ rings }) => rings,
    }),
    maxInFlight: t.exposeInt('maxInFlight', { description: policyTexts.maxInFlight }),
    jitterMinutes: t.exposeInt('jitterMinutes', { description: policyTexts.jitterMinutes }),
    pauseAtPercent: t.exposeInt('pauseAtPercent', { nullable: true, description: policyTexts.pauseAtPercent }),
    pauseAfter: t.exposeInt('pauseAfter', { description: policyTexts.pauseAfter }),
    maxAttempts: t.exposeInt('maxAttempts', { description: policyTexts.maxAttempts }),
    nextWindow: t.field({
      type: 'DateTime',
      nullable: true,
      description: "When its next window opens in the organization's time zone; null without windows.",
      resolve: async ({ windows }, _args, { db, actor, domain }) => {
        const { timeZone } = await db.organization.findUniqueOrThrow({ where: { id: actor.organizationId } });
        return nextOpening(windows, timeZone, domain.clock.now())?.opensAt ?? null;
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last set.' }),
  }),
});

builder.queryField('updatePolicies', (t) =>
  t.connection(
    {
      type: UpdatePolicyRef,
      description: 'All update policies, oldest first; `scope` says which of several that hold applies.',
      ...needs('updates:read'),
      resolve: async (_root, args, { rows, actor }) => {
        const window = idWindowOf(args);
        const found = await listPolicies(rows, actor.organizationId, window);
        return { ...pageOf(found, window, idCursor), count: () => countPolicies(rows, actor.organizationId) };
      },
    },
    totalCount,
  ),
);
