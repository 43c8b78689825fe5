/** A running API on a database of its own, and people who may use it. @module */
import { randomBytes } from 'node:crypto';
import { openDatabase } from '../../../src/db/client.ts';
import { createApiKey } from '../../../src/domain/access/create-api-key.ts';
import { createOrganization } from '../../../src/domain/access/create-organization.ts';
import type { Role, Scope } from '../../../src/domain/actor.ts';
import { type Services, systemContext } from '../../../src/domain/context.ts';
import { createKeyRing } from '../../../src/domain/token/key-ring.ts';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';
import type { Streams } from '../../../src/graphql/ports.ts';
import { createMetrics } from '../../../src/http/metrics/registry.ts';
import type { HttpLimits } from '../../../src/http/options.ts';
import { createHttpServer } from '../../../src/http/server.ts';
import { createVirtualClock, systemClock, type VirtualClock } from '../../../src/lib/clock.ts';
import type { Logger } from '../../../src/lib/logger.ts';
import { createRealtime } from '../../../src/realtime/index.ts';
import { createTestDatabase } from '../../support/database.ts';

/** Any answer to an operation. */
export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  data?: any;
  errors?: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

/** A line that was logged. */
export interface LogLine {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

export interface TestApi {
  url: string;
  socketUrl: string;
  services: Services;
  clock: VirtualClock;
  log: LogLine[];
  /** Makes an organization. */
  organization(name?: string): Promise<bigint>;
  /** Makes a key of the organization. */
  key(organizationId: bigint, role?: Role, scopes?: Scope[]): Promise<string>;
  /** Sends an operation by POST. */
  ask(key: string, query: string, variables?: Record<string, unknown>): Promise<Answer>;
  /** Sends a request as it is. */
  send(init: RequestInit & { path?: string }): Promise<Response>;
  close(): Promise<void>;
}

export interface TestApiOptions {
  /** Real streams, fed by the database. */
  realtime?: boolean;
  streams?: Partial<Streams>;
  limits?: Partial<HttpLimits>;
  graphiql?: boolean;
  metricsToken?: string;
}

/** A stream that ends at once. */
export function noNews(): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) };
}

function recordingLogger(log: LogLine[], bound: object = {}): Logger {
  const level = (name: string) => (fields: object, message: string) => {
    log.push({ level: name, fields: { ...bound, ...fields }, message });
  };
  return {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
    child: (fields) => recordingLogger(log, { ...bound, ...fields }),
  };
}

/** A part that no test of the edge may reach. */
const unreachable = new Proxy(
  {},
  { get: (_target, name) => () => Promise.reject(new Error(`${String(name)} was called`)) },
);

/** Starts an API with an empty database. The clock stands at 2026-03-01. */
export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const testDatabase = await createTestDatabase();
  const log: LogLine[] = [];
  const logger = recordingLogger(log);
  const database = openDatabase({ url: testDatabase.url, connections: 8, logger, name: 'api test' });
  const clock = createVirtualClock(new Date('2026-03-01T12:00:00.000Z'));
  const services: Services = {
    prisma: database.prisma,
    pool: database.pool,
    clock,
    logger,
    apple: unreachable as Services['apple'],
    metadata: unreachable as Services['metadata'],
    mdm: unreachable as Services['mdm'],
    secrets: createSecretBox(createKeyRing([{ id: 'test', bytes: randomBytes(32) }]), randomBytes(32)),
    settings: {
      mode: 'SANDBOX',
      holderName: 'Russet',
      holderMetadata: 'test',
      publicUrl: null,
      checkWebhookEvery: 3_600_000,
      firstPollWhenLive: 300_000,
      firstPollAfter: 500,
      pollEvery: 500,
      pendingLimit: 60_000,
      unknownOutcomeWait: 1000,
      expiringDays: 30,
      renewalWait: 86_400_000,
      planDays: 30,
      shortageWait: 30 * 86_400_000,
      metadataEvery: 86_400_000,
      fullSyncEvery: 86_400_000,
      reconcileHour: null,
      metadataApps: 1_000,
      taskEventDays: 30,
      taskDays: 396,
      notificationDays: 396,
      idempotencyDays: 7,
      inventoryEvery: 86_400_000,
      informationEvery: 86_400_000,
      questionDeadline: 3 * 86_400_000,
      pushAgainAfter: 900_000,
      mostPushes: 5,
      deviceNewsDays: 7,
      deviceCommandDays: 90,
      lingerFor: 0,
      noticeDays: [60, 30, 15, 7, 1],
      probeEvery: 21_600_000,
      installationId: null,
    },
    failpoint: () => {},
  };
  const realtime = options.realtime
    ? await createRealtime({ database, clock: systemClock, logger, limits: { pace: 0 } })
    : null;
  const streams: Streams = {
    taskProgress: noNews,
    tasks: noNews,
    licenseCounts: noNews,
    tokenNotices: noNews,
    deviceCommands: noNews,
    ...realtime?.tasks,
    ...realtime?.counts,
    ...realtime?.notices,
    ...realtime?.commands,
    ...options.streams,
  };
  const server = createHttpServer({
    services,
    streams,
    version: '0.0.0-test',
    ...(realtime ? { keyNews: realtime.keys, answerMemory: { news: realtime.library, rememberFor: 10_000 } } : {}),
    ...(options.graphiql === undefined ? {} : { graphiql: options.graphiql }),
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.metricsToken
      ? {
          metrics: {
            metrics: createMetrics({ services, version: '0.0.0-test', name: 'api' }),
            token: options.metricsToken,
          },
        }
      : {}),
  });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const send: TestApi['send'] = ({ path = '/graphql', ...init }) => fetch(`${url}${path}`, init);
  return {
    url,
    socketUrl: `ws://127.0.0.1:${port}/graphql`,
    services,
    clock,
    log,
    organization: async (name = 'Example School') => (await createOrganization(services, { name })).organizationId,
    key: async (organizationId, role = 'ADMINISTRATOR', scopes) => {
      const context = systemContext(services, organizationId, 'test', 'test');
      return (await createApiKey(context, { name: `${role} of the tests`, role, scopes: scopes ?? null })).key;
    },
    ask: async (key, query, variables) => {
      const response = await send(jsonRequest(key, { query, variables }));
      return (await response.json()) as Answer;
    },
    send,
    close: async () => {
      await server.close();
      await realtime?.close();
      await database.close();
      await testDatabase.drop();
    },
  };
}

/** A POST of an operation. */
export function jsonRequest(key: string | null, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify(body),
  };
}
