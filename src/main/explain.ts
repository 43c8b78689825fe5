import { MigrationError } from '../db/migration-errors.ts';
import { DomainError } from '../domain/errors.ts';
import { WrongKeyError } from '../domain/installation/wrong-key.ts';
import { ConfigError } from './config/config-error.ts';
import { StartError } from './start-error.ts';

/** Failures whose message was written for the person who started the program. */
const expected = [StartError, ConfigError, MigrationError, WrongKeyError, DomainError];

/** What to print of a failure: the message alone when it says everything, else where it comes from, too. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return expected.some((kind) => error instanceof kind) ? error.message : (error.stack ?? error.message);
}
