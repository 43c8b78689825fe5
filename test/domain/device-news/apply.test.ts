import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { presentConnection } from '../../../src/domain/mdm/find.ts';
import { readSetAside, settleSetAside } from '../../../src/domain/mdm/set-aside.ts';
import type { DeviceApp, DeviceNews } from '../../../src/domain/mdm-ports.ts';
import { eventually } from '../../support/eventually.ts';
import { createDeviceWorld, type DeviceWorld, type Organization } from '../command/support.ts';

let world: DeviceWorld;
let org: Organization;
beforeAll(async () => {
  world = await createDeviceWorld();
  org = await world.organization();
});
afterAll(() => world.close());

type Bare<News> = News extends DeviceNews ? Omit<News, 'enrollmentId' | 'type'> : never;
const of = (enrollmentId: string, seconds: number, news: Bare<DeviceNews>): DeviceNews =>
  ({ enrollmentId, type: 'DEVICE', at: org.at(seconds), ...news }) as DeviceNews;
const enrollment = (enrollmentId: string) =>
  world.database.prisma.enrollment.findFirstOrThrow({ where: { enrollmentId }, include: { device: true } });
const authenticated = (serialNumber: string) => ({
  kind: 'AUTHENTICATED' as const,
  facts: { serialNumber, osVersion: '26.1', productName: 'iPad13,18', modelName: 'iPad', name: 'Told name' },
});
const reachable = { kind: 'REACHABLE' as const, fresh: true, awaitingConfiguration: false };

async function command(enrollmentId: bigint, more: object = {}): Promise<{ id: bigint; uuid: string }> {
  const uuid = randomUUID();
  const { id } = await world.database.prisma.deviceCommand.create({
    data: {
      organizationId: org.organizationId,
      connectionId: org.connectionId,
      enrollmentId,
      generation: 1,
      kind: 'LIST_INSTALLED_APPS',
      request: { kind: 'LIST_INSTALLED_APPS', bundleIds: null },
      state: 'QUEUED',
      uuid,
      sentAt: world.clock.now(),
      createdAt: world.clock.now(),
      deadlineAt: new Date(world.clock.now().getTime() + 3_600_000),
      ...more,
    },
  });
  return { id, uuid };
}
const stateOf = async (id: bigint) =>
  (await world.database.prisma.deviceCommand.findFirstOrThrow({ where: { id } })).state;
const app = (bundleId: string, version = '1'): DeviceApp => ({
  bundleId,
  name: bundleId,
  version,
  shortVersion: version,
  externalVersionId: version,
  hasUpdate: false,
  deviceLicense: true,
  installing: false,
  downloadFailed: false,
});

