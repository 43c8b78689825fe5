import type { TaskCause } from '../domain/task/change.ts';
import { builder } from './builder.ts';
import { SyncModeEnum, TaskKindEnum, TaskOutcomeEnum, TaskStateEnum } from './enums.ts';
import { globalId, nodeKey, optionalRowId, rowId } from './ids.ts';
import { needs } from './rights.ts';
import { taskOf } from './task-of.ts';
import { TokenRef } from './token.ts';

export const TaskCauseRef = builder.objectRef<TaskCause>('TaskCause').implement({
  description: 'Why a task failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description: 'For programs: a code of an expected failure, or `APPLE_` and a number.',
    }),
    message: t.exposeString('message', { description: 'For people: what happened and what to do.' }),
    appleErrorNumber: t.exposeInt('appleErrorNumber', { nullable: true, description: "Apple's number of the error." }),
  }),
});

const TaskFailureRef = builder.prismaObject('TaskFailure', {
  description: 'One item of a task that was not done, and why.',
  select: { organizationId: true, taskId: true, id: true },
  fields: (t) => ({
    code: t.exposeString('code', { description: 'For programs.' }),
    message: t.exposeString('message', { description: 'For people.' }),
    appId: t.id({
      nullable: true,
      description: 'Global id of the app.',
      select: { appId: true },
      resolve: ({ appId }) => (appId === null ? null : globalId('App', appId)),
    }),
    deviceId: t.id({
      nullable: true,
      description: 'Global id of the device.',
      select: { deviceId: true },
      resolve: ({ deviceId }) => (deviceId === null ? null : globalId('Device', deviceId)),
    }),
    licenseId: t.id({
      nullable: true,
      description: 'Global id of the license.',
      select: { licenseId: true },
      resolve: ({ licenseId }) => (licenseId === null ? null : globalId('License', licenseId)),
    }),
    serialNumber: t.exposeString('serialNumber', { nullable: true, description: 'Serial number of the device.' }),
    seatSubscriptionId: t.id({
      nullable: true,
      description: 'Global id of the seat subscription, in tasks of seats.',
      select: { seatSubscriptionId: true },
      resolve: ({ seatSubscriptionId }) =>
        seatSubscriptionId === null ? null : globalId('SeatSubscription', seatSubscriptionId),
    }),
    vppUserId: t.id({
      nullable: true,
      description: 'Global id of the person.',
      select: { vppUserId: true },
      resolve: ({ vppUserId }) => (vppUserId === null ? null : globalId('VppUser', vppUserId)),
    }),
    clientUserId: t.exposeString('clientUserId', {
      nullable: true,
      description: 'Id under which the library knows the person.',
    }),
    appleErrorNumber: t.exposeInt('appleErrorNumber', { nullable: true, description: "Apple's number of the error." }),
  }),
});

