/** Ctrl-C and its relatives. @module */

/** What can be stopped in order, or at once. */
export interface Stoppable {
  stop(): void;
  force(): void;
}

/** A signal this soon after the first is an echo: npm passes Ctrl-C on to a program that the terminal told already. */
const echo = 1_000;

/** Stops on the first signal in order, and on a second one at once. */
export function stopOnSignals(stoppable: Stoppable, print: (text: string) => void): void {
  let first: number | undefined;
  const onSignal = () => {
    if (first === undefined) {
      first = performance.now();
      print('\nStopping … (Ctrl-C again to stop at once)');
      stoppable.stop();
    } else if (performance.now() - first > echo) {
      stoppable.force();
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}
