import type { Services } from '../context.ts';
import { progressInterval, publishProgress, type TaskKey } from './events.ts';

/** Tells the progress of a long piece of work that one worker does by itself, without a statement while it is too early. */
export function createProgress(services: Services, task: TaskKey) {
  let last = Number.NEGATIVE_INFINITY;
  return {
    /** After each step. */
    publish: async (): Promise<void> => {
      const now = services.clock.now().getTime();
      if (now - last < progressInterval) return;
      last = now;
      await publishProgress(services, task);
    },
    /** After the last one: what was not told yet is told now. */
    end: (): Promise<void> => publishProgress(services, task),
  };
}
