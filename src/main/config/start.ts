/** Configuration of `npm start`. @module */
import { z } from 'zod';
import { type Environment, logLevel, port, postgresUrl, requireFields } from './fields.ts';

/** What `npm start` is started with. */
export interface StartConfig {
  dataDirectory: string;
  host: string;
  port: number;
  databaseUrl: string | undefined;
  postgresPort: number;
  simulatorPort: number;
  logLevel: string;
}

const start = z.object({
  RUSSET_DATA: z.string().min(1).default('.data'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port(4000),
  DATABASE_URL: postgresUrl.optional(),
  POSTGRES_PORT: port(15_432),
  SIMULATOR_PORT: port(14_000),
  LOG_LEVEL: logLevel,
  RUSSET_MODE: z
    .literal(
      'sandbox',
      'must be sandbox or absent for npm start; in production use npm run start:api and npm run start:worker',
    )
    .optional(),
});

/** Reads what `npm start` needs. Throws {@link ConfigError}. */
export function readStartConfig(env: Environment): StartConfig {
  const values = requireFields(start, env);
  return {
    dataDirectory: values.RUSSET_DATA,
    host: values.HOST,
    port: values.PORT,
    databaseUrl: values.DATABASE_URL,
    postgresPort: values.POSTGRES_PORT,
    simulatorPort: values.SIMULATOR_PORT,
    logLevel: values.LOG_LEVEL,
  };
}
