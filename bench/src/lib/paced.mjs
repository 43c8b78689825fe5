import { setTimeout as sleep } from 'node:timers/promises';
import { sendOnce, unlikeBefore } from './client.mjs';

/**
 * Sends an operation at a gentle fixed pace until `during` is over, whether or not earlier answers have come; no two
 * requests are alike.
 * @param {import('./load.mjs').Target} target
 * @param {number} perSecond
 * @param {Promise<unknown>} during
 * @returns {Promise<number[]>} milliseconds that each answer took, counted from when it was due
 */
export async function paced(target, perSecond, during) {
  /** @type {Promise<number>[]} */
  const answers = [];
  let over = false;
  during.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  const began = performance.now();
  for (let index = 0; !over; index++) {
    const due = began + (index * 1000) / perSecond;
    await sleep(Math.max(0, due - performance.now()));
    answers.push(sendOnce(unlikeBefore(target)).then(() => performance.now() - due));
  }
  await during;
  return Promise.all(answers);
}
