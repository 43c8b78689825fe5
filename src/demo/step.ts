/** What every step of the demo works with, and how it says what it did. @module */
import type { DemoOptions } from './arguments.ts';
import type { Client } from './client.ts';
import { duration } from './clock.ts';
import type { Live } from './live.ts';
import type { Report } from './report.ts';
import type { Screen } from './terminal/screen.ts';
import { wrap } from './terminal/text.ts';

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

/** Says that a step is done, and what it did. */
export function done(screen: Screen, text: string, milliseconds?: number): void {
  const time = milliseconds === undefined ? '' : `  ${duration(milliseconds)}`;
  const [first = '', ...others] = wrap(text, screen.width - 4 - time.length);
  const painted = screen.paint('dim', time);
  screen.line(`  ${screen.paint('green', '✓')} ${first}${others.length === 0 ? painted : ''}`);
  for (const [index, line] of others.entries()) screen.line(`    ${line}${index === others.length - 1 ? painted : ''}`);
}

/** A remark below it. */
export function remark(screen: Screen, text: string): void {
  for (const line of wrap(text, screen.width - 4)) screen.line(screen.paint('dim', `    ${line}`));
}
