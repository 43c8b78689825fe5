/** A supervisor in a process of its own, with stand-ins for its programs. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPostmasterFile } from '../../src/db/embedded/postmaster-file.ts';
import { identifyProcess } from '../../src/db/embedded/process-identity.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

const program = new URL('./programs/run-supervisor.mjs', import.meta.url).pathname;

/** The data folder and everything that ran over it. */
export interface SupervisorWorld {
  data: string;
  port: number;
  start(behavior?: Record<string, string>): Started;
  /** Lines that the stand-ins wrote, in order. */
  journal(): string[];
  /** Process numbers of a stand-in, the newest last. */
  pids(name: string): number[];
  /** Process number of the embedded PostgreSQL. */
  postmaster(): number | undefined;
  clear(): Promise<void>;
}

/** One start. */
export interface Started {
  child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  /** Whether `text` is printed within 15 s. */
  prints(text: string): Promise<boolean>;
  /** Its exit code, or the name of the signal that ended it. */
  exit(): Promise<number | string>;
}

export async function createWorld(): Promise<SupervisorWorld> {
  const data = mkdtempSync(join(tmpdir(), 'russet-supervisor-'));
  const port = await freePort();
  const started: Started[] = [];
  const journalFile = join(data, 'journal');
  const journal = () => (existsSync(journalFile) ? readFileSync(journalFile, 'utf8').trim().split('\n') : []);
  const home = () => readFileSync(join(data, 'postgres.location'), 'utf8').trim();
  return {
    data,
    port,
    journal,
    start: (behavior = {}) => {
      const run = startSupervisor(data, port, { ...behavior, FAKE_JOURNAL: journalFile });
      started.push(run);
      return run;
    },
    pids: (name) => journal().flatMap((line) => (line.startsWith(`${name} pid `) ? [Number(line.split(' ')[2])] : [])),
    postmaster: () => readPostmasterFile(join(home(), 'data'))?.pid,
    clear: async () => {
      await Promise.all(started.map(({ child, exit }) => child.kill('SIGKILL') && exit()));
      if (existsSync(join(data, 'postgres.location'))) {
        const kept = home();
        await eventually(() => !identifyProcess(readPostmasterFile(join(kept, 'data'))?.pid ?? 0));
        rmSync(kept, { recursive: true, force: true });
      }
      rmSync(data, { recursive: true });
    },
  };
}

function startSupervisor(data: string, port: number, environment: Record<string, string>): Started {
  const child = spawn(process.execPath, [program, data, String(port)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as in a terminal.
    detached: true,
  });
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  const prints = (text: string) => eventually(() => output.includes(text), 15_000);
  return { child, output: () => output, prints, exit: () => exited };
}
