/** Medians and percentiles of a handful of numbers. @module */

/**
 * @typedef {{ median: number, min: number, max: number }} Spread What several rounds gave.
 */

/**
 * The middle of several rounds, and how far they lie apart.
 * @param {readonly number[]} values
 * @returns {Spread}
 */
export function spread(values) {
  return { median: percentile(values, 50), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * The value below which `percent` of all lie; between two, the mean of them weighted by nearness.
 * @param {readonly number[]} values
 * @param {number} percent
 */
export function percentile(values, percent) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}
