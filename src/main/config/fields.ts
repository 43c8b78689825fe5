/** Shapes of single settings, and how a problem with one is told. @module */
import { z } from 'zod';
import { ConfigError } from './config-error.ts';

/** Variables of the environment. */
export type Environment = Record<string, string | undefined>;

/** A whole number. */
export const whole = (least: number, most: number, fallback?: number) =>
  z.preprocess(
    (value) => (value === undefined ? fallback : Number(value)),
    z.number(`must be a number from ${least} to ${most}`).int().min(least).max(most),
  );
/** A number of seconds. */
export const seconds = (least: number, most: number, fallback: number) =>
  z.preprocess(
    (value) => (value === undefined ? fallback : Number(value)),
    z.number(`must be a number of seconds from ${least} to ${most}`).min(least).max(most),
  );
/** Numbers of days, with commas between. */
export const days = z
  .string()
  .regex(/^\d{1,3}(\s*,\s*\d{1,3})*$/, 'must be days such as 60,30,15,7,1')
  .transform((text) => [...new Set(text.split(',').map(Number))].filter((day) => day > 0));
/** Name of an installation, the same for all of its processes. */
export const installationId = z
  .string()
  .regex(/^[\w.:-]{8,100}$/, 'must have 8 to 100 letters, digits, or one of . : - _');
/** Lowest level that is logged. */
export const logLevel = z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info');
/** A port. */
export const port = (fallback: number) => whole(1, 65_535, fallback);
/** Address of a PostgreSQL database. */
export const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must be an address such as postgresql://user:password@host:5432/russet');

/** The values; what is wrong goes to `problems`. */
export function readFields<T>(schema: z.ZodType<T>, env: Environment, problems: string[]): T | undefined {
  const parsed = schema.safeParse(withoutBlanks(env));
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.map(describe));
  return undefined;
}

/** The values. Throws {@link ConfigError}. */
export function requireFields<T>(schema: z.ZodType<T>, env: Environment): T {
  const problems: string[] = [];
  const values = readFields(schema, env, problems);
  if (values === undefined) throw new ConfigError(problems);
  return values;
}

const withoutBlanks = (env: Environment) => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

function describe(issue: z.core.$ZodIssue): string {
  const missing =
    issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message);
  return `${issue.path.join('.')} ${missing ? 'is missing' : issue.message}`;
}
