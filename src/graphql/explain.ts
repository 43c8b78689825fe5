import { type Explanation, explain } from '../domain/explain/read.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { rowId } from './ids.ts';
import { needs } from './rights.ts';
import { ReasonRef } from './update-decision.ts';

const ExplanationRef = builder.objectRef<Explanation>('Explanation').implement({
  description: 'Why an app is on a device, or is not.',
  fields: (t) => ({
    device: t.field({
      type: DeviceRef,
      description: 'The device.',
      resolve: ({ deviceId }, _args, { loaders }) => loaders.devices.load(deviceId).then((row) => row!),
    }),
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'As of when.' }),
    reasons: t.field({
      type: [ReasonRef],
      description:
        'At least one; the first is the one to look at. INSTALLED says that nothing is wrong. docs/storefront.md has the list.',
      resolve: ({ reasons }) => reasons,
    }),
    ruledOut: t.stringList({
      description: 'Codes of reasons that were looked at and are not it.',
      resolve: ({ ruledOut }) => ruledOut,
    }),
  }),
});

builder.queryField('explain', (t) =>
  t.field({
    type: ExplanationRef,
    description: 'Why an app is not on a device: reasons in order, with what they rest on and how sure they are.',
    ...needs('licenses:read'),
    args: {
      deviceId: t.arg.id({ required: true, description: 'Global id of the device.' }),
      appId: t.arg.id({ required: true, description: 'Global id of the app.' }),
    },
    resolve: (_root, args, { domain }) =>
      explain(domain, {
        deviceId: rowId('Device', args.deviceId, ['deviceId']),
        appId: rowId('App', args.appId, ['appId']),
      }),
  }),
);