describe('S28 enrollments', () => {
  test('S28 a device is met by its serial number and joined to the one on the list; what it tells wins; its goodbye ends that', async () => {
    await upsertDevices(org.as(), { devices: [{ serialNumber: 'LISTED1', name: 'Listed name', osVersion: '17.0' }] });
    await org.hear(
      of('U-L', -9, authenticated('listed1')),
      of('U-N', -9, authenticated('NEW1')),
      of('U-L', -8, reachable),
    );
    const [listed, fresh] = [await enrollment('U-L'), await enrollment('U-N')];
    expect(listed.state).toBe('ENROLLED');
    expect(fresh.state).toBe('ENROLLING');
    expect(listed.device).toMatchObject({
      serialNumber: 'LISTED1',
      name: 'Told name',
      osVersion: '26.1',
      family: 'IPAD',
      origin: 'LIST',
    });
    expect(fresh.device).toMatchObject({ serialNumber: 'NEW1', model: 'iPad13,18', origin: 'MDM' });
    const kept = await upsertDevices(org.as(), {
      devices: [{ serialNumber: 'LISTED1', name: 'Listed name', osVersion: '17.0' }],
    });
    expect(kept.managedByMdm).toEqual([listed.deviceId]);
    expect((await enrollment('U-L')).device).toMatchObject({ name: 'Told name', osVersion: '26.1' });
    await org.hear(of('U-L', -7, { kind: 'CHECKED_OUT' }));
    expect((await enrollment('U-L')).state).toBe('GONE');
    await upsertDevices(org.as(), { devices: [{ serialNumber: 'LISTED1', name: 'Listed name' }] });
    expect((await enrollment('U-L')).device).toMatchObject({ name: 'Listed name', osVersion: '26.1' });
  });

  test('S28 a user enrollment tells no serial number and is tied to no device', async () => {
    await org.hear({ enrollmentId: 'E-1', type: 'USER', at: org.at(-5), ...reachable });
    expect(await enrollment('E-1')).toMatchObject({ type: 'USER', state: 'ENROLLED', deviceId: null });
  });

  test("S28 the channel of a device's user is asked nothing, whatever is due", async () => {
    await org.hear({ enrollmentId: 'E-2', type: 'USER', at: org.at(-5), ...reachable });
    const quiet = await enrollment('E-2');
    expect(quiet).toMatchObject({ informationDueAt: null, listDueAt: null });
    const { organizationId, id } = quiet;
    await world.database.prisma.enrollment.updateMany({
      where: { organizationId, id },
      data: { informationDueAt: world.clock.now(), listDueAt: world.clock.now() },
    });
    await org.drive();
    expect(await enrollment('E-2')).toMatchObject({ informationDueAt: null, listDueAt: null });
    expect(await world.database.prisma.deviceCommand.count({ where: { enrollmentId: id } })).toBe(0);
  });

  test.each([
    ['a goodbye', [], { kind: 'CHECKED_OUT' }],
    ['a return', [{ kind: 'CHECKED_OUT' }], { kind: 'IDLE' }],
  ] as [string, Bare<DeviceNews>[], Bare<DeviceNews>][])(
    'S28 %s changes the list of devices, so it waits for whoever writes the list',
    async (_what, before, news) => {
      const id = `U-W${before.length}`;
      await org.hear(of(id, -60, authenticated(`WAITS${before.length}`)), of(id, -59, reachable));
      await org.hear(...before.map((one) => of(id, -50, one)));
      const { pool } = world.database;
      const writer = await pool.connect();
      await writer.query('BEGIN');
      await writer.query(`SELECT 1 FROM organization WHERE id = ${org.organizationId} FOR NO KEY UPDATE`);
      const heard = org.hear(of(id, -1, news));
      const waits = () =>
        pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM organization%'`,
        );
      const waited = await eventually(async () => (await waits()).rowCount === 1, 3_000);
      await writer.query('COMMIT');
      writer.release();
      await heard;
      expect(waited).toBe(true);
      expect((await enrollment(id)).state).toBe(before.length === 0 ? 'GONE' : 'ENROLLED');
    },
  );

  test('S28 a device that enrolls under a new id leaves the old one, and may come back', async () => {
    await org.hear(of('U-O1', -30, authenticated('MOVES')), of('U-O1', -29, reachable));
    await org.hear(of('U-O2', -20, authenticated('MOVES')), of('U-O2', -19, reachable));
    expect(await enrollment('U-O1')).toMatchObject({ state: 'GONE' });
    expect((await enrollment('U-O2')).device!.serialNumber).toBe('MOVES');
    await org.hear(of('U-O1', -10, { kind: 'IDLE' }));
    expect((await enrollment('U-O1')).device!.serialNumber).toBe('MOVES');
    expect(await enrollment('U-O2')).toMatchObject({ state: 'GONE' });
  });

  test('S28 an answer that the device repeats casts doubt on what waited behind it: LOST unless it is heard of', async () => {
    await org.hear(of('U-K', -60, authenticated('REPEATS')), of('U-K', -59, reachable));
    const { id } = await enrollment('U-K');
    const { prisma } = world.database;
    const row = (one: { id: bigint }) => prisma.deviceCommand.findFirstOrThrow({ where: { id: one.id } });
    await prisma.enrollment.updateMany({ where: { id }, data: { listDueAt: null, informationDueAt: null } });
    await prisma.deviceCommand.updateMany({
      where: { enrollmentId: id },
      data: { state: 'CANCELLED', endedAt: new Date(org.at(-55)) },
    });
    const kind = (kind: string) => ({
      kind,
      request: { kind, ...(kind === 'DEVICE_INFORMATION' ? {} : { bundleIds: null }) },
    });
    const sentAt = new Date(org.at(-50));
    const answered = await command(id, { sentAt });
    const silent = await command(id, { ...kind('DEVICE_INFORMATION'), sentAt });
    const answers = await command(id, { ...kind('LIST_MANAGED_APPS'), sentAt });
    const busy = await command(id, { request: { kind: 'LIST_INSTALLED_APPS', bundleIds: ['a'] }, sentAt });
    const since = await command(id, {
      request: { kind: 'LIST_INSTALLED_APPS', bundleIds: ['b'] },
      sentAt: new Date(org.at(-20)),
    });
    const answer = (to: { uuid: string }, seconds: number) =>
      of('U-K', seconds, { kind: 'ANSWERED', commandUuid: to.uuid, status: 'ACKNOWLEDGED', result: { errors: [] } });
    // The same event twice, told in other words, is no repeat.
    await org.hear(answer(answered, -40));
    await org.hear({
      ...answer(answered, -40),
      result: { errors: [{ domain: 'x', number: 1, message: '' }] },
    } as DeviceNews);
    expect((await row(silent)).forgottenAt).toBeNull();
    await org.hear(answer(answered, -30));
    const doubted = (await row(silent)).forgottenAt;
    expect(doubted).toEqual(expect.any(Date));
    expect([await row(answers), await row(busy), await row(since)].map((one) => one.forgottenAt)).toEqual([
      doubted,
      doubted,
      null,
    ]);
    await org.hear(answer(answers, -29), of('U-K', -28, { kind: 'NOT_NOW', commandUuid: busy.uuid }));
    await prisma.deviceCommand.updateMany({ where: { id: silent.id }, data: { forgottenAt: world.clock.now() } });
    await prisma.enrollment.updateMany({ where: { id }, data: { informationDueAt: null } });
    await org.drive();
    expect(await row(silent)).toMatchObject({
      state: 'LOST',
      answer: { refusal: expect.stringContaining('key-value') },
    });
    expect(await Promise.all([answers, busy, since].map((one) => stateOf(one.id)))).toEqual([
      'ACKNOWLEDGED',
      'QUEUED',
      'QUEUED',
    ]);
    // It is asked anew, and what was thought lost may be answered nevertheless.
    expect(
      await prisma.deviceCommand.count({ where: { enrollmentId: id, kind: 'DEVICE_INFORMATION', endedAt: null } }),
    ).toBe(1);
    await org.hear(answer(silent, -1));
    expect(await stateOf(silent.id)).toBe('ACKNOWLEDGED');
  });

  test('S28 enrolling anew loses what was sent before, keeps what waits and what was sent since', async () => {
    await org.hear(of('U-R', -60, authenticated('RENEWS')), of('U-R', -59, reachable));
    const { id } = await enrollment('U-R');
    const before = await command(id, { sentAt: new Date(org.at(-50)) });
    const since = await command(id, { sentAt: new Date(org.at(-20)) });
    const waits = await command(id, { state: 'PLANNED', uuid: null, sentAt: null, dueAt: new Date(org.at(9_999)) });
    await org.hear(of('U-R', -30, authenticated('RENEWS')));
    expect(await Promise.all([before, since, waits].map((one) => stateOf(one.id)))).toEqual([
      'LOST',
      'QUEUED',
      'PLANNED',
    ]);
    expect(await enrollment('U-R')).toMatchObject({ state: 'ENROLLING', generation: 2 });
    // What was thought lost may be answered nevertheless.
    await org.hear(
      of('U-R', -1, { kind: 'ANSWERED', commandUuid: before.uuid, status: 'ACKNOWLEDGED', result: { errors: [] } }),
    );
    expect(await stateOf(before.id)).toBe('ACKNOWLEDGED');
    await org.hear(of('U-R', 0, { kind: 'CHECKED_OUT' }));
    expect(await Promise.all([since, waits].map((one) => stateOf(one.id)))).toEqual(['LOST', 'CANCELLED']);
  });
});

