/** Versions on their way to devices. @module */
import { countRollouts, listRollouts, type RolloutRow } from '../domain/update/rollout-row.ts';
import type { PauseCause } from '../domain/update/rollouts.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { optionalRowId } from './ids.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { totalCount } from './total-count.ts';
import { UpdatePolicyRef } from './update-policy.ts';

const UpdatePauseRef = builder.objectRef<PauseCause>('UpdatePause').implement({
  description: 'Why a version is paused.',
  fields: (t) => ({
    code: t.exposeString('code', { description: '`FAILURE_RATE`, or `REQUESTED` by somebody.' }),
    message: t.exposeString('message', { description: 'For people.' }),
    ended: t.exposeInt('ended', { description: 'How many updates had ended.' }),
    wrong: t.exposeInt('wrong', { description: 'How many of them did not bring the version.' }),
  }),
});

export const UpdateRolloutRef = builder.objectRef<RolloutRow>('UpdateRollout');

rowNode(UpdateRolloutRef, 'updateRollouts', {
  description: 'One version of an app on its way under one policy. It goes on over many windows, and can be paused.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    policy: t.field({
      type: UpdatePolicyRef,
      nullable: true,
      description: 'The policy; null when it is gone.',
      resolve: ({ policyId }, _args, { loaders }) => loaders.updatePolicies.load(policyId),
    }),
    targetVersion: t.exposeString('targetVersion', {
      description:
        "The store's id of the version; `>` and the old one when only the device itself knows of something newer.",
    }),
    ring: t.exposeInt('ring', { description: 'The outermost ring that is open, from 0.' }),
    ringSince: t.expose('ringSince', {
      type: 'DateTime',
      nullable: true,
      description: 'When the first update of that ring ended: from there it soaks.',
    }),
    updated: t.exposeInt('updated', { description: 'How many updates brought it, since it was last resumed.' }),
    unchanged: t.exposeInt('unchanged', { description: 'How many were accepted, and the version stayed.' }),
    failed: t.exposeInt('failed', { description: 'How many failed.' }),
    timedOut: t.exposeInt('timedOut', { description: 'How many did not end in time.' }),
    pausedAt: t.expose('pausedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is paused; null while it goes on.',
    }),
    pause: t.field({
      type: UpdatePauseRef,
      nullable: true,
      description: 'Why it is paused.',
      resolve: ({ pauseCause }) => pauseCause,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the version was first planned.' }),
  }),
});

builder.queryField('updateRollouts', (t) =>
  t.connection(
    {
      type: UpdateRolloutRef,
      description: 'Versions on their way, oldest first.',
      ...needs('updates:read'),
      args: {
        appId: t.arg.id({ description: 'Only those of this app.' }),
        paused: t.arg.boolean({ description: 'Only those that are paused, or only the others.' }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const appId = optionalRowId('App', args.appId, ['appId']);
        const filter = { organizationId: actor.organizationId, appId, paused: args.paused ?? null };
        const window = idWindowOf(args);
        const found = await listRollouts(rows, filter, window);
        return { ...pageOf(found, window, idCursor), count: () => countRollouts(rows, filter) };
      },
    },
    totalCount,
  ),
);
