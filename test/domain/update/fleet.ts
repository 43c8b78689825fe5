/**
 * A fleet as its rows: devices with apps, licenses and a store. Updates, operations and the ends of commands are the real
 * ones; only what an MDM server carries is done by hand, so that tests of updates need neither one nor Apple. The clock is
 * virtual.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { type Database, openDatabase } from '../../../src/db/client.ts';
import { ids, moment, sql, texts, transaction } from '../../../src/db/transaction.ts';
import { createOrganization } from '../../../src/domain/access/create-organization.ts';
import { type Scope, scopes } from '../../../src/domain/actor.ts';
import { endCommands, type Verdict } from '../../../src/domain/command/settle.ts';
import { type Context, type Services, systemContext } from '../../../src/domain/context.ts';
import { advanceOperations } from '../../../src/domain/operation/advance.ts';
import { confirmOperations } from '../../../src/domain/operation/confirm.ts';
import { driveOperations } from '../../../src/domain/operation/dispatch.ts';
import { lockConnection } from '../../../src/domain/operation/lock-connection.ts';
import { runUpdates } from '../../../src/domain/update/run.ts';
import { wakeUpdates } from '../../../src/domain/update/wake.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { createTestDatabase } from '../../support/database.ts';
import { recordLocks } from '../../support/lock-recorder.ts';
import { testSettings } from '../../support/world.ts';

/** What becomes of an update that a device was given: TIMED_OUT never answers. */
export type Fate = 'DONE' | 'UNCHANGED' | 'FAILED' | 'TIMED_OUT';

const loading = { errors: [], app: { bundleId: null, state: 'Installing', rejectionReason: null } };
const declined = { errors: [{ domain: 'MCMDMErrorDomain', number: 12063, message: 'declined' }] };
const answers: Record<Exclude<Fate, 'TIMED_OUT'>, Omit<Verdict, 'commandId' | 'at'>> = {
  DONE: { state: 'ACKNOWLEDGED', result: loading },
  UNCHANGED: { state: 'ACKNOWLEDGED', result: loading },
  FAILED: { state: 'FAILED', result: declined },
};

/** A fleet and what can be done with it. */
export interface Fleet {
  clock: VirtualClock;
  database: Database;
  organizationId: bigint;
  services: Services;
  admin: Context;
  as(...scopes: Scope[]): Context;
  /** New devices, enrolled. */
  devices(
    count: number,
    like?: { family?: string; osVersion?: string | null; timeZone?: string | null },
  ): Promise<bigint[]>;
  /** An app whose store has `version`. */
  app(
    version: string,
    store?: { minimumOs?: string; families?: string[]; storefront?: string; platform?: string },
  ): Promise<bigint>;
  /** The store has another version from now on. */
  release(appId: bigint, version: string): Promise<void>;
  /** The devices have the app, with a license. */
  install(
    appId: bigint,
    deviceIds: readonly bigint[],
    version: string | null,
    hasUpdate?: boolean | null,
  ): Promise<void>;
  /** One step of the updates at the clock's time. */
  step(): Promise<void>;
  /** Commands leave for the devices that are there; these answer, and `fate` decides what becomes of an update. */
  answer(
    fate?: (deviceId: bigint, appId: bigint) => Fate | null,
    online?: (deviceId: bigint) => boolean,
  ): Promise<void>;
  /** Steps and answers, `seconds` apart, until nothing is under way; at most `steps` times. Gives the most that was under way. */
  settle(fate?: (deviceId: bigint, appId: bigint) => Fate | null, seconds?: number, steps?: number): Promise<number>;
  /** Moves the clock to when the updates are due next. */
  toNext(): Promise<void>;
  close(): Promise<void>;
}

let last = 0;