builder.prismaNode('Task', {
  nullable: true,
  description: 'A piece of background work that people watch.',
  select: { organizationId: true, id: true },
  id: { resolve: (task) => String(task.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    kind: t.expose('kind', { type: TaskKindEnum, description: 'What kind of work it is.' }),
    state: t.expose('state', { type: TaskStateEnum, description: 'Where it stands.' }),
    phase: t.exposeString('phase', { nullable: true, description: 'What it is at, in the words of its kind.' }),
    mode: t.expose('syncMode', {
      type: SyncModeEnum,
      nullable: true,
      description: 'How a sync reads; null until that is decided, and for other work.',
    }),
    waitsFor: t.exposeString('waitsFor', {
      nullable: true,
      description:
        'What it waits for; set exactly while WAITING: `APPLE` to answer, `TOKEN_RENEWAL`, `LICENSES` to come free, or `INSTALLATION`: an administrator has to confirm that this database is no copy.',
    }),
    waitsUntil: t.expose('waitsUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when it waits at most.',
    }),
    requested: t.expose('requested', {
      type: 'Count',
      description: 'How many items it is about; of a sync as far as Apple has said.',
    }),
    completed: t.expose('completed', { type: 'Count', description: 'How many are done.' }),
    failed: t.expose('failed', { type: 'Count', description: 'How many could not be done; `failures` says why.' }),
    reported: t.expose('reported', {
      type: 'Count',
      description: 'How many more Apple says are done, while it works on them; they are settled here at its end.',
    }),
    outcome: t.expose('outcome', {
      type: TaskOutcomeEnum,
      nullable: true,
      description: 'How much was granted; set at its end.',
    }),
    cause: t.field({
      type: TaskCauseRef,
      nullable: true,
      description: 'Why it failed.',
      select: { cause: true },
      resolve: (task) => task.cause as TaskCause | null,
    }),
    actor: t.exposeString('actor', {
      description: 'Who asked for it: `key:` with a number, or `system:` with a part of Russet.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When a worker began.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    durationMilliseconds: t.field({
      type: 'Count',
      nullable: true,
      description: 'From its beginning to its end, in milliseconds; until now while it runs.',
      select: { startedAt: true, finishedAt: true },
      resolve: ({ startedAt, finishedAt }, _args, { domain }) =>
        startedAt === null ? null : BigInt((finishedAt ?? domain.clock.now()).getTime() - startedAt.getTime()),
    }),
    cancelRequestedAt: t.expose('cancelRequestedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody asked to stop it.',
    }),
    retryOf: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task whose failed items it tries again.',
      select: { retryOf: true },
      resolve: (query, { retryOf }, _args, context) => taskOf(query, retryOf, context),
    }),
    tokens: t.field({
      type: [TokenRef],
      description: 'The tokens that it works with.',
      resolve: (task, _args, { loaders }) => loaders.tokensOfTask.load(task.id),
    }),
    failures: t.prismaConnection({
      type: TaskFailureRef,
      cursor: 'organizationId_taskId_id',
      description: 'The items that were not done, each with its reason.',
      totalCount: (task, _args, { db }) => db.taskFailure.count({ where: { taskId: task.id } }),
      resolve: (query, task, _args, { db }) =>
        db.taskFailure.findMany({ ...query, where: { taskId: task.id }, orderBy: { id: 'asc' } }),
    }),
  }),
});

builder.queryField('task', (t) =>
  t.prismaField({
    type: 'Task',
    nullable: true,
    description: 'One task; null when the organization has none such.',
    ...needs('tasks:read'),
    args: { id: t.arg.id({ required: true, description: 'Global id of the task.' }) },
    resolve: (query, _root, args, { db, actor }) =>
      db.task.findUnique({ ...query, where: nodeKey(actor.organizationId, rowId('Task', args.id, ['id'])) }),
  }),
);

builder.queryField('tasks', (t) =>
  t.prismaConnection({
    type: 'Task',
    cursor: 'organizationId_id',
    description: 'The tasks of the organization, newest first.',
    ...needs('tasks:read'),
    args: {
      kinds: t.arg({ type: [TaskKindEnum], description: 'Only these kinds.' }),
      states: t.arg({ type: [TaskStateEnum], description: 'Only these states.' }),
      tokenId: t.arg.id({ description: 'Only those that work with this token.' }),
      since: t.arg({ type: 'DateTime', description: 'Only those asked for from this moment on.' }),
      until: t.arg({ type: 'DateTime', description: 'Only those asked for before this moment.' }),
    },
    totalCount: (_root, args, { db }) => db.task.count({ where: tasksLike(args) }),
    resolve: (query, _root, args, { db }) =>
      db.task.findMany({ ...query, where: tasksLike(args), orderBy: { id: 'desc' } }),
  }),
);

interface TaskArguments {
  kinds?: readonly (typeof TaskKindEnum.$inferType)[] | null | undefined;
  states?: readonly (typeof TaskStateEnum.$inferType)[] | null | undefined;
  tokenId?: string | null | undefined;
  since?: Date | null | undefined;
  until?: Date | null | undefined;
}

function tasksLike({ kinds, states, tokenId, since, until }: TaskArguments) {
  const token = optionalRowId('Token', tokenId, ['tokenId']);
  return {
    ...(kinds ? { kind: { in: [...kinds] } } : {}),
    ...(states ? { state: { in: [...states] } } : {}),
    ...(token === null ? {} : { tokens: { some: { tokenId: token } } }),
    ...(since || until ? { createdAt: { ...(since ? { gte: since } : {}), ...(until ? { lt: until } : {}) } } : {}),
  };
}
