/** Timelines of apps and devices: the lines of the ledger that are about their licenses. @module */
import type { GraphQLResolveInfo } from 'graphql';
import type { LedgerRowWithApp, TimelineOwners, TimelinePlace } from '../domain/license/timeline.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { LedgerKindEnum } from './enums.ts';
import { bareId, globalId } from './ids.ts';
import { LicenseRef } from './license.ts';
import { type PageArguments, pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { selectedFields } from './selection.ts';
import { taskOf } from './task-of.ts';

export const LedgerLineRef = builder.objectRef<LedgerRowWithApp>('LedgerLine').implement({
  description: 'What happened to one license once. Lines are never changed and never deleted.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    kind: t.expose('kind', { type: LedgerKindEnum, description: 'What.' }),
    heldDelta: t.exposeInt('heldDelta', { description: 'What it added to the licenses that are held: 1, 0 or -1.' }),
    reservedDelta: t.exposeInt('reservedDelta', {
      description: 'What it added to the licenses that are reserved: 1, 0 or -1.',
    }),
    actor: t.exposeString('actor', { description: 'Who: `key:` with a number, or `system:` with a part of Russet.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, for programs.' }),
    appleEventId: t.exposeString('appleEventId', {
      nullable: true,
      description: "Apple's id of the write that did it.",
    }),
    serialNumber: t.exposeString('serialNumber', { nullable: true, description: 'Serial number of the device.' }),
    clientUserId: t.exposeString('clientUserId', {
      nullable: true,
      description: 'Id of the person, as the library knows them.',
    }),
    licenseId: t.id({
      description: 'Global id of the license.',
      resolve: ({ licenseId }) => globalId('License', licenseId),
    }),
    license: t.field({
      type: LicenseRef,
      description: 'The license, as it stands now.',
      resolve: ({ licenseId }, _args, { loaders }) => loaders.licenses.load(licenseId).then((row) => row!),
    }),
    app: t.field({
      type: AppRef,
      description: 'Its app.',
      resolve: ({ app, appId }, _args, { loaders }) => app ?? loaders.apps.load(appId).then((row) => row!),
    }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task whose work it was; null when none was needed, and when it was deleted since.',
      ...needs('tasks:read'),
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
  }),
});

/** The connection of an owner's timeline. */
export async function timelinePage(
  { loaders }: GraphQLContext,
  { kind, id }: { kind: TimelineOwners['kind']; id: bigint },
  args: PageArguments,
  info: GraphQLResolveInfo,
) {
  const window = windowOf(args, readPlace);
  const withApp = selectedFields(info, ['edges', 'node']).has('app');
  const found = await loaders.timelines(id, { kind, window, withApp });
  return pageOf(found, window, writePlace);
}

function writePlace({ at, id }: TimelinePlace): string {
  return Buffer.from(`line:${at.getTime()}:${id}`).toString('base64url');
}

function readPlace(cursor: string): TimelinePlace | null {
  const match = /^line:(\d{1,15}):(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'));
  const id = match && bareId(match[2]!);
  return id === null ? null : { at: new Date(Number(match![1])), id };
}
