/** Reads `postmaster.pid`, and ends a server that an earlier crash left behind. @module */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { commandOf, identifyProcess } from './process-identity.ts';

/** What PostgreSQL writes down about a running server. */
export interface PostmasterFile {
  pid: number;
  /** Whether it takes connections. */
  ready: boolean;
}

/** The file in data folder `data`, or undefined when no server was started or it ended in order. */
export function readPostmasterFile(data: string): PostmasterFile | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return undefined;
  }
}

/**
 * Makes way for a new server: one that still runs over `data` is stopped, and the file of one that is gone is removed
 * (PostgreSQL would refuse to start when another process has got its number since).
 */
export async function clearLeftover(data: string): Promise<void> {
  const file = readPostmasterFile(data);
  if (!file) return;
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!serves(file.pid, data)) break;
    process.kill(file.pid, signal);
    await waitForEnd(file.pid, 5_000);
  }
  if (!serves(file.pid, data)) rmSync(join(data, 'postmaster.pid'), { force: true });
}

function serves(pid: number, data: string): boolean {
  return identifyProcess(pid) !== undefined && commandOf(pid).includes(data);
}

async function waitForEnd(pid: number, milliseconds: number): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (identifyProcess(pid) && performance.now() < deadline) await systemClock.sleep(20);
}
