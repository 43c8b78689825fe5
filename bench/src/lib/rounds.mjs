import { spread } from './statistics.mjs';

/**
 * Measures several things in turns, A B A B …, so that a slow minute of the machine hits all of them alike. The first
 * one of a round changes from round to round.
 * @template {string} Name
 * @param {Record<Name, () => Promise<number>>} measures each gives one number
 * @param {number} rounds
 * @returns {Promise<Record<Name, import('./statistics.mjs').Spread & { rounds: number[] }>>}
 */
export async function interleave(measures, rounds) {
  const names = /** @type {Name[]} */ (Object.keys(measures));
  const found = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) found[name].push(await measures[name]());
  }
  return Object.fromEntries(names.map((name) => [name, { ...spread(found[name]), rounds: found[name] }]));
}
