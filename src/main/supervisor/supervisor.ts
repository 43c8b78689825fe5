/** One run of `npm start`: what was brought up is taken down again in the opposite order. @module */
import { join, resolve } from 'node:path';
import { openLogFile } from './log-lines.ts';
import type { ProgramName, SupervisorOptions, SupervisorParts } from './options.ts';
import { startSandbox } from './start-sandbox.ts';
import { type ReadyMessage, SupervisedProcess } from './supervised-process.ts';

/** Longest wait for a program's `ready`, in milliseconds. */
const readyLimit = 60_000;
/** Longest wait for a program's orderly end, in milliseconds. */
const stopLimits: Record<ProgramName, number> = { api: 10_000, worker: 20_000, simulator: 5_000 };

/** Brings up a sandbox, keeps it running, takes it down. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #parts: SupervisorParts;
  readonly #processes: SupervisedProcess[] = [];
  readonly #undo: (() => Promise<void> | void)[] = [];
  readonly #stopped = new AbortController();
  #isUp = false;
  #end: () => void = () => {};
  #fail: (reason: Error) => void = () => {};
  readonly #ended = new Promise<void>((resolve, reject) => {
    this.#end = resolve;
    this.#fail = reject;
  });

  constructor(options: SupervisorOptions, parts: SupervisorParts) {
    this.#options = { ...options, dataDirectory: resolve(options.dataDirectory) };
    this.#parts = parts;
    this.#ended.catch(() => {});
  }

  /** Runs until it is stopped or can't go on; afterwards nothing of it is left. The result is the exit code. */
  async run(): Promise<number> {
    try {
      await startSandbox(this.#options, this.#parts, this);
      this.#isUp = true;
      await this.#ended;
      return 0;
    } catch (error) {
      if (this.#stopped.signal.aborted) return 0;
      this.#parts.print((error as Error).message);
      return 1;
    } finally {
      await this.#takeDown();
    }
  }

  /** Begins to stop everything in order. */
  stop(): void {
    this.#stopped.abort();
    this.#end();
    if (!this.#isUp) for (const child of this.#processes) void child.stop();
  }

  /** Ends the programs at once. The embedded PostgreSQL ends by itself when this process does. */
  force(): void {
    for (const child of this.#processes) child.kill();
  }

  /** Gives up, because something is gone without which nothing works. */
  abandon(reason: string): void {
    this.#fail(new Error(reason));
  }

  /** Remembers how to undo what was just brought up, and ends the start when a stop has been asked for since. */
  remember(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
    this.#stopped.signal.throwIfAborted();
  }

  /** Starts a program and keeps it running; resolves when it is ready. */
  async launch(name: ProgramName, parameters: string[], environment: Record<string, string>): Promise<ReadyMessage> {
    const { print, programs, logger } = this.#parts;
    const child = new SupervisedProcess({
      name,
      file: programs[name],
      parameters,
      environment: { ...process.env, ...environment },
      readyLimit,
      stopLimit: stopLimits[name],
      log: openLogFile(join(this.#options.dataDirectory, 'logs', `${name}.log`), name, print),
      logger,
    });
    this.#processes.push(child);
    this.remember(() => child.stop());
    return child.start();
  }

  async #takeDown(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        this.#parts.logger.error({ error }, 'something could not be stopped in order');
      }
    }
  }
}
