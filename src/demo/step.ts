/** What every step of the demo works with, and how it says what it did. @module */
import type { DemoOptions } from './arguments.ts';
import type { Client } from './client.ts';
import { duration } from './clock.ts';
import type { Live } from './live.ts';
import type { Report } from './report.ts';
import type { Screen } from './terminal/screen.ts';

/** What every step gets. */
export interface Run {
  options: DemoOptions;
  client: Client;
  live: Live;
  screen: Screen;
  /** Filled in step by step. */
  report: Report;
  /** Ends everything: Ctrl-C. */
  signal: AbortSignal;
}

/** Runs a step under its title. */
export async function step<Result>(
  { screen, signal }: Run,
  title: string,
  work: () => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  screen.line();
  screen.line(screen.paint('bold', title));
  try {
    return await work();
  } finally {
    screen.clear();
  }
}

/** The line that says that a step is done, and what it did. */
export function done(screen: Screen, text: string, milliseconds?: number): void {
  const time = milliseconds === undefined ? '' : `  ${screen.paint('dim', duration(milliseconds))}`;
  screen.line(`  ${screen.paint('green', '✓')} ${text}${time}`);
}

/** A remark below it. */
export function remark(screen: Screen, text: string): void {
  screen.line(screen.paint('dim', `    ${text}`));
}
