import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transaction } from '../../../src/db/transaction.ts';
import { leaseCommands } from '../../../src/domain/command/lease.ts';
import { type NewCommand, planCommands } from '../../../src/domain/command/plan.ts';
import { cancelCommands } from '../../../src/domain/command/settle.ts';
import { refreshDevices } from '../../../src/domain/inventory/refresh.ts';
import { eventually } from '../../support/eventually.ts';
import { createDeviceWorld, type DeviceWorld, type Organization } from './support.ts';

let world: DeviceWorld;
let org: Organization;
beforeAll(async () => {
  world = await createDeviceWorld();
  org = await world.organization();
});
afterAll(() => world.close());

async function enrollment(state: 'ENROLLED' | 'GONE' = 'ENROLLED'): Promise<bigint> {
  const { organizationId, connectionId } = org;
  const row = await world.database.prisma.enrollment.create({
    data: { organizationId, connectionId, enrollmentId: crypto.randomUUID(), state },
  });
  return row.id;
}

const soon = (): Pick<NewCommand, 'dueAt' | 'deadlineAt'> => ({
  dueAt: world.clock.now(),
  deadlineAt: new Date(world.clock.now().getTime() + 3_600_000),
});
const plan = (...commands: NewCommand[]) =>
  transaction(world.services, (tx) => planCommands(org.context, tx, commands));
const install = (enrollmentId: bigint, appId: bigint): NewCommand => ({
  enrollmentId,
  appId,
  request: { kind: 'INSTALL_APP', adamId: String(appId), takeOver: true, removable: null },
  ...soon(),
});

describe('S28 commands are written down', () => {
  test('S28 one open app command for each device and app; questions that have not left are asked once; a device that is gone is told nothing', async () => {
    const [here, there, gone] = [await enrollment(), await enrollment(), await enrollment('GONE')];
    const list: NewCommand = {
      enrollmentId: here,
      request: { kind: 'LIST_INSTALLED_APPS', bundleIds: null },
      ...soon(),
    };
    const planned = await plan(
      install(here, 1n),
      install(there, 1n),
      install(here, 1n),
      list,
      list,
      install(gone, 1n),
      {
        ...list,
        request: { kind: 'LIST_INSTALLED_APPS', bundleIds: ['a'] },
      },
    );
    expect(planned.map(({ outcome }) => outcome)).toEqual([
      'PLANNED',
      'PLANNED',
      'APP_BUSY',
      'PLANNED',
      'JOINED',
      'GONE',
      'PLANNED',
    ]);
    expect(planned[2]!.commandId).toBe(planned[0]!.commandId);
    expect(planned[4]!.commandId).toBe(planned[3]!.commandId);
    const later = { ...list, dueAt: new Date(world.clock.now().getTime() - 1_000) };
    const [joined] = await plan(later);
    const row = await world.database.prisma.deviceCommand.findFirstOrThrow({ where: { id: joined!.commandId! } });
    expect(row.dueAt).toEqual(later.dueAt);
    expect(await plan({ ...install(here, 1n), request: { kind: 'REMOVE_APP', bundleId: 'x' } })).toEqual([
      { outcome: 'APP_BUSY', commandId: planned[0]!.commandId },
    ]);
  });

  test('S28 a command that leaves while it is taken back has left', async () => {
    const [planned] = await plan(install(await enrollment(), 1n));
    const { pool } = world.database;
    const sender = await pool.connect();
    await sender.query('BEGIN');
    await sender.query("UPDATE device_command SET state = 'SENT', uuid = gen_random_uuid() WHERE id = $1", [
      planned!.commandId,
    ]);
    const taken = transaction(world.services, (tx) => cancelCommands(org.context, tx, [planned!.commandId!]));
    const waits = () =>
      pool.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%device_command%'",
      );
    const waited = await eventually(async () => (await waits()).rowCount === 1, 3_000);
    await sender.query('COMMIT');
    sender.release();
    expect(await taken).toEqual([]);
    expect(waited).toBe(true);
    const row = await world.database.prisma.deviceCommand.findFirstOrThrow({ where: { id: planned!.commandId! } });
    expect(row.state).toBe('SENT');
  });

  test('S28 news are stored before they are answered, and the same message twice is kept once', async () => {
    const { organizationId, connectionId } = org;
    const at = org.at(-1);
    const idle = { enrollmentId: 'U1', type: 'DEVICE' as const, kind: 'IDLE' as const };
    await Promise.all(
      [
        { news: { ...idle, at } },
        { news: { ...idle, at } },
        { news: { ...idle, at }, key: 'body' },
        { news: { ...idle, at: org.at(-2) }, key: 'body' },
        { news: idle },
        { news: idle },
      ].map((told) => world.intake.receive({ organizationId, connectionId }, [told])),
    );
    expect(await world.database.prisma.deviceNews.count({ where: { organizationId } })).toBe(4);
    const connection = await world.database.prisma.mdmConnection.findFirstOrThrow({ where: { id: connectionId } });
    expect(connection.heardAt).toEqual(world.clock.now());
  });
});

