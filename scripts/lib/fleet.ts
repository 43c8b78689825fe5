/** Two APIs and two workers of one installation, started as an operator does. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** The running programs. */
export interface Fleet {
  start(): Promise<void>;
  /** Whether it was started and not stopped since. */
  isRunning(): boolean;
  /** All are ready, and every API answers whoever has `key`. */
  check(key: string): Promise<void>;
  /** Sends SIGTERM to all. Throws unless each of them ends with exit code 0 and without a logged error. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Ends whatever is left. */
  kill(): void;
}

interface Program {
  script: string;
  child: ChildProcess;
  exit: Promise<unknown[]>;
  output(): string;
}

/** Longest wait for a program, in milliseconds. */
const patience = 30_000;

/** A fleet in `folder`; nothing runs yet. */
export function createFleet(folder: string, env: Record<string, string>): Fleet {
  let programs: Program[] = [];

  async function start(): Promise<void> {
    const scripts = ['start:api', 'start:api', 'start:worker', 'start:worker'];
    programs = scripts.map((script) => launch(script, folder, env));
    await Promise.all(programs.map(untilReady));
  }

  async function check(key: string): Promise<void> {
    for (const { script, output } of programs) {
      const url = addressOf(output());
      const ready = await fetch(new URL('/health/ready', url));
      if (ready.status !== 200) throw new Error(`${script} is not ready: ${await ready.text()}`);
      if (script === 'start:api') await ask(url, key);
    }
  }

  async function stop(): Promise<void> {
    const stopping = programs;
    for (const { child } of stopping) child.kill('SIGTERM');
    for (const { script, exit, output } of stopping) {
      const [code] = await exit;
      if (code !== 0 || output().includes('"level":"error"'))
        throw new Error(`${script} ended with ${code}:\n${output()}`);
    }
    programs = [];
  }

  return {
    start,
    isRunning: () => programs.length > 0,
    check,
    stop,
    restart: async () => {
      await stop();
      await start();
    },
    kill: () => {
      for (const { child } of programs) if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

function launch(script: string, folder: string, env: Record<string, string>): Program {
  // A process group of its own, so that whatever npm started can be ended with it.
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return { script, child, exit: once(child, 'close'), output: () => output };
}

async function untilReady({ script, child, output }: Program): Promise<void> {
  const deadline = performance.now() + patience;
  while (!/the API listens|the worker works/.test(output())) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`${script} did not start:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function addressOf(output: string): string {
  return /"(?:url|health)":"(http:[^"]+)"/.exec(output)![1]!;
}

async function ask(url: string, key: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: '{ viewer { role installation { mode } } apps(first: 1) { totalCount } }' }),
  });
  const text = await response.text();
  if (!text.includes('"mode":"PRODUCTION"')) throw new Error(`an API answered ${response.status}: ${text}`);
}
