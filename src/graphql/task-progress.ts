import { checkCursor } from '../domain/task/cursor.ts';
import type { TaskProgress } from '../domain/task/progress-payload.ts';
import { abortable } from './abortable.ts';
import { builder } from './builder.ts';
import { TaskKindEnum, TaskOutcomeEnum, TaskStateEnum } from './enums.ts';
import { globalId, optionalRowId, rowId } from './ids.ts';
import type { TaskProgressEvent } from './ports.ts';
import { needs } from './rights.ts';
import { TaskCauseRef } from './task.ts';
import { sureTaskOf } from './task-of.ts';

/** The pace of a running task, from its start to the event. */
function paceOf({ at, task }: TaskProgressEvent): { itemsPerSecond: number; finishAt: Date | null } | null {
  if (task.startedAt === null) return null;
  const done = Number(task.completed + task.failed + task.reported);
  const seconds = ((task.finishedAt ?? at).getTime() - task.startedAt.getTime()) / 1000;
  if (done === 0 || seconds <= 0) return null;
  const itemsPerSecond = done / seconds;
  const left = Number(task.requested) - done;
  const running = task.state === 'RUNNING' && left > 0;
  return { itemsPerSecond, finishAt: running ? new Date(at.getTime() + (left / itemsPerSecond) * 1000) : null };
}

interface Snapshot extends TaskProgress {
  taskId: bigint;
}

const TaskSnapshotRef = builder.objectRef<Snapshot>('TaskSnapshot').implement({
  description: 'Where a task stood at one event. Later events may have moved it on.',
  fields: (t) => ({
    id: t.id({ description: 'Global id of the task.', resolve: ({ taskId }) => globalId('Task', taskId) }),
    state: t.expose('state', { type: TaskStateEnum, description: 'Where it stood.' }),
    phase: t.exposeString('phase', { nullable: true, description: 'What it was at, in the words of its kind.' }),
    waitsFor: t.exposeString('waitsFor', {
      nullable: true,
      description: 'What it waited for; set exactly while WAITING.',
    }),
    waitsUntil: t.expose('waitsUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when it waited at most.',
    }),
    requested: t.expose('requested', { type: 'Count', description: 'How many items it was about.' }),
    completed: t.expose('completed', { type: 'Count', description: 'How many were done.' }),
    failed: t.expose('failed', { type: 'Count', description: 'How many could not be done.' }),
    reported: t.expose('reported', {
      type: 'Count',
      description: 'How many more Apple says are done, while it works on them; they are settled here at its end.',
    }),
    outcome: t.expose('outcome', {
      type: TaskOutcomeEnum,
      nullable: true,
      description: 'How much was granted; set at its end.',
    }),
    cause: t.expose('cause', { type: TaskCauseRef, nullable: true, description: 'Why it failed.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When a worker began.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
});

const TaskProgressRef = builder.objectRef<TaskProgressEvent & { taskId: bigint }>('TaskProgress').implement({
  description: 'One event of a task.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'Hand it back as `after` to go on behind this event, over either transport.',
    }),
    seq: t.expose('seq', {
      type: 'Count',
      description: 'Number of the event; rises by one. A snapshot carries the newest.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
    snapshot: t.exposeBoolean('snapshot', {
      description: 'It shows where the task stands, in place of the events before it.',
    }),
    expired: t.exposeBoolean('expired', {
      description:
        'The cursor was older than what is kept, so events may have been missed: the code for it is CURSOR_EXPIRED.',
    }),
    itemsPerSecond: t.float({
      nullable: true,
      description: 'How fast it went since its start; null before anything was done.',
      resolve: (event) => paceOf(event)?.itemsPerSecond ?? null,
    }),
    estimatedFinishAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ends if it goes on at this pace; null while that can not be told, and at its end.',
      resolve: (event) => paceOf(event)?.finishAt ?? null,
    }),
    task: t.field({
      type: TaskSnapshotRef,
      description: 'Where the task stood.',
      resolve: ({ task, taskId }) => ({ ...task, taskId }),
    }),
  }),
});

builder.subscriptionField('taskProgress', (t) =>
  t.field({
    type: TaskProgressRef,
    description:
      'Every event of one task, without a gap, up to its end. Without `after` it begins with a snapshot; with it, behind that event. An unknown task or a cursor of another one is a top-level error.',
    ...needs('tasks:read'),
    args: {
      taskId: t.arg.id({ required: true, description: 'Global id of the task.' }),
      after: t.arg.string({ description: 'The cursor of the last event that was seen.' }),
    },
    subscribe: async (_root, args, { domain, streams, actor }) => {
      const taskId = rowId('Task', args.taskId, ['taskId']);
      const query = { organizationId: actor.organizationId, taskId, after: args.after ?? null };
      await checkCursor(domain.prisma, query);
      return abortable((signal) => streams.taskProgress({ ...query, signal }));
    },
    resolve: (event, args) => ({ ...event, taskId: rowId('Task', args.taskId, ['taskId']) }),
  }),
);

builder.subscriptionField('tasks', (t) =>
  t.prismaField({
    type: 'Task',
    description:
      'Tasks that changed, as they stand now. A slow reader gets the newest state of each, not every change.',
    ...needs('tasks:read'),
    args: {
      kinds: t.arg({ type: [TaskKindEnum], description: 'Only these kinds.' }),
      states: t.arg({ type: [TaskStateEnum], description: 'Only while in these states.' }),
      tokenId: t.arg.id({ description: 'Only those that work with this token.' }),
    },
    subscribe: (_root, args, { streams, actor }) => {
      const tokenId = optionalRowId('Token', args.tokenId, ['tokenId']);
      const filter = { kinds: args.kinds ?? null, states: args.states ?? null, tokenId };
      return abortable((signal) => streams.tasks({ organizationId: actor.organizationId, filter, signal }));
    },
    resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
  }),
);
