/** A table whose columns stand in line, in a bounded width. @module */
import type { Paint } from './colors.ts';
import { clip, pad, tame, widthOf } from './text.ts';

/** One column. */
export interface Column {
  title: string;
  /** Title where there is little space. */
  short?: string;
  align?: 'left' | 'right';
}

const gap = '  ';
/** Width of the first column, the one that gives way, below which the other titles are shortened; and its least. */
const comfortable = 24;
const least = 8;

/** The lines of a table. The first column is shortened where the width demands it. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly string[][],
  width: number,
  paint: Paint,
): string[] {
  const cells = rows.map((row) => row.map(tame));
  const long = columns.map(({ title }) => title);
  const [name = 0, ...rest] = widths(long, cells);
  const fits = sum([Math.min(name, comfortable), ...rest]) <= width;
  const titles = fits ? long : columns.map(({ title, short }) => short ?? title);
  const [first = 0, ...others] = widths(titles, cells);
  const room = width - sum([0, ...others]);
  const all = [Math.max(least, Math.min(first, room)), ...others];
  const write = (row: readonly string[]) =>
    clip(
      row.map((cell, index) => pad(clip(cell, all[index] ?? 0), all[index] ?? 0, columns[index]?.align)).join(gap),
      width,
    );
  const head = write(titles);
  const rule = '─'.repeat(Math.min(width, sum(all)));
  return [paint('bold', head.trimEnd()), paint('dim', rule), ...cells.map((row) => write(row).trimEnd())];
}

function widths(titles: readonly string[], rows: readonly string[][]): number[] {
  return titles.map((title, index) => Math.max(widthOf(title), ...rows.map((row) => widthOf(row[index] ?? ''))));
}

function sum(all: readonly number[]): number {
  return all.reduce((total, width) => total + width, 0) + gap.length * (all.length - 1);
}