/** Makes one, on a Tuesday morning. */
export async function createFleet(start = '2026-11-24T08:00:00Z'): Promise<Fleet> {
  const test = await createTestDatabase();
  const database = recordLocks(openDatabase({ url: test.url, connections: 6, logger: silentLogger, name: 'test' }));
  const clock = createVirtualClock(new Date(start));
  const services = {
    prisma: database.prisma,
    pool: database.pool,
    clock,
    logger: silentLogger,
    settings: testSettings,
  } as unknown as Services;
  const { organizationId } = await createOrganization(services, { name: 'Fleet District' });
  const system = systemContext(services, organizationId, 'test', 'test');
  const { prisma } = database;
  const run = (statement: Parameters<typeof prisma.$executeRaw>[0]) => prisma.$executeRaw(statement as never);
  const now = () => moment(clock.now());
  const [token] = await prisma.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO token (organization_id, u_id, mdm_id, label, email, region, account_type, organization_name, position, expires_at, created_at)
    VALUES (${organizationId}, '1', ${randomUUID()}::uuid, 'Own', 'it@example.org', 'US', 'EDUCATION', 'Fleet', 0, '2036-01-01', ${now()}) RETURNING id`);
  const tokenId = token!.id;
  const [connection] = await prisma.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO mdm_connection (organization_id, kind, name, created_at, updated_at) VALUES (${organizationId}, 'GRAPHQL', 'Other', ${now()}, ${now()}) RETURNING id`);
  const as = (...some: Scope[]): Context => ({
    ...services,
    actor: { kind: 'API_KEY', organizationId, apiKeyId: 1n, name: 'test', role: 'ADMINISTRATOR', scopes: some },
    correlationId: 'test',
  });

  const store = (
    appId: bigint,
    version: string,
    { minimumOs, families, storefront, platform }: NonNullable<Parameters<Fleet['app']>[1]>,
  ) =>
    run(sql`
      INSERT INTO app_metadata (organization_id, app_id, storefront, platform, external_version_id, version, minimum_os_version, device_families, fetched_at)
      VALUES (${organizationId}, ${appId}, ${storefront ?? 'US'}, ${platform ?? 'ios'}, ${version}, ${`v${version}`}, ${minimumOs ?? null}, ${texts(families ?? [])}, ${now()})
      ON CONFLICT (organization_id, app_id, storefront, platform) DO UPDATE SET external_version_id = excluded.external_version_id, fetched_at = excluded.fetched_at`);

  const fleet: Fleet = {
    clock,
    database,
    organizationId,
    services,
    as,
    admin: as(...scopes),
    devices: async (count, { family = 'IPAD', osVersion = '17.4.1', timeZone = null } = {}) => {
      const first = last + 1;
      last += count;
      const rows = await prisma.$queryRaw<{ id: bigint }[]>(sql`
        INSERT INTO device (organization_id, serial_number, serial_original, name, family, os_version, origin, created_at, updated_at)
        SELECT ${organizationId}, 'U' || n, 'U' || n, 'Cart ' || n, ${family}::"DeviceFamily", ${osVersion}, 'LIST', ${now()}, ${now()}
        FROM generate_series(${first}::int, ${last}::int) AS n RETURNING id`);
      const deviceIds = rows.map((row) => row.id);
      await run(sql`
        INSERT INTO enrollment (organization_id, connection_id, enrollment_id, state, device_id, time_zone, enrolled_at, last_seen_at, listed_at)
        SELECT ${organizationId}, ${connection!.id}, 'udid-' || d.id, 'ENROLLED', d.id, ${timeZone}, ${now()}, ${now()}, ${now()} FROM unnest(${ids(deviceIds)}) AS d(id)`);
      return deviceIds;
    },
    app: async (version, like = {}) => {
      last += 1;
      const [app] = await prisma.$queryRaw<{ id: bigint }[]>(sql`
        INSERT INTO app (organization_id, adam_id, product_type, status, first_seen_at, name, bundle_id, platforms, device_families)
        VALUES (${organizationId}, ${String(last)}, 'APP', 'RELEASE', ${now()}, ${`App ${last}`}, ${`example.app${last}`}, '{iOS}', '{}') RETURNING id`);
      await run(sql`
        INSERT INTO license_pool (organization_id, token_id, app_id, adam_id, pricing_param, total, unlimited, device_assignable, revocable, supported_platforms,
          apple_assigned, apple_available, apple_as_of)
        VALUES (${organizationId}, ${tokenId}, ${app!.id}, ${String(last)}, 'STDQ', 1000000, false, true, true, '{iOS}', 0, 1000000, ${now()})`);
      await store(app!.id, version, like);
      return app!.id;
    },
    release: async (appId, version) => {
      await store(appId, version, {});
    },
    install: async (appId, deviceIds, version, hasUpdate = null) => {
      await run(sql`
        INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, state, source, started_at, changed_at)
        SELECT p.organization_id, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, d.serial_number, d.id, 'CONFIRMED', 'EXTERNAL', ${now()}, ${now()}
        FROM license_pool p JOIN device d ON d.organization_id = p.organization_id AND d.id = ANY (${ids(deviceIds)})
        WHERE p.organization_id = ${organizationId} AND p.app_id = ${appId}`);
      await run(sql`
        INSERT INTO installed_app (organization_id, device_id, bundle_id, app_id, external_version_id, has_update, changed_at)
        SELECT ${organizationId}, d.id, a.bundle_id, a.id, ${version}, ${hasUpdate}, ${now()} FROM app a CROSS JOIN unnest(${ids(deviceIds)}) AS d(id)
        WHERE a.organization_id = ${organizationId} AND a.id = ${appId}`);
      await prisma.$transaction((tx) => wakeUpdates(tx, organizationId, deviceIds));
    },
    step: () => runUpdates(services, { organizationId }, 'test'),
    answer: async (fate = () => 'DONE', online = () => true) => {
      await driveOperations(system, organizationId);
      const open = await prisma.deviceCommand.findMany({ where: { organizationId, endedAt: null } });
      const late = open.filter(({ state, notAfter }) => state === 'PLANNED' && notAfter && notAfter <= clock.now());
      const there = open.filter((command) => !late.includes(command) && online(command.deviceId!));
      const verdicts = there.flatMap((command): Verdict[] => {
        const end = command.kind === 'INSTALL_APP' ? fate(command.deviceId!, command.appId!) : 'DONE';
        return end === null || end === 'TIMED_OUT' ? [] : [{ commandId: command.id, at: clock.now(), ...answers[end] }];
      });
      for (const { id } of late) verdicts.push({ commandId: id, at: clock.now(), state: 'CANCELLED' });
      await transaction(services, async (tx) => {
        await lockConnection(tx, organizationId);
        await tx.$executeRaw(sql`
          UPDATE device_command SET state = 'QUEUED', uuid = gen_random_uuid(), sends = 1, sent_at = ${now()}
          WHERE organization_id = ${organizationId} AND state = 'PLANNED' AND id = ANY (${ids(there.map(({ id }) => id))})`);
        const ended = await endCommands(system, tx, verdicts);
        await advanceOperations(system, tx, ended);
        const done = ended.filter((one) => one.kind === 'INSTALL_APP' && fate(one.deviceId!, one.appId!) === 'DONE');
        await tx.$executeRaw(sql`
          UPDATE installed_app a SET external_version_id = coalesce(o.target_version, 'newer'), has_update = CASE WHEN a.has_update IS NOT NULL THEN false END
          FROM app_operation o WHERE o.organization_id = ${organizationId} AND o.id = ANY (${ids(done.map((one) => one.operationId!))})
            AND a.organization_id = o.organization_id AND a.device_id = o.device_id AND a.app_id = o.app_id`);
        const deviceIds = [...new Set(ended.map(({ deviceId }) => deviceId!))];
        await confirmOperations(system, tx, deviceIds);
        await wakeUpdates(tx, organizationId, deviceIds);
      });
      if (late.length > 0) await driveOperations(system, organizationId);
    },
    settle: async (fate, seconds = 30, steps = 2_000) => {
      let most = 0;
      for (let n = 0; n < steps; n++) {
        await fleet.step();
        const open = await prisma.updateRun.count({ where: { organizationId, endedAt: null } });
        if (open === 0) return most;
        most = Math.max(most, await prisma.updateItem.count({ where: { organizationId, state: 'SENT' } }));
        await fleet.answer(fate);
        await clock.advance(seconds * 1_000);
      }
      throw new Error('runs did not end');
    },
    toNext: async () => {
      const { dueAt } = await prisma.updateSchedule.findUniqueOrThrow({ where: { organizationId } });
      await clock.set(new Date(Math.max(dueAt?.getTime() ?? 0, clock.now().getTime() + 30_000)));
    },
    close: async () => {
      await database.close();
      await test.drop();
    },
  };
  return fleet;
}
