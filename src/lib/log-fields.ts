/** Fields that every log line of one piece of work carries, however deep it is written. @module */
import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<object>();

/** Runs `work`; each line that it writes has `fields`, beside those that were set around it. */
export function withLogFields<T>(fields: object, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, work);
}

/** The fields that are set here. A new object each time: the logger adds to it. */
export function logFields(): object {
  return { ...storage.getStore() };
}
