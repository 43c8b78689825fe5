import { builder } from './builder.ts';

export const RemovalOrderEnum = builder.enumType('RemovalOrder', {
  description: 'What goes first when an app is removed and its license taken back.',
  values: {
    APP_FIRST: {
      description:
        'The app; its license goes back when the app is gone, and stays when the app could not be removed. From a device that left its MDM server the license goes back.',
    },
    LICENSE_FIRST: {
      description: 'The license; the app is removed when Apple has taken it back, and stays when Apple did not.',
    },
  } as const,
});
