import * as failures from '../domain/errors.ts';
import { cancelTask } from '../domain/task/cancel.ts';
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

const CancelTaskInput = builder.inputType('CancelTaskInput', {
  description: 'Which task to stop.',
  fields: (t) => ({ taskId: t.id({ required: true, description: 'Global id of the task.' }) }),
});

mutation('cancelTask', {
  description:
    'Stops what was not sent to Apple and gives it back. What was sent is settled first; nothing confirmed is undone.',
  right: 'tasks:write',
  input: CancelTaskInput,
  payload: taskPayload('CancelTaskPayload', 'The task that is being stopped.'),
  failures: [failures.NotFoundError, failures.TaskFinishedError],
  run: async ({ domain }, input) => ({
    taskId: await cancelTask(domain, { taskId: rowId('Task', input.taskId, ['taskId']) }),
  }),
});

const RetryTaskInput = builder.inputType('RetryTaskInput', {
  description: 'Which task to try again.',
  fields: (t) => ({ taskId: t.id({ required: true, description: 'Global id of the finished task.' }) }),
});

mutation('retryTask', {
  description: 'Makes a new task of the items that failed, were refused or were cancelled.',
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
    failures.UnknownDeviceError,
  ],
  run: async ({ domain }, input) => ({
    taskId: await retryTask(domain, { taskId: rowId('Task', input.taskId, ['taskId']) }),
  }),
});
