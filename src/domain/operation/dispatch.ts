import type { Context } from '../context.ts';

/** What there was to do. */
export interface Dispatched {
  /** Commands that are planned now and wait to be sent. */
  planned: number;
  /** There may be more that is due: call again. */
  more: boolean;
}

/**
 * Everything that is due for the organization's operations at the clock's time: plans the commands of those that are
 * READY, asks devices how it stands, gives up what took too long, and settles what has ended (tasks, seats). Transactions
 * of its own. Called in the loop of `drive-devices`, before commands are sent.
 */
export async function dispatchOperations(_context: Context, _organizationId: bigint): Promise<Dispatched> {
  return { planned: 0, more: false };
}
