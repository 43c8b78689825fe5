/** What the supervisor needs to know and whom it asks for help. @module */
import type { Logger } from '../../lib/logger.ts';

/** The programs it spawns, in the order of the chain from Apple to the client. */
export type ProgramName = 'simulator' | 'worker' | 'api';

/** Settings of one `npm start`. */
export interface SupervisorOptions {
  /** Folder for everything that is kept, e.g. `.data`. */
  dataDirectory: string;
  /** Folder of the migrations. */
  migrations: string;
  /** Address and port of the API. */
  host: string;
  port: number;
  /** A database to use in place of the embedded PostgreSQL. */
  databaseUrl?: string | undefined;
  /** Port of the embedded PostgreSQL when it is free. */
  postgresPort: number;
  /** Port of the simulator when it is free. */
  simulatorPort: number;
  /** Lowest level that the programs log. */
  logLevel: string;
}

/** Makes what a sandbox needs to be usable at once: organization, first key, tokens to upload. */
export type PrepareSandbox = (context: {
  databaseUrl: string;
  dataDirectory: string;
  simulatorUrl: string;
  logger: Logger;
}) => Promise<PreparedSandbox>;

/** What {@link PrepareSandbox} made or found. */
export interface PreparedSandbox {
  apiKey: string;
  /** Whether the key is new: only then it is shown. */
  created: boolean;
  /** A token file of the simulator, to upload. */
  tokenFile: string;
  /** Further environment of worker and API. */
  environment: Record<string, string>;
}

/** What the supervisor works with. */
export interface SupervisorParts {
  /** File of each program. */
  programs: Record<ProgramName, string>;
  prepareSandbox: PrepareSandbox;
  logger: Logger;
  /** Writes lines for the person at the terminal. */
  print(text: string): void;
}
