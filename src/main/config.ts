/** Configuration: the one place that reads the environment. Every problem is told at once. @module */
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Failpoint, Settings } from '../domain/context.ts';
import type { EncryptionKey } from '../domain/token/key-ring.ts';
import { ConfigError } from './config/config-error.ts';
import {
  days,
  type Environment,
  installationId,
  logLevel,
  postgresUrl,
  readFields,
  seconds,
  whole,
} from './config/fields.ts';
import { readKeys } from './config/keys.ts';
import { type MetadataConfig, readMetadata } from './config/metadata.ts';
import { readPublicUrl } from './config/public-url.ts';

export { ConfigError };

/** What API and worker are started with. */
export interface Config {
  mode: 'SANDBOX' | 'PRODUCTION';
  databaseUrl: string;
  databaseConnections: number;
  host: string;
  port: number;
  /** Milliseconds for which the API goes on serving after it said that it stops. */
  drainFor: number;
  /** Milliseconds for which an answer is given again while nothing changes; 0 for never. */
  rememberAnswersFor: number;
  /** Port of the worker's health; none when absent. */
  workerHealthPort: number | undefined;
  /** Whoever sends it may read `/metrics`; nobody may when absent. */
  metricsToken: string | undefined;
  appleBaseUrl: string;
  metadata: MetadataConfig;
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

const appleUrl = 'https://vpp.itunes.apple.com/mdm/v2';

const services = z.object({
  RUSSET_MODE: z.enum(['sandbox', 'production']).default('production'),
  DATABASE_URL: postgresUrl,
  DATABASE_CONNECTIONS: whole(2, 200, 12),
  HOST: z.string().min(1).default('127.0.0.1'),
  // 0 is any free port; what it is, the process says when it is ready.
  PORT: whole(0, 65_535, 4000),
  DRAIN_SECONDS: seconds(0, 60, 0),
  WORKER_HEALTH_PORT: whole(0, 65_535).optional(),
  METRICS_TOKEN: z
    .string()
    .regex(/^[!-~]{16,}$/, 'must have at least 16 characters and no space')
    .optional(),
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
  PUBLIC_URL: z.string().optional(),
  WEBHOOK_CHECK_MINUTES: whole(1, 1440, 60),
  FIRST_POLL_LIVE_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  FIRST_POLL_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  POLL_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  UNKNOWN_OUTCOME_SECONDS: z.coerce.number().min(0.1).max(3600).optional(),
  ANSWER_MEMORY_SECONDS: seconds(0, 60, 1),
  TASK_EVENT_DAYS: whole(1, 3650, 30),
  SHORTAGE_WAIT_DAYS: whole(1, 365, 30),
  TASK_DAYS: whole(30, 3650, 396),
  PLAN_DAYS: whole(1, 3650, 30),
  NOTIFICATION_DAYS: whole(1, 3650, 396),
  IDEMPOTENCY_DAYS: whole(1, 365, 7),
  INVENTORY_HOURS: whole(1, 720, 24),
  DEVICE_INFORMATION_HOURS: whole(1, 720, 24),
  DEVICE_PUSH_MINUTES: whole(1, 1440, 15),
  DEVICE_PUSHES: whole(0, 100, 5),
  DEVICE_NEWS_DAYS: whole(1, 3650, 7),
  DEVICE_COMMAND_DAYS: whole(1, 3650, 90),
  TOKEN_EXPIRING_DAYS: whole(1, 365, 30),
  METADATA_HOURS: z.coerce.number().int().min(1).max(720).optional(),
  FULL_SYNC_HOURS: whole(1, 720, 24),
  RECONCILE_HOUR: whole(0, 23, 1),
  METADATA_APPS: whole(1, 100_000, 1_000),
  TOKEN_NOTICE_DAYS: days.default([60, 30, 15, 7, 1]),
  TOKEN_PROBE_HOURS: z.preprocess(
    (value) => (value === undefined ? 6 : Number(value)),
    z.number('must be a number of hours from 0.01 to 168').min(0.01).max(168),
  ),
  INSTALLATION_ID: installationId.optional(),
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
  const values = readFields(services, env, problems);
  const keys = readKeys(env, problems);
  const mode = env.RUSSET_MODE === 'sandbox' ? 'SANDBOX' : 'PRODUCTION';
  const metadata = readMetadata(env, problems);
  checkApple(env.APPLE_BASE_URL, mode, problems);
  const publicUrl = readPublicUrl(env.PUBLIC_URL, mode, problems);
  checkMetadata(metadata, mode, problems);
  if (mode === 'PRODUCTION' && env.RUSSET_FAILPOINT) {
    problems.push('RUSSET_FAILPOINT ends processes on purpose and is for tests in the sandbox only');
  }
  if (values === undefined || problems.length > 0) throw new ConfigError(problems);
  return {
    mode,
    databaseUrl: values.DATABASE_URL,
    databaseConnections: values.DATABASE_CONNECTIONS,
    host: values.HOST,
    port: values.PORT,
    drainFor: values.DRAIN_SECONDS * 1000,
    rememberAnswersFor: values.ANSWER_MEMORY_SECONDS * 1000,
    workerHealthPort: values.WORKER_HEALTH_PORT,
    metricsToken: values.METRICS_TOKEN,
    appleBaseUrl: values.APPLE_BASE_URL ?? appleUrl,
    metadata,
    encryptionKeys: keys,
    logLevel: values.LOG_LEVEL,
    worker: {
      concurrency: values.WORKER_CONCURRENCY,
      heartbeatEvery: values.WORKER_HEARTBEAT_SECONDS * 1000,
      deadAfter: values.WORKER_DEAD_SECONDS * 1000,
      sweepEvery: values.WORKER_SWEEP_SECONDS * 1000,
    },
    settings: settingsOf(mode, values, publicUrl),
    failpoint: readFailpoint(values.RUSSET_FAILPOINT),
  };
}

/** The sandbox never calls Apple, and production never calls anybody else by accident. */
function checkApple(address: string | undefined, mode: Config['mode'], problems: string[]): void {
  if (mode === 'SANDBOX') {
    if (!address) problems.push('APPLE_BASE_URL is missing: in the sandbox it is the address of the simulator');
    else if (URL.canParse(address) && !onThisMachine(address)) {
      problems.push('APPLE_BASE_URL must be on this machine in the sandbox, which never calls Apple');
    }
  } else if (address && !address.startsWith('https://'))
    problems.push('APPLE_BASE_URL must begin with https:// in production');
}

/** The sandbox asks nobody outside for metadata either. */
function checkMetadata({ source, url }: MetadataConfig, mode: Config['mode'], problems: string[]): void {
  const local = url !== undefined && URL.canParse(url) && onThisMachine(url);
  if (mode === 'SANDBOX' && !local && (url !== undefined || source !== 'legacy'))
    problems.push('METADATA_URL must be on this machine in the sandbox, which never calls Apple');
  if (mode === 'PRODUCTION' && url !== undefined && !url.startsWith('https://'))
    problems.push('METADATA_URL must begin with https:// in production');
}

const onThisMachine = (address: string) => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(address).hostname);

function settingsOf(mode: Config['mode'], values: z.output<typeof services>, publicUrl: string | null): Settings {
  const sandbox = mode === 'SANDBOX';
  const seconds = (value: number | undefined, fallback: number) => Math.round((value ?? fallback) * 1000);
  return {
    mode,
    holderName: values.HOLDER_NAME,
    holderMetadata: values.HOLDER_METADATA,
    publicUrl,
    checkWebhookEvery: values.WEBHOOK_CHECK_MINUTES * 60_000,
    firstPollWhenLive: seconds(values.FIRST_POLL_LIVE_SECONDS, sandbox ? 0.5 : 300),
    // Without notifications Apple's pace is 30 s; the simulator allows half a second (decisions §1.13).
    firstPollAfter: seconds(values.FIRST_POLL_SECONDS, sandbox ? 0.5 : 30),
    pollEvery: seconds(values.POLL_SECONDS, sandbox ? 0.5 : 30),
    pendingLimit: 600_000,
    lingerFor: 2_000,
    unknownOutcomeWait: seconds(values.UNKNOWN_OUTCOME_SECONDS, 60),
    expiringDays: values.TOKEN_EXPIRING_DAYS,
    noticeDays: values.TOKEN_NOTICE_DAYS,
    probeEvery: Math.round(values.TOKEN_PROBE_HOURS * 3_600_000),
    installationId: values.INSTALLATION_ID ?? null,
    renewalWait: 86_400_000,
    shortageWait: values.SHORTAGE_WAIT_DAYS * 86_400_000,
    metadataEvery: (values.METADATA_HOURS ?? (sandbox ? 1 : 24)) * 3_600_000,
    fullSyncEvery: values.FULL_SYNC_HOURS * 3_600_000,
    reconcileHour: values.RECONCILE_HOUR,
    metadataApps: values.METADATA_APPS,
    taskEventDays: values.TASK_EVENT_DAYS,
    taskDays: values.TASK_DAYS,
    planDays: values.PLAN_DAYS,
    notificationDays: values.NOTIFICATION_DAYS,
    idempotencyDays: values.IDEMPOTENCY_DAYS,
    inventoryEvery: values.INVENTORY_HOURS * 3_600_000,
    informationEvery: values.DEVICE_INFORMATION_HOURS * 3_600_000,
    questionDeadline: 3 * 86_400_000,
    pushAgainAfter: values.DEVICE_PUSH_MINUTES * 60_000,
    mostPushes: values.DEVICE_PUSHES,
    deviceNewsDays: values.DEVICE_NEWS_DAYS,
    deviceCommandDays: values.DEVICE_COMMAND_DAYS,
  };
}

function readFailpoint(text: string | undefined): Config['failpoint'] {
  if (!text) return null;
  const [point, hits] = text.split(':');
  return { point: point as Failpoint, hits: Number(hits ?? 1) };
}
