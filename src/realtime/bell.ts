/** A flag that somebody waits for: many rings before the next look are one. @module */

/** What a waiter holds. One wait at a time. */
export interface Bell {
  ring(): void;
  /** Forgets rings so far; for whoever is about to look anyway. */
  clear(): void;
  /** Resolves with true when it rang since the last look, with false when `signal` aborts or the bell is closed. */
  next(signal: AbortSignal): Promise<boolean>;
  close(): void;
}

/** A silent bell. */
export function createBell(): Bell {
  let rung = false;
  let closed = false;
  let wake: (() => void) | undefined;
  const stir = () => {
    wake?.();
    wake = undefined;
  };

  async function sleep(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', stir, { once: true });
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    signal.removeEventListener('abort', stir);
  }

  return {
    ring: () => {
      rung = true;
      stir();
    },
    clear: () => {
      rung = false;
    },
    next: async (signal) => {
      if (!rung && !closed && !signal.aborted) await sleep(signal);
      if (closed || signal.aborted) return false;
      rung = false;
      return true;
    },
    close: () => {
      closed = true;
      stir();
    },
  };
}
