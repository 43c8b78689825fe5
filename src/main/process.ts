/** The life of a program: start, say so, stop once and in order. @module */
import { explain } from './explain.ts';

/** A stop that takes longer than this many milliseconds is cut short: the database may be gone. */
const stopWithin = 15_000;

/** What a program that runs until it is told to stop offers. */
export interface Program {
  /** What is told to the parent process when it is ready. */
  ready: Record<string, unknown>;
  /** Ends what is under way and lets go of everything. */
  stop(): Promise<void>;
  /** Milliseconds that a stop may take beyond the usual time. */
  drainFor?: number;
}

/** Runs a program until SIGTERM, SIGINT, or the end of the parent process. A failed start is one line and exit code 1. */
export async function runProgram(start: () => Promise<Program>): Promise<void> {
  surviveBrokenPipes();
  let program: Program;
  try {
    program = await start();
  } catch (error) {
    console.error(explain(error));
    process.exit(1);
  }
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), stopWithin + (program.drainFor ?? 0)).unref();
    program.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  process.on('disconnect', stop);
  process.send?.({ type: 'ready', ...program.ready });
}

/** Runs a command to its end; `work` prints what it does. A failure is printed, and the exit code is 1. */
export async function runCommand(work: () => Promise<void>): Promise<void> {
  surviveBrokenPipes();
  try {
    await work();
  } catch (error) {
    console.error(explain(error));
    process.exitCode = 1;
  }
}

/** Whoever read the output may be gone: that is no reason to end, and must not keep from ending. */
function surviveBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
