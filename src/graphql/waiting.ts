import type { WaitingPlace, WaitingRow, WaitingWindow } from '../domain/license/waiting-row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceRef } from './device-ref.ts';
import { bareId, globalId } from './ids.ts';
import type { OwnedList } from './owned-lists.ts';
import { type PageArguments, pageOf, windowOf } from './page.ts';
import { needs } from './rights.ts';
import { sureTaskOf } from './task-of.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';

const WaitingRequestRef = builder.objectRef<WaitingRow>('WaitingRequest').implement({
  description: 'A device that waits for a license of an app. It is gone from here as soon as it was served or gave up.',
  fields: (t) => ({
    position: t.expose('position', {
      type: 'Count',
      description: 'Its place in the queue of the app: 1 is served first, if it can be served.',
    }),
    priority: t.exposeInt('priority', { description: 'The larger one is served first, then who waits longer.' }),
    reason: t.exposeString('reason', {
      description:
        'Why it waits, as the code of the refusal that it would meet: mostly `NO_LICENSES_AVAILABLE` or `QUOTA_EXCEEDED`.',
    }),
    message: t.exposeString('message', {
      description: 'The same for people, as of the last time that it was looked at.',
    }),
    since: t.expose('createdAt', { type: 'DateTime', description: 'Since when it waits.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it gives up.' }),
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
    deviceId: t.id({
      description: 'Global id of the device.',
      resolve: ({ deviceId }) => globalId('Device', deviceId),
    }),
    token: t.field({
      type: TokenRef,
      nullable: true,
      description: 'The only token from which it takes a license; null when any will do.',
      resolve: ({ tokenId }, _args, { loaders }) => (tokenId === null ? null : loaders.tokens.load(tokenId)),
    }),
    task: t.prismaField({
      type: 'Task',
      description: 'The task that asked for it; `cancelTask` ends the waiting.',
      resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
    }),
  }),
});

const writePlace = ({ priority, id }: WaitingPlace): string =>
  Buffer.from(`wait:${priority}:${id}`).toString('base64url');

function readPlace(cursor: string): WaitingPlace | null {
  const [, priority, id] = /^wait:(-?\d{1,3}):(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  const row = id === undefined ? null : bareId(id);
  return row === null ? null : { priority: Number(priority), id: row };
}

/** A page of those who wait for an app, or in a task. */
async function waitingPage(waiting: OwnedList<WaitingRow, WaitingWindow>, id: bigint, args: PageArguments) {
  const window = windowOf(args, readPlace);
  return { ...pageOf(await waiting.page(id, window), window, writePlace), count: () => waiting.count(id) };
}

builder.objectField(AppRef, 'waitingRequests', (t) =>
  t.connection(
    {
      type: WaitingRequestRef,
      description: 'The devices that wait for a license of it, in the order in which they are served.',
      ...needs('licenses:read'),
      resolve: (app, args, { loaders }) => waitingPage(loaders.waitingForApp, app.id, args),
    },
    totalCount,
  ),
);

builder.prismaObjectField('Task', 'waiting', (t) =>
  t.connection(
    {
      type: WaitingRequestRef,
      description:
        'Its items that wait for a license, larger priorities first; they are in no other count than `requested`.',
      ...needs('licenses:read'),
      resolve: (task, args, { loaders }) => waitingPage(loaders.waitingInTask, task.id, args),
    },
    totalCount,
  ),
);
