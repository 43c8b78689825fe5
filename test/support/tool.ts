/** Our commands (`npm run setup`, `migrate`, `admin`, `rotate-key`) as real processes. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bundledPrograms } from './bundle.ts';
import { programArguments } from './process-child.ts';

/** The commands. */
export type ToolName = 'setup' | 'migrate' | 'admin' | 'rotate-key';

/** A command that runs. */
export interface Tool {
  /** Everything that it has printed so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the name of the signal that ended it. */
  exit: Promise<number | NodeJS.Signals>;
}

/** Starts a command. Nothing of this process's own settings leaks into it. */
export function startTool(name: ToolName, args: readonly string[], env: Record<string, string>): Tool {
  const path = join(bundledPrograms, 'main', `${name}.js`);
  const child = spawn(process.execPath, [...programArguments(path), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    output: () => output,
    signal: (signal) => void child.kill(signal),
    exit: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals),
  };
}

/** Runs a command to its end. */
export async function runTool(name: ToolName, args: readonly string[], env: Record<string, string>) {
  const tool = startTool(name, args, env);
  const code = await tool.exit;
  return { code, output: tool.output() };
}
