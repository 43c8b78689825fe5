/** Words of operations on apps. @module */
import { builder } from './builder.ts';

/** Where an operation stands. */
export const AppOperationStateEnum = builder.enumType('AppOperationState', {
  description: 'Where an operation on an app stands.',
  values: {
    WAITING_FOR_LICENSE: { description: 'Nothing is sent before its license is confirmed, or, of a removal, gone.' },
    READY: { description: 'Its command waits for the device, or for its turn.' },
    SENT: { description: 'The command is on its way to the device.' },
    INSTALLING: { description: 'The device accepted it and works on it; its app list will tell.' },
    PROMPTING: { description: 'A person at the device has to agree.' },
    PROPAGATING: {
      description:
        'Apple confirmed the license and the device can’t see it yet. That is no failure: it is tried again.',
    },
    DONE: { description: 'The app list shows what was wanted.' },
    UNCHANGED: { description: 'An update was accepted, and the version stayed.' },
    FAILED: { description: 'It ended without it; `cause` says why.' },
    TIMED_OUT: { description: 'Nobody answered, or nothing came of it, in time; `cause` says what was waited for.' },
    CANCELLED: { description: 'It was stopped before the device was told.' },
  } as const,
});

/** What an operation does. */
export const AppOperationKindEnum = builder.enumType('AppOperationKind', {
  description: 'What is done with an app on a device.',
  values: {
    INSTALL: { description: 'It is installed, with the license that the device holds.' },
    UPDATE: { description: 'A newer version is brought.' },
    REMOVE: { description: 'It is removed, with its data.' },
  } as const,
});
