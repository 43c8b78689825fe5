/** A client that sends just what a scenario wants, and follows it as the load does. @module */
import { setMaxListeners } from 'node:events';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { followCounts, followTask } from './follow.ts';
import type { Load } from './load.ts';
import { mutate, NoAnswerError } from './operations.ts';
import type { System } from './system.ts';
import { nothingTold } from './told.ts';

/** The client. */
export interface FewRequests extends Load {
  /** Asks the API at `place` once for licenses of an app. */
  associate(place: number, adamId: string, serialNumbers: readonly string[]): Promise<void>;
}

/** Starts the client; its followers are never cut off. */
export function startFewRequests(system: System, random: Random): FewRequests {
  const told = nothingTold();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const followers: Promise<void>[] = [];
  const { apis } = system;
  apis.forEach((_, place) => void followCounts(apis, place, told, closing.signal));
  return {
    told,
    associate: async (place, adamId, serialNumbers) => {
      const { id } = system.apps.find((app) => app.adamId === adamId)!;
      try {
        const answer = await mutate(apis[place]!, 'associate', { appIds: [id], target: { serialNumbers } });
        if ('code' in answer) return;
        told.accepted.push({ operation: 'associate', taskId: answer.taskId, repeats: [] });
        followers.push(followTask(answer.taskId, { apis, random, told, signal: closing.signal, cuts: 0 }));
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        told.errors.push(error.message);
      }
    },
    stop: async () => {},
    close: async (milliseconds = 5_000) => {
      await Promise.race([Promise.all(followers), systemClock.sleep(milliseconds)]);
      // As in the load: counts are told at most ten times a second, so the last ones may still be on their way.
      await systemClock.sleep(2_000);
      closing.abort();
      await Promise.all(followers);
    },
  };
}
