/** Words of operations on apps. @module */
import { builder } from './builder.ts';

/** What an operation does. */
export const AppOperationKindEnum = builder.enumType('AppOperationKind', {
  description: 'What is done with an app on a device.',
  values: {
    INSTALL: { description: 'It is installed, with the license that the device holds.' },
    UPDATE: { description: 'A newer version is brought.' },
    REMOVE: { description: 'It is removed, with its data.' },
  } as const,
});
