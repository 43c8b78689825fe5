/** Configuration: the one place that reads the environment. Every problem is told at once. @module */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Failpoint, Settings } from '../domain/context.ts';
import type { EncryptionKey } from '../domain/token/secret-box.ts';

/** The configuration can't be used. The message lists everything that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];
  constructor(problems: string[]) {
    super(
      `The configuration can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSee .env.example for what each value means.`,
    );
    this.problems = problems;
  }
}

/** What API and worker are started with. */
export interface Config {
  mode: 'SANDBOX' | 'PRODUCTION';
  databaseUrl: string;
  databaseConnections: number;
  host: string;
  port: number;
  appleBaseUrl: string;
  encryptionKeys: EncryptionKey[];
  logLevel: string;
  worker: WorkerConfig;
  settings: Settings;
  /** Where the process ends itself, in crash tests. */
  failpoint: { point: Failpoint; hits: number } | null;
}

/** How a worker works; times in milliseconds. */
export interface WorkerConfig {
  /** Jobs side by side. */
  concurrency: number;
  /** How often it shows that it lives. */
  heartbeatEvery: number;
  /** Without a sign of life for so long, a worker's jobs go to others. */
  deadAfter: number;
  /** How often it looks for due work that lost its job. */
  sweepEvery: number;
}

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

type Environment = Record<string, string | undefined>;

const appleUrl = 'https://vpp.itunes.apple.com/mdm/v2';

const whole = (least: number, most: number, fallback: number) =>
  z.preprocess(
    (value) => (value === undefined || value === '' ? fallback : Number(value)),
    z.number(`must be a number from ${least} to ${most}`).int().min(least).max(most),
  );
const seconds = (least: number, most: number, fallback: number) =>
  z.preprocess(
    (value) => (value === undefined ? fallback : Number(value)),
    z.number(`must be a number of seconds from ${least} to ${most}`).min(least).max(most),
  );
const logLevel = z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info');
const port = (fallback: number) => whole(1, 65_535, fallback);
const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must be an address such as postgresql://user:password@host:5432/russet');

const services = z.object({
  RUSSET_MODE: z.enum(['sandbox', 'production']).default('production'),
  DATABASE_URL: postgresUrl,
  DATABASE_CONNECTIONS: whole(2, 200, 12),
  HOST: z.string().min(1).default('127.0.0.1'),
  // 0 is any free port; what it is, the process says when it is ready.
  PORT: whole(0, 65_535, 4000),
  APPLE_BASE_URL: z.url('must be an address').optional(),
  ENCRYPTION_KEYS: z.string().optional(),
  ENCRYPTION_KEYS_FILE: z.string().optional(),
  LOG_LEVEL: logLevel,
  WORKER_CONCURRENCY: whole(1, 100, 8),
  WORKER_HEARTBEAT_SECONDS: seconds(0.1, 60, 5),
  WORKER_DEAD_SECONDS: seconds(1, 600, 20),
  WORKER_SWEEP_SECONDS: seconds(0.1, 60, 5),
  HOLDER_NAME: z.string().trim().min(1).max(100).default('Russet'),
  HOLDER_METADATA: z.string().trim().min(1).max(255).default(hostname()),
  FIRST_POLL_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  POLL_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  UNKNOWN_OUTCOME_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  TASK_EVENT_DAYS: whole(1, 3650, 30),
  IDEMPOTENCY_DAYS: whole(1, 365, 7),
  TOKEN_EXPIRING_DAYS: whole(1, 365, 30),
  RUSSET_FAILPOINT: z
    .string()
    .regex(
      /^(claimed|reserved|before-call|after-call|polling|settling|done|sync-block)(:\d+)?$/,
      'must be a failpoint such as before-call or before-call:3',
    )
    .optional(),
});

/** Reads what API and worker need. Throws {@link ConfigError}. */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const parsed = services.safeParse(withoutBlanks(env));
  if (!parsed.success) problems.push(...parsed.error.issues.map(describe));
  const keys = readKeys(env, problems);
  const mode = env.RUSSET_MODE === 'sandbox' ? 'SANDBOX' : 'PRODUCTION';
  checkApple(env.APPLE_BASE_URL, mode, problems);
  if (mode === 'PRODUCTION' && env.RUSSET_FAILPOINT) {
    problems.push('RUSSET_FAILPOINT ends processes on purpose and is for tests in the sandbox only');
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const values = parsed.data;
  return {
    mode,
    databaseUrl: values.DATABASE_URL,
    databaseConnections: values.DATABASE_CONNECTIONS,
    host: values.HOST,
    port: values.PORT,
    appleBaseUrl: values.APPLE_BASE_URL ?? appleUrl,
    encryptionKeys: keys,
    logLevel: values.LOG_LEVEL,
    worker: {
      concurrency: values.WORKER_CONCURRENCY,
      heartbeatEvery: values.WORKER_HEARTBEAT_SECONDS * 1000,
      deadAfter: values.WORKER_DEAD_SECONDS * 1000,
      sweepEvery: values.WORKER_SWEEP_SECONDS * 1000,
    },
    settings: settingsOf(mode, values),
    failpoint: readFailpoint(values.RUSSET_FAILPOINT),
  };
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
      'must be sandbox or absent for npm start; in production start dist/main/api.js and dist/main/worker.js',
    )
    .optional(),
});

