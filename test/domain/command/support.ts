/** An organization with devices behind an MDM server of its own, without Apple. @module */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Database, openDatabase } from '../../../src/db/client.ts';
import { createOrganization } from '../../../src/domain/access/create-organization.ts';
import { type KeyActor, type Scope, scopes } from '../../../src/domain/actor.ts';
import { type Context, type Services, type Settings, systemContext } from '../../../src/domain/context.ts';
import { driveDevices } from '../../../src/domain/device-news/drive.ts';
import { createDeviceIntake, type DeviceIntake } from '../../../src/domain/device-news/receive.ts';
import { mdmSecretRow } from '../../../src/domain/mdm/secrets.ts';
import type { DeviceNews } from '../../../src/domain/mdm-ports.ts';
import { createKeyRing } from '../../../src/domain/token/key-ring.ts';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';
import type { MdmKind } from '../../../src/generated/prisma/enums.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { createTestDatabase } from '../../support/database.ts';
import { recordLocks } from '../../support/lock-recorder.ts';
import { testSettings } from '../../support/world.ts';
import { createFakeMdm } from './fake-mdm.ts';

/** The world of one test file. */
export interface DeviceWorld {
  clock: VirtualClock;
  database: Database;
  services: Services;
  intake: DeviceIntake;
  /** Another organization with a connection. */
  organization(kind?: MdmKind): Promise<Organization>;
  close(): Promise<void>;
}

/** One organization. */
export interface Organization {
  organizationId: bigint;
  connectionId: bigint;
  context: Context;
  /** A key with all rights, or these. */
  as(some?: readonly Scope[]): Context;
  /** Tells news and applies them. */
  hear(...news: DeviceNews[]): Promise<void>;
  drive(): Promise<void>;
  /** The ISO time that is `seconds` from now. */
  at(seconds: number): string;
}

export async function createDeviceWorld(
  more: Partial<Services> = {},
  settings: Partial<Settings> = {},
): Promise<DeviceWorld> {
  const testDatabase = await createTestDatabase();
  const database = recordLocks(
    openDatabase({ url: testDatabase.url, connections: 10, logger: silentLogger, name: 'test' }),
  );
  const clock = createVirtualClock(new Date('2026-11-24T08:00:00Z'));
  const unused = new Proxy(
    {},
    { get: (_target, name) => () => Promise.reject(new Error(`${String(name)} is unused`)) },
  );
  const services: Services = {
    prisma: database.prisma,
    pool: database.pool,
    clock,
    logger: silentLogger,
    apple: unused as never,
    metadata: unused as never,
    mdm: createFakeMdm(),
    secrets: createSecretBox(createKeyRing([{ id: 'test', bytes: randomBytes(32) }]), randomBytes(32)),
    settings: { ...testSettings, ...settings },
    failpoint: () => {},
    ...more,
  };
  const intake = createDeviceIntake(services);
  let keys = 1n;
  return {
    clock,
    database,
    services,
    intake,
    organization: async (kind = 'NANOMDM') => {
      const { organizationId } = await createOrganization(services, { name: 'Test District' });
      const webhookId = randomUUID();
      const { id: connectionId } = await database.prisma.mdmConnection.create({
        data: {
          organizationId,
          kind,
          name: 'Test MDM',
          ...(kind === 'NANOMDM' && {
            baseUrl: 'http://127.0.0.1:1',
            pathPrefix: '/v1',
            userName: 'nanomdm',
            webhookId,
            apiKeyJwe: await services.secrets
              .seal('key', mdmSecretRow(webhookId, 'api-key'))
              .then((sealed) => sealed.jwe),
          }),
          createdAt: clock.now(),
          updatedAt: clock.now(),
        },
      });
      const drive = () => driveDevices(services, organizationId, 'test');
      return {
        organizationId,
        connectionId,
        context: systemContext(services, organizationId, 'test', 'test'),
        as: (some = scopes) => ({
          ...services,
          actor: {
            kind: 'API_KEY',
            organizationId,
            apiKeyId: keys++,
            name: 'test',
            role: 'ADMINISTRATOR',
            scopes: some as KeyActor['scopes'],
          },
          correlationId: 'test',
        }),
        hear: async (...news) => {
          await intake.receive(
            { organizationId, connectionId },
            news.map((one) => ({ news: one })),
          );
          await drive();
        },
        drive,
        at: (seconds) => new Date(clock.now().getTime() + seconds * 1000).toISOString(),
      };
    },
    close: async () => {
      await database.close();
      await testDatabase.drop();
    },
  };
}
