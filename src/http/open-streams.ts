/** The answers that last: they end when the server closes, or when their key is no longer good. @module */
import type { ServerResponse } from 'node:http';
import type { KeyActor } from '../domain/actor.ts';
import type { Logger } from '../lib/logger.ts';

/** Lasting answers of one server. */
export interface OpenStreams {
  /** Keeps an eye on one until it is closed. */
  add(response: ServerResponse, signIn: () => Promise<KeyActor | null>): void;
  /** Ends all of them. */
  endAll(): void;
}

/** Makes the register. `recheckKeyEvery` is in milliseconds. */
export function createOpenStreams(options: { recheckKeyEvery: number; logger: Logger }): OpenStreams {
  const open = new Set<ServerResponse>();
  return {
    add(response, signIn) {
      open.add(response);
      const stopChecking = recheck(signIn, () => response.destroy(), options);
      response.once('close', () => {
        stopChecking();
        open.delete(response);
      });
    },
    endAll() {
      for (const response of open) response.destroy();
    },
  };
}

/** Asks again and again whether the key is still good, and calls `refused` once it is not. Returns what stops it. */
export function recheck(
  signIn: () => Promise<KeyActor | null>,
  refused: () => void,
  { recheckKeyEvery, logger }: { recheckKeyEvery: number; logger: Logger },
): () => void {
  const timer = setInterval(() => {
    signIn().then(
      (actor) => {
        if (!actor) refused();
      },
      // The database being away for a moment is no reason to cut anybody off.
      (error: unknown) => logger.warn({ error }, 'a key could not be looked at again'),
    );
  }, recheckKeyEvery);
  timer.unref();
  return () => clearInterval(timer);
}
