/** Numbers and goals as text. @module */

/** @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {import('./statistics.mjs').Spread} value @param {string} unit */
export function withSpread({ median, min, max }, unit) {
  const range = min === max ? '' : ` (${number(min)}–${number(max)})`;
  return `${number(median)}${range} ${unit}`;
}

/** @param {import('./types.mjs').Goal} goal */
export function ratioOf(goal) {
  if (!goal.reference) return null;
  return goal.ratio ?? goal.figure.median / goal.reference.median;
}

/** Whether it is reached; null when there is nothing to reach. @param {import('./types.mjs').Goal} goal */
export function isReached(goal) {
  const value = (goal.absolute ? null : ratioOf(goal)) ?? goal.figure.median;
  if (goal.least === undefined && goal.most === undefined) return null;
  return (goal.least === undefined || value >= goal.least) && (goal.most === undefined || value <= goal.most);
}

/** @param {import('./types.mjs').Goal} goal */
export function goalText(goal) {
  const unit = goal.reference && !goal.absolute ? '×' : ` ${goal.unit}`;
  if (goal.least !== undefined) return `at least ${goal.least.toLocaleString('en-US')}${unit}`;
  if (goal.most !== undefined) return `at most ${goal.most.toLocaleString('en-US')}${unit}`;
  return 'reported';
}

/** The cells of one goal. @param {import('./types.mjs').Goal} goal */
export function goalCells(goal) {
  const ratio = ratioOf(goal);
  const reached = isReached(goal);
  return [
    goal.what,
    withSpread(goal.figure, goal.unit),
    goal.reference ? `${goal.against}: ${withSpread(goal.reference, goal.unit)}` : '',
    ratio === null ? '' : `${number(ratio)}×`,
    goalText(goal),
    reached === null ? '' : reached ? 'yes' : '**no**',
  ];
}

/** Heads of {@link goalCells}. */
export const goalHead = ['What', 'Russet', 'Reference', 'Ratio', 'Goal', 'Reached'];

/** Cells in columns for a terminal. @param {string[]} head @param {string[][]} rows */
export function columns(head, rows) {
  const plain = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('**', '').replaceAll('`', '')));
  const widths = head.map((_, column) => Math.max(...plain.map((row) => row[column].length)));
  return plain
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
