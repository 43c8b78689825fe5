/** Why the database's structure could not be brought up to date; the message says what to do. */
export type MigrationErrorCode =
  | 'POSTGRES_TOO_OLD'
  | 'MIGRATION_EDITED'
  | 'MIGRATION_UNKNOWN'
  | 'MIGRATION_UNFINISHED'
  | 'MIGRATION_FAILED'
  | 'MIGRATION_BUSY';

/** The database's structure could not be brought up to date. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code: MigrationErrorCode;
  /** Names of the migrations it is about. */
  readonly migrations: string[];

  constructor(code: MigrationErrorCode, message: string, migrations: string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.migrations = migrations;
  }
}
