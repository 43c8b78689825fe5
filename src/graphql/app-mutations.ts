import { setAppStatus } from '../domain/app/set-status.ts';
import { NotFoundError } from '../domain/errors.ts';
import { builder, maxPageSize } from './builder.ts';
import { AppStatusEnum } from './enums.ts';
import { grantScopes } from './granted.ts';
import { rowIds } from './ids.ts';
import { mutation } from './mutation.ts';

const SetAppStatusInput = builder.inputType('SetAppStatusInput', {
  description: 'Which apps, and where they shall stand.',
  fields: (t) => ({
    appIds: t.idList({ required: true, description: 'Global ids of the apps, at most 10,000.' }),
    status: t.field({ type: AppStatusEnum, required: true, description: 'Their new status.' }),
  }),
});

const SetAppStatusPayload = builder.objectRef<{ appIds: bigint[] }>('SetAppStatusPayload').implement({
  description: 'The apps after the change.',
  fields: (t) => ({
    count: t.int({ description: 'How many there are.', resolve: ({ appIds }) => appIds.length }),
    apps: t.prismaField({
      type: ['App'],
      description: `The first ${maxPageSize} of them.`,
      grantScopes,
      resolve: (query, { appIds }, _args, { db }) =>
        db.app.findMany({ ...query, where: { id: { in: appIds.slice(0, maxPageSize) } }, orderBy: { id: 'asc' } }),
    }),
  }),
});

mutation('setAppStatus', {
  description: "Sets where apps stand in the organization's own store.",
  right: 'apps:write',
  input: SetAppStatusInput,
  payload: SetAppStatusPayload,
  failures: [NotFoundError],
  run: async ({ domain }, input) => ({
    appIds: await setAppStatus(domain, { ...input, appIds: rowIds('App', input.appIds, ['appIds'])! }),
  }),
});
