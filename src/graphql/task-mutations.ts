import * as failures from '../domain/errors.ts';
import { type Cancelled, cancelTask } from '../domain/task/cancel.ts';
import { retryTask } from '../domain/task/retry.ts';
import { builder } from './builder.ts';
import { rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { sureTaskOf } from './task-of.ts';

/** A payload that shows a task. */
function taskPayload(name: string, description: string) {
  return builder.objectRef<{ taskId: bigint }>(name).implement({
    description,
    fields: (t) => ({
      task: t.prismaField({
        type: 'Task',
        description: 'The task.',
        ...showsWritten,
        resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
      }),
    }),
  });
}

const CancelTaskPayload = builder.objectRef<Cancelled>('CancelTaskPayload').implement({
  description: 'The task that is being stopped.',
  fields: (t) => ({
    task: t.prismaField({
      type: 'Task',
      description: 'The task.',
      ...showsWritten,
      resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
    }),
    underWay: t.exposeInt('underWay', {
      description:
        'Installs, updates and removals of the task that devices were told of already. They can’t be called back: they run their course, are not tried again, and the task ends after them.',
    }),
  }),
});

const CancelTaskInput = builder.inputType('CancelTaskInput', {
  description: 'Which task to stop.',
  fields: (t) => ({ taskId: t.id({ required: true, description: 'Global id of the task.' }) }),
});

mutation('cancelTask', {
  description:
    'Stops what was not sent, to Apple or to devices, and gives it back. What was sent is settled first, and nothing confirmed is undone, but for licenses that were taken for installs which are cancelled (`keepLicenses` keeps them).',
  right: 'tasks:write',
  input: CancelTaskInput,
  payload: CancelTaskPayload,
  failures: [failures.NotFoundError, failures.TaskFinishedError],
  run: ({ domain }, input) => cancelTask(domain, { taskId: rowId('Task', input.taskId, ['taskId']) }),
});

const RetryTaskInput = builder.inputType('RetryTaskInput', {
  description: 'Which task to try again.',
  fields: (t) => ({ taskId: t.id({ required: true, description: 'Global id of the finished task.' }) }),
});

mutation('retryTask', {
  description:
    'Makes a new task of the items that failed, were refused or were cancelled. A run of updates needs none, for it is tried again by itself; `retryStuckUpdates` is for devices that are STUCK.',
  right: 'tasks:write',
  input: RetryTaskInput,
  payload: taskPayload('RetryTaskPayload', 'The new task; `retryOf` leads back.'),
  failures: [
    failures.NotFoundError,
    failures.TaskNotRetryableError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
    failures.NotLicensedError,
    failures.UserNotActiveError,
    failures.SeatsNotEnabledError,
    failures.UnknownDeviceError,
    failures.MdmNotConnectedError,
  ],
  run: async ({ domain }, input) => ({
    taskId: await retryTask(domain, { taskId: rowId('Task', input.taskId, ['taskId']) }),
  }),
});
