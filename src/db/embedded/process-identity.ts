/** Tells processes apart although the system gives their numbers away again. @module */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process at one moment of the machine's life. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in words of the system that only equality is asked of. */
  start: string;
}

/** The identity of process `pid`, or undefined when it does not run. A zombie does not run. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const found = process.platform === 'linux' ? readProc(pid) : askPs(pid);
  return found && !found.state.startsWith('Z') ? { pid, start: found.start } : undefined;
}

/** Whether the process that was once identified still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.start === identity.start;
}

/** The command line of process `pid`, or an empty string. */
export function commandOf(pid: number): string {
  if (process.platform !== 'linux') return ps(pid, 'command=');
  return readText(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim() ?? '';
}

interface Found {
  state: string;
  start: string;
}

function readProc(pid: number): Found | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (!text) return undefined;
  // The second field is the program's name in brackets and may hold anything, brackets too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: fields[19] ?? '' };
}

function askPs(pid: number): Found | undefined {
  const [state, ...start] = ps(pid, 'stat=,lstart=').split(/\s+/);
  return state ? { state, start: start.join(' ') } : undefined;
}

function ps(pid: number, columns: string): string {
  return spawnSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
