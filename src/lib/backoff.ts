/** How long to wait before another try, growing with each one. */
export interface BackoffOptions {
  /** Wait before the first repeat, in milliseconds. */
  base: number;
  /** What each further wait is multiplied by. */
  factor: number;
  /** Longest wait, in milliseconds. */
  cap: number;
}

/** The wait in milliseconds before repeat number `attempt` (1 is the first repeat). */
export function backoff(attempt: number, options: BackoffOptions): number {
  return Math.min(options.cap, options.base * options.factor ** Math.max(0, attempt - 1));
}