describe('S28 answers', () => {
  test('S28 answers are found by CommandUUID and enrollment, settle once, and an app list becomes the inventory', async () => {
    await org.hear(of('U-A', -60, authenticated('ANSWERS')), of('U-A', -59, reachable), of('U-B', -59, reachable));
    const [a, b] = [await enrollment('U-A'), await enrollment('U-B')];
    const shared = await command(a.id);
    const other = await command(b.id, { uuid: shared.uuid });
    const answer = (apps: DeviceApp[]) => ({
      kind: 'ANSWERED' as const,
      commandUuid: shared.uuid,
      status: 'ACKNOWLEDGED' as const,
      result: { errors: [], apps },
    });
    await org.hear(
      of('U-A', -5, { kind: 'NOT_NOW', commandUuid: shared.uuid }),
      of('U-A', -4, answer([app('x'), app('y')])),
      of('U-A', -3, answer([])),
      of('U-A', -2, { kind: 'ANSWERED', commandUuid: 'not-ours', status: 'FAILED', result: { errors: [] } }),
    );
    expect(await Promise.all([shared, other].map((one) => stateOf(one.id)))).toEqual(['ACKNOWLEDGED', 'QUEUED']);
    const installed = () =>
      world.database.prisma.installedApp.findMany({ where: { deviceId: a.deviceId! }, orderBy: { bundleId: 'asc' } });
    expect((await installed()).map((row) => row.bundleId)).toEqual(['x', 'y']);
    expect(await enrollment('U-A')).toMatchObject({ listedAt: new Date(org.at(-4)) });
    await org.hear(of('U-A', -1, { kind: 'INVENTORY', apps: [app('y', '2'), app('z')], complete: false, facts: null }));
    expect((await installed()).map((row) => [row.bundleId, row.version])).toEqual([
      ['x', '1'],
      ['y', '2'],
      ['z', '1'],
    ]);
    await org.hear(of('U-A', 0, { kind: 'INVENTORY', apps: [app('z')], complete: true, facts: null }));
    expect((await installed()).map((row) => row.bundleId)).toEqual(['z']);
    await org.hear(of('U-A', -2, { kind: 'INVENTORY', apps: [app('old')], complete: true, facts: null }));
    expect((await installed()).map((row) => row.bundleId)).toEqual(['z']);
  });

  test('S28 a poisoned message blocks no other, comes back with growing waits, and is set aside', async () => {
    const poison = of('U-P', -2, {
      kind: 'ANSWERED',
      commandUuid: 'x',
      status: 'FAILED',
      result: { errors: [], facts: { timeZone: 5 as never } },
    });
    const broken = { ...of('U-P2', -2, authenticated('BAD')), facts: { serialNumber: 7 as never } } as DeviceNews;
    await org.hear(of('U-Q1', -1, reachable), broken, of('U-Q2', -1, reachable), poison);
    expect(await enrollment('U-Q1')).toMatchObject({ state: 'ENROLLED' });
    expect(await enrollment('U-Q2')).toMatchObject({ state: 'ENROLLED' });
    const find = () => world.database.prisma.deviceNews.findFirstOrThrow({ where: { enrollmentId: 'U-P2' } });
    expect(await find()).toMatchObject({ appliedAt: null, attempts: 1 });
    for (let round = 0; round < 5; round++) {
      await world.clock.set((await find()).dueAt);
      await org.drive();
    }
    expect(await find()).toMatchObject({ outcome: 'SET_ASIDE' });
    const connection = await presentConnection(org.context);
    const setAside = () => readSetAside(org.context, connection!);
    expect(await setAside()).toEqual({ count: 1, since: expect.any(Date) });
    await expect(settleSetAside(org.as(['mdm:read']), { action: 'DROP' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    // What was wrong with it is mended meanwhile.
    await world.database.prisma.$executeRaw`
      UPDATE device_news SET news = jsonb_set(news, '{facts,serialNumber}', '"MENDED"') WHERE enrollment_id = 'U-P2'`;
    expect(await settleSetAside(org.as(), { action: 'RETRY' })).toEqual({ count: 1 });
    expect(await find()).toMatchObject({ outcome: null, appliedAt: null, attempts: 0 });
    await org.drive();
    expect((await enrollment('U-P2')).device).toMatchObject({ serialNumber: 'MENDED' });
    expect(await setAside()).toBeNull();
    await world.database.prisma.deviceNews.updateMany({
      where: { enrollmentId: 'U-P2' },
      data: { outcome: 'SET_ASIDE' },
    });
    expect(await settleSetAside(org.as(), { action: 'DROP' })).toEqual({ count: 1 });
    const done = await world.database.prisma.auditEntry.findMany({ where: { action: 'mdm.set-aside' } });
    expect(done.map(({ data }) => data)).toEqual([
      { action: 'RETRY', count: 1 },
      { action: 'DROP', count: 1 },
    ]);
    expect(await setAside()).toBeNull();
  });
});
