/** Where the demo writes: a terminal, where news overwrite each other, or a file, where they follow each other. @module */
import { colored, type Paint, plain } from './colors.ts';
import { widthOf } from './text.ts';

/** Lines that are replaced while something is under way. */
export interface LiveBlock {
  lines: string[];
  /** Changes when something else than mere progress changed. */
  key: string;
}

/** Writes for a person. */
export interface Screen {
  /** Columns to use; read it anew for each line, since windows change. */
  readonly width: number;
  readonly paint: Paint;
  /** Writes a line that stays. */
  line(text?: string): void;
  /** Shows the block in place of the one before. */
  show(block: LiveBlock): void;
  /** Ends the block: in a terminal it is wiped away. */
  clear(): void;
}

/** What a screen writes to: `process.stdout`, mostly. */
export interface Output {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** Widest and narrowest that is used of a terminal. */
const widest = 100;
const narrowest = 40;
/** Least time between two lines of mere progress in a file, in milliseconds. */
const pause = 1_000;

/** A terminal: the block is drawn over the one before. */
export function terminalScreen(output: Output, paint: Paint = colored): Screen {
  let drawn = 0;
  const width = () => Math.max(narrowest, Math.min(widest, (output.columns ?? 80) - 1));
  // One write a change: nobody sees a half-drawn block. The terminal may have written ^C at the cursor.
  const back = () => (drawn === 0 ? '\r' : `\r\u001b[${drawn}A`);
  return {
    get width() {
      return width();
    },
    paint,
    line: (text = '') => {
      output.write(`${back()}\u001b[J${text}\n`);
      drawn = 0;
    },
    show: ({ lines }) => {
      output.write(`${back()}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
      // A line that is too long for this window was broken into several.
      const columns = output.columns ?? 80;
      drawn = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    },
    clear: () => {
      if (drawn > 0) output.write(`${back()}\u001b[J`);
      drawn = 0;
    },
  };
}

/** A file or a pipe: lines that changed are written when the key changes, and once a second otherwise. */
export function plainScreen(output: Output, now: () => number): Screen {
  const nothing = { key: '', at: Number.NEGATIVE_INFINITY, lines: [] as string[] };
  let last = nothing;
  return {
    width: 80,
    paint: plain,
    line: (text = '') => void output.write(`${text}\n`),
    show: ({ lines, key }) => {
      const changed = lines.filter((line, index) => line !== last.lines[index]);
      if (changed.length === 0 || (key === last.key && now() - last.at < pause)) return;
      output.write(changed.map((line) => `${line}\n`).join(''));
      last = { key, at: now(), lines };
    },
    clear: () => {
      last = nothing;
    },
  };
}

/** Nowhere. */
export const noScreen: Screen = { width: 80, paint: plain, line: () => {}, show: () => {}, clear: () => {} };
