import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transaction } from '../../../src/db/transaction.ts';
import { type NewCommand, planCommands } from '../../../src/domain/command/plan.ts';
import { cancelCommands } from '../../../src/domain/command/settle.ts';
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