/** Reads what `npm start` needs. Throws {@link ConfigError}. */
export function readStartConfig(env: Environment): StartConfig {
  const parsed = start.safeParse(withoutBlanks(env));
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map(describe));
  const values = parsed.data;
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

const withoutBlanks = (env: Environment) => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

function describe(issue: z.core.$ZodIssue): string {
  const missing =
    issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message);
  return `${issue.path.join('.')} ${missing ? 'is missing' : issue.message}`;
}

/** Keys as `name:base64`, separated by commas or line ends; the first one writes, all of them read. */
function readKeys(env: Environment, problems: string[]): EncryptionKey[] {
  const text = env.ENCRYPTION_KEYS || readKeyFile(env.ENCRYPTION_KEYS_FILE, problems);
  if (!text) {
    if (!env.ENCRYPTION_KEYS_FILE) problems.push('ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE is missing');
    return [];
  }
  const keys: EncryptionKey[] = [];
  for (const [index, part] of text
    .split(/[,\n]/)
    .map((piece) => piece.trim())
    .filter(Boolean)
    .entries()) {
    const [id, base64, ...rest] = part.split(':');
    const bytes = Buffer.from(base64 ?? '', 'base64');
    if (!id || rest.length > 0 || bytes.length !== 32)
      problems.push(`ENCRYPTION_KEYS: key number ${index + 1} must be name:base64 of 32 bytes`);
    else keys.push({ id, bytes });
  }
  if (new Set(keys.map((key) => key.id)).size < keys.length)
    problems.push('ENCRYPTION_KEYS: two keys have the same name');
  return keys;
}

function readKeyFile(path: string | undefined, problems: string[]): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    problems.push(`ENCRYPTION_KEYS_FILE can't be read: ${path}`);
    return undefined;
  }
}

/** The sandbox never calls Apple, and production never calls anybody else by accident. */
function checkApple(address: string | undefined, mode: Config['mode'], problems: string[]): void {
  if (mode === 'SANDBOX') {
    if (!address) problems.push('APPLE_BASE_URL is missing: in the sandbox it is the address of the simulator');
    else if (URL.canParse(address) && !['127.0.0.1', 'localhost', '[::1]'].includes(new URL(address).hostname)) {
      problems.push('APPLE_BASE_URL must be on this machine in the sandbox, which never calls Apple');
    }
  } else if (address && !address.startsWith('https://'))
    problems.push('APPLE_BASE_URL must begin with https:// in production');
}

function settingsOf(mode: Config['mode'], values: z.output<typeof services>): Settings {
  const sandbox = mode === 'SANDBOX';
  const seconds = (value: number | undefined, fallback: number) => Math.round((value ?? fallback) * 1000);
  return {
    mode,
    holderName: values.HOLDER_NAME,
    holderMetadata: values.HOLDER_METADATA,
    // Without notifications Apple's pace is 30 s; the simulator allows half a second (decisions §1.13).
    firstPollAfter: seconds(values.FIRST_POLL_SECONDS, sandbox ? 0.5 : 30),
    pollEvery: seconds(values.POLL_SECONDS, sandbox ? 0.5 : 30),
    pendingLimit: 600_000,
    lingerFor: 2_000,
    unknownOutcomeWait: seconds(values.UNKNOWN_OUTCOME_SECONDS, 60),
    expiringDays: values.TOKEN_EXPIRING_DAYS,
    renewalWait: 86_400_000,
    taskEventDays: values.TASK_EVENT_DAYS,
    idempotencyDays: values.IDEMPOTENCY_DAYS,
  };
}

function readFailpoint(text: string | undefined): Config['failpoint'] {
  if (!text) return null;
  const [point, hits] = text.split(':');
  return { point: point as Failpoint, hits: Number(hits ?? 1) };
}
