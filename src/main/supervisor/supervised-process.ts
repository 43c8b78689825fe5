/** A program of ours as a child process: started, watched, started again, stopped. @module */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type BackoffOptions, backoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { LogFile } from './log-lines.ts';

/** What a program says over IPC when it can be used. */
export interface ReadyMessage {
  type: 'ready';
  /** Address it listens on, when it does. */
  url?: string;
}

/** What to run and how long to wait for it. */
export interface ProcessSpec {
  name: string;
  file: string;
  parameters: string[];
  environment: Record<string, string | undefined>;
  /** Longest wait for `ready`, in milliseconds. */
  readyLimit: number;
  /** Longest wait after SIGTERM before it is killed, in milliseconds. */
  stopLimit: number;
  log: LogFile;
  logger: Logger;
}

/** Waits between restarts; a program that held out for `calm` milliseconds counts as new. */
const restarts: BackoffOptions = { base: 500, factor: 2, cap: 30_000 };
const calm = 60_000;

/** One program that is kept running until it is stopped. */
export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #failures = 0;

  constructor(spec: ProcessSpec, clock: Clock = systemClock) {
    this.#spec = spec;
    this.#clock = clock;
  }

  /** Number of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it and waits until it says that it is ready; from then on it is started again whenever it ends. */
  async start(): Promise<ReadyMessage> {
    const child = this.#spawn();
    const message = await this.#untilReady(child);
    this.#watch(child);
    return message;
  }

  /** Asks it to end, and kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child && isRunning(child)) {
      const exited = once(child, 'exit');
      const inTime = new AbortController();
      child.kill('SIGTERM');
      this.#clock.sleep(this.#spec.stopLimit, inTime.signal).then(
        () => child.kill('SIGKILL'),
        () => {},
      );
      await exited;
      inTime.abort();
    }
    this.#spec.log.close();
  }

  /** Ends it at once. */
  kill(): void {
    this.#stopping.abort();
    this.#child?.kill('SIGKILL');
  }

  #spawn(): ChildProcess {
    const { file, parameters, environment, log } = this.#spec;
    this.#stopping.signal.throwIfAborted();
    const child = fork(file, parameters, {
      env: environment,
      execArgv: [...process.execArgv, '--enable-source-maps'],
      // A process group of its own: Ctrl-C in the terminal is for the supervisor, which stops all in order.
      detached: true,
      stdio: ['ignore', log.descriptor, log.descriptor, 'ipc'],
    });
    this.#child = child;
    return child;
  }

  async #untilReady(child: ChildProcess): Promise<ReadyMessage> {
    const { name, readyLimit } = this.#spec;
    const settled = new AbortController();
    try {
      return await new Promise<ReadyMessage>((resolve, reject) => {
        child.on('message', (message: ReadyMessage) => message.type === 'ready' && resolve(message));
        child.once('error', reject);
        child.once('exit', (code, signal) =>
          reject(new Error(`${name} ended before it was ready (${signal ?? `exit code ${code}`})`)),
        );
        this.#clock.sleep(readyLimit, settled.signal).then(
          () => reject(new Error(`${name} was not ready after ${readyLimit / 1000} s`)),
          () => {},
        );
      });
    } finally {
      settled.abort();
      // What it said last comes before what the supervisor says about it.
      this.#spec.log.flush();
    }
  }

  #watch(child: ChildProcess): void {
    const since = this.#clock.now().getTime();
    const ended = async (code: number | null, signal: string | null) => {
      if (this.#stopping.signal.aborted) return;
      const lasted = this.#clock.now().getTime() - since;
      this.#failures = lasted > calm ? 1 : this.#failures + 1;
      await this.#startAgain(`${this.#spec.name} ended unexpectedly (${signal ?? `exit code ${code}`})`);
    };
    if (isRunning(child)) child.once('exit', ended);
    else void ended(child.exitCode, child.signalCode);
  }

  async #startAgain(reason: string): Promise<void> {
    const wait = backoff(this.#failures, restarts);
    this.#spec.logger.warn({}, `${reason}; it is started again in ${wait / 1000} s`);
    try {
      await this.#clock.sleep(wait, this.#stopping.signal);
      await this.start();
      this.#spec.logger.warn({}, `${this.#spec.name} is running again`);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#failures += 1;
      this.#child?.kill('SIGKILL');
      await this.#startAgain((error as Error).message);
    }
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
