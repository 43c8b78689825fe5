/** One of our built programs as a process of its own. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledPrograms } from './bundle.ts';

/** A program below `dist/`. */
export type ProgramFile = 'main/api.js' | 'main/worker.js' | 'simulator/main.js';

/** How a process ended: its exit code, or the name of the signal. */
export type Exit = number | NodeJS.Signals;

/** A process. */
export interface Child {
  pid: number;
  /** What it says when it is ready. Rejects with its output when it ends instead. */
  ready: Promise<Record<string, unknown>>;
  /** Everything that it has printed so far. */
  output(): string;
  /** How it ended; undefined while it runs. */
  ended(): Exit | undefined;
  /** Resolves when it has ended and all of its output is here. */
  exit: Promise<Exit>;
  /** Sends a signal to this very process. */
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Exit>;
}

/** Where `npm run build` puts the programs, for tests of how they start and end. */
export const builtPrograms = fileURLToPath(new URL('../../dist', import.meta.url));

/** How Node runs a bundled program: most of a short life would go into compiling Prisma's WebAssembly a second time, for speed. */
export const programArguments = (path: string): string[] => {
  if (!existsSync(path)) throw new Error(`${path} is not built: run these tests with npm test, or npm run build first`);
  return ['--liftoff-only', path];
};

/** Options of {@link startChild}. */
export interface ChildOptions {
  args?: string[];
  env?: Record<string, string>;
  /** Folder of the programs; those of `npm run build`, bundled, unless said. */
  programs?: string | undefined;
}

/** Starts a program. Nothing of this process's own settings leaks into it. */
export function startChild(file: ProgramFile, options: ChildOptions = {}): Child {
  const path = join(options.programs ?? bundledPrograms, file);
  const child = spawn(process.execPath, [...programArguments(path), ...(options.args ?? [])], {
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = collect(child);
  let ended: Exit | undefined;
  const exit = once(child, 'close').then(([code, signal]) => {
    ended = (code ?? signal) as Exit;
    return ended;
  });
  const ready = Promise.race([
    once(child, 'message').then(([message]) => message as Record<string, unknown>),
    exit.then((how) => {
      throw new Error(`${file} ended with ${how} before it was ready:\n${output()}`);
    }),
  ]);
  ready.catch(() => {});
  const signal: Child['signal'] = (name) => void child.kill(name);
  return {
    pid: child.pid!,
    ready,
    output,
    ended: () => ended,
    exit,
    signal,
    stop: () => {
      signal('SIGTERM');
      return exit;
    },
  };
}

function collect(child: ChildProcess): () => string {
  const parts: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => parts.push(text));
  }
  return () => parts.join('');
}
