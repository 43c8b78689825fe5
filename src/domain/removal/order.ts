import { z } from 'zod';

/** Which goes first: the app, with its license only when the app is gone; or the license. */
export type RemovalOrder = 'APP_FIRST' | 'LICENSE_FIRST';

/** As it is asked for; APP_FIRST when absent. */
export const orderInput = z.enum(['APP_FIRST', 'LICENSE_FIRST']).nullish();