const questions = ['DEVICE_INFORMATION', 'LIST_INSTALLED_APPS', 'LIST_MANAGED_APPS'];

describe('S28 devices are asked when somebody wants to know', () => {
  const device = async ({ organizationId, connectionId }: Organization, state?: 'ENROLLED' | 'GONE') => {
    const { prisma } = world.database;
    const serialNumber = crypto.randomUUID().toUpperCase();
    const at = world.clock.now();
    const { id } = await prisma.device.create({
      data: { organizationId, serialNumber, serialOriginal: serialNumber, createdAt: at, updatedAt: at },
    });
    const enrollmentId = crypto.randomUUID();
    if (state)
      await prisma.enrollment.create({ data: { organizationId, connectionId, enrollmentId, deviceId: id, state } });
    return id;
  };
  const asked = (deviceIds: bigint[]) =>
    world.database.prisma.deviceCommand.findMany({ where: { deviceId: { in: deviceIds } }, orderBy: { id: 'asc' } });

  test('S28 each is asked everything, once however often that is wanted, and who sends is woken', async () => {
    const own = await world.organization();
    const deviceIds = [await device(own, 'ENROLLED'), await device(own, 'ENROLLED')];
    const input = { deviceIds: [...deviceIds, deviceIds[0]!] };
    expect(await refreshDevices(own.as(['devices:write']), input)).toEqual({ planned: 6, joined: 0 });
    expect(await refreshDevices(own.as(), input)).toEqual({ planned: 0, joined: 6 });
    const key = `devices:${own.organizationId}`;
    const { rows } = await world.database.pool.query('SELECT 1 FROM graphile_worker.jobs WHERE key = $1', [key]);
    expect(rows).toHaveLength(1);
    const where = { organizationId: own.organizationId, action: 'device.refresh' };
    expect(await world.database.prisma.auditEntry.count({ where })).toBe(2);
    await own.drive();
    const commands = await asked(deviceIds);
    expect(commands.map(({ kind }) => kind)).toEqual([...questions, ...questions]);
    expect(new Set(commands.map(({ state }) => state))).toEqual(new Set(['QUEUED']));
    expect(await refreshDevices(own.as(), input), 'their answers are waited for').toEqual({ planned: 0, joined: 6 });
  });

  test('S28 whoever leases commands is given the questions too', async () => {
    const leasing = await world.organization('GRAPHQL');
    await refreshDevices(leasing.as(), { deviceIds: [await device(leasing, 'ENROLLED')] });
    const leased = await leaseCommands(leasing.as(), { first: 10, seconds: 60 }, async () => {});
    expect(leased.map(({ request }) => request.kind)).toEqual(questions);
  });

  test('S28 one that is unknown, of others or not enrolled refuses them all; so does the want of an MDM server, or of the right', async () => {
    const own = await world.organization();
    const here = await device(own, 'ENROLLED');
    const refused = async (code: string, ...others: bigint[]) => {
      const answer = refreshDevices(own.as(), { deviceIds: [here, ...others] });
      await expect(answer).rejects.toMatchObject({ code });
      expect(await asked([here, ...others])).toEqual([]);
    };
    await refused('UNKNOWN_DEVICE', await device(org, 'ENROLLED'));
    await refused('DEVICE_NOT_ENROLLED', await device(own, 'GONE'));
    await refused('DEVICE_NOT_ENROLLED', await device(own));
    await refused('INVALID_INPUT', ...Array.from({ length: 1_000 }, (_, index) => BigInt(1_000_000 + index)));
    const reader = refreshDevices(own.as(['devices:read', 'licenses:write']), { deviceIds: [here] });
    await expect(reader).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const removedAt = world.clock.now();
    await world.database.prisma.mdmConnection.updateMany({ where: { id: own.connectionId }, data: { removedAt } });
    await refused('MDM_NOT_CONNECTED');
  });
});
