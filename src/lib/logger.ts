/** Structured logs. What may hold a secret never reaches a log line. @module */
import { pino } from 'pino';
import { logFields } from './log-fields.ts';

/** The logger that every part gets handed; `child` adds fields to each of its lines. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** Field names whose values are secrets, at the top or one level down. */
const secretFields = [
  'authorization',
  'cookie',
  'apiKey',
  'token',
  'sToken',
  'secret',
  'password',
  'bearer',
  'connectionString',
];

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** Lowest level that is written: `debug`, `info`, `warn`, `error` or `silent`. */
  level: string;
  /** Which process writes, e.g. `api` or `worker`. */
  name: string;
}

/** A logger that writes one JSON object a line to standard output, with the fields of `withLogFields`. */
export function createLogger(options: LoggerOptions): Logger {
  // Written at once: what pino keeps back it tries for ever to write at the end, when nobody reads the pipe any more.
  const standardOutput = pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level,
      name: options.name,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: logFields,
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '[secret]' },
      serializers: { error: pino.stdSerializers.err },
    },
    standardOutput,
  );
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
