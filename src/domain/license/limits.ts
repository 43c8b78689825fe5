/** Most ids in one mutation. */
export const maxIds = 10_000;
/** Most pairs of app and device that a mutation reserves itself, and that a task reserves in one transaction. */
export const blockSize = 10_000;
/** Most pairs of app and device in one revoke. */
export const maxPairs = 100_000;
