import { readApps } from '../domain/app/row.ts';
import { setAppStatus } from '../domain/app/set-status.ts';
import { NotFoundError } from '../domain/errors.ts';
import { AppRef } from './app-ref.ts';
import { builder, maxPageSize } from './builder.ts';
import { AppStatusEnum } from './enums.ts';
import { rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : 1);

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
    apps: t.field({
      type: [AppRef],
      description: `The first ${maxPageSize} of them.`,
      ...showsWritten,
      resolve: async ({ appIds }, _args, { rows, actor }) => {
        const first = appIds.toSorted(ascending).slice(0, maxPageSize);
        return (await readApps(rows, actor.organizationId, first)).sort((a, b) => ascending(a.id, b.id));
      },
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
