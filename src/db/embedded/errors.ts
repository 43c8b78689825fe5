/** Why the embedded PostgreSQL could not be started; the message says what to do. */
export type EmbeddedPostgresErrorCode =
  | 'PLATFORM_NOT_SUPPORTED'
  | 'BINARIES_DO_NOT_RUN'
  | 'DATA_IN_USE'
  | 'DATA_OF_ANOTHER_VERSION'
  | 'INIT_FAILED'
  | 'START_FAILED';

/** The embedded PostgreSQL could not be started. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The way out that every message offers. */
export const useOwnDatabase = 'Set DATABASE_URL to a PostgreSQL 15 or newer of your own to do without it.';
