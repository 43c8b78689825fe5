/** Work was stopped from outside, at a place where it can go on later: nothing is wrong with it. */
export class InterruptedError extends Error {
  override readonly name: string = 'InterruptedError';
}
