/**
 * What benches are given and give back.
 *
 * @typedef {object} Bench
 * @property {import('./postgres.mjs').Postgres} postgres
 * @property {number} rounds how many times each side is measured
 * @property {boolean} quick small sizes: whether it runs, not how fast
 * @property {number} most devices that a fleet may have
 * @property {(text: string) => void} print a line for whoever waits
 *
 * @typedef {object} Goal One figure beside its reference.
 * @property {string} what
 * @property {import('./statistics.mjs').Spread} figure
 * @property {import('./statistics.mjs').Spread} [reference] what was measured beside it in the same run
 * @property {string} [against] what the reference is
 * @property {string} unit
 * @property {number} [ratio] figure / reference, where these were kept rounded
 * @property {number} [least] the least that figure / reference may be
 * @property {number} [most] the most that figure / reference may be, or the figure itself
 * @property {boolean} [absolute] the goal is for the figure itself, whatever the reference
 *
 * @typedef {{ title: string, head: string[], rows: string[][] }} Table
 *
 * @typedef {object} Result
 * @property {Goal[]} goals
 * @property {string[]} [notes] how it was measured
 * @property {Table[]} [tables]
 * @property {{ title: string, text: string }[]} [documents] what was asked
 * @property {string} [skipped] why it was not measured
 */
export {};
