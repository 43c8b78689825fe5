/** A table whose columns stand in line, in a bounded width. @module */
import type { Paint } from './colors.ts';
import { fit, pad, tame, widthOf } from './text.ts';

/** One column. */
export interface Column {
  title: string;
  /** Title where there is little space. */
  short?: string;
  align?: 'left' | 'right';
}

const gap = '  ';
/** Least width of the first column, the one that gives way. */
const least = 8;

/** The lines of a table. The first column is shortened where the width demands it. */
export function tableLines(columns: readonly Column[], rows: readonly string[][], width: number, paint: Paint): string[] {
  const cells = rows.map((row) => row.map(tame));
  const long = columns.map(({ title }) => title);
  const fits = sum(widths(long, cells)) <= width;
  const titles = fits ? long : columns.map(({ title, short }) => short ?? title);
  const [first = 0, ...others] = widths(titles, cells);
  const room = width - sum([0, ...others]);
  const all = [Math.max(least, Math.min(first, room)), ...others];
  const write = (row: readonly string[]) =>
    fit(row.map((cell, index) => pad(fit(cell, all[index] ?? 0), all[index] ?? 0, columns[index]?.align)).join(gap), width);
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
