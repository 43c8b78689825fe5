/** What a command of `npm run admin` is. @module */
import type { Context, Services } from '../../domain/context.ts';
import type { Option } from '../command-line.ts';

/** What the commands work with. */
export interface AdminTools extends Pick<Services, 'prisma' | 'clock'>, Pick<Context, 'correlationId'> {
  /** INSTALLATION_ID, or null without it. */
  installationId: string | null;
}

/** One command. */
export interface Command {
  /** What it does, in a few words. */
  help: string;
  options: Record<string, Option>;
  /** Does it; the lines are printed. */
  run(tools: AdminTools, values: Record<string, string | undefined>): Promise<string[]>;
}

/** Rows as lines with aligned columns, below a head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column]!)].map((text) => text.length)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
