/** Interrupts a job where it costs nothing: before Apple is asked something, and while it waits. @module */
import type { Services } from '../domain/context.ts';
import { InterruptedError } from '../lib/interrupted.ts';

/** The worker stops. The job goes on from its rows in another one. */
export class WorkerStopsError extends InterruptedError {
  override readonly name = 'WorkerStopsError';
  constructor() {
    super('the worker stops');
  }
}

/**
 * The services for a job that ends early once `stopping` is aborted with a {@link WorkerStopsError}. A write to Apple is
 * never held back: it is written down by then, and its outcome would count as unknown.
 */
export function interruptible(services: Services, stopping: AbortSignal): Services {
  const { apple, clock, metadata } = services;
  const unlessStopping =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      stopping.throwIfAborted();
      return call(...args);
    };
  return {
    ...services,
    clock: {
      now: () => clock.now(),
      sleep: (milliseconds, signal) =>
        clock.sleep(milliseconds, signal ? AbortSignal.any([signal, stopping]) : stopping).catch((error: unknown) => {
          stopping.throwIfAborted();
          throw error;
        }),
    },
    apple: {
      describe: unlessStopping((...args) => apple.describe(...args)),
      limits: unlessStopping((...args) => apple.limits(...args)),
      readAssets: unlessStopping((...args) => apple.readAssets(...args)),
      readAssignments: unlessStopping((...args) => apple.readAssignments(...args)),
      readUsers: unlessStopping((...args) => apple.readUsers(...args)),
      invitationUrl: unlessStopping((...args) => apple.invitationUrl(...args)),
      writeStatus: unlessStopping((...args) => apple.writeStatus(...args)),
      readSubscription: unlessStopping((...args) => apple.readSubscription(...args)),
      notificationHead: (body) => apple.notificationHead(body),
      notificationNews: (body) => apple.notificationNews(body),
      subscribe: (...args) => apple.subscribe(...args),
      unsubscribe: (...args) => apple.unsubscribe(...args),
      claim: (...args) => apple.claim(...args),
      createUsers: (...args) => apple.createUsers(...args),
      updateUsers: (...args) => apple.updateUsers(...args),
      retireUsers: (...args) => apple.retireUsers(...args),
      readSeatSubscriptions: unlessStopping((...args) => apple.readSeatSubscriptions(...args)),
      readSeats: unlessStopping((...args) => apple.readSeats(...args)),
      setSeatManagement: (...args) => apple.setSeatManagement(...args),
      assignSeats: (...args) => apple.assignSeats(...args),
      removeSeats: (...args) => apple.removeSeats(...args),
      associate: (...args) => apple.associate(...args),
      disassociate: (...args) => apple.disassociate(...args),
    },
    metadata: { lookup: unlessStopping((query) => metadata.lookup(query)) },
  };
}
