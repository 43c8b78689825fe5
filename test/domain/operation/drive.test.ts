import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transaction } from '../../../src/db/transaction.ts';
import type { EndedCommand } from '../../../src/domain/command/ended.ts';
import type { DeviceResult } from '../../../src/domain/mdm-ports.ts';
import { advanceOperations } from '../../../src/domain/operation/advance.ts';
import { cancelOperations } from '../../../src/domain/operation/cancel.ts';
import { confirmOperations } from '../../../src/domain/operation/confirm.ts';
import { driveOperations } from '../../../src/domain/operation/dispatch.ts';
import { lockConnection } from '../../../src/domain/operation/lock-connection.ts';
import { startOperations } from '../../../src/domain/operation/start.ts';
import { startTask } from '../../../src/domain/task/start.ts';
import { createDeviceWorld, type DeviceWorld, type Organization } from '../command/support.ts';

let world: DeviceWorld;
let organization: Organization;
let serial = 0;
beforeAll(async () => {
  world = await createDeviceWorld();
  organization = await world.organization();
});
afterAll(() => world.close());

interface Pair {
  deviceId: bigint;
  appId: bigint;
  operationId: bigint;
  taskId: bigint;
}

/** An operation on a device that is enrolled, or never was. */
async function pair(kind: 'INSTALL' | 'REMOVE' = 'INSTALL', enrolled = true): Promise<Pair> {
  const { prisma } = world.database;
  const { organizationId, connectionId, context } = organization;
  const n = ++serial;
  const at = world.clock.now();
  const device = await prisma.device.create({
    data: { organizationId, serialNumber: `S${n}`, serialOriginal: `S${n}`, createdAt: at, updatedAt: at },
  });
  const app = await prisma.app.create({
    data: {
      organizationId,
      adamId: `${1000 + n}`,
      productType: 'APP',
      status: 'RELEASE',
      firstSeenAt: at,
      bundleId: `app.${n}`,
    },
  });
  if (enrolled)
    await prisma.enrollment.create({
      data: {
        organizationId,
        connectionId,
        enrollmentId: `udid-${n}`,
        state: 'ENROLLED',
        deviceId: device.id,
        enrolledAt: at,
      },
    });
  return transaction(world.services, async (tx) => {
    const taskKind = kind === 'INSTALL' ? 'INSTALL' : 'REMOVE_APPS';
    const taskId = await startTask(context, tx, { kind: taskKind, requested: 1, tokenIds: [] });
    const [started] = await startOperations(context, tx, { kind, taskId }, [{ deviceId: device.id, appId: app.id }]);
    return { deviceId: device.id, appId: app.id, operationId: started!.id, taskId };
  });
}

const drive = () => driveOperations(organization.context, organization.organizationId);
const operation = ({ operationId }: Pair) =>
  world.database.prisma.appOperation.findFirstOrThrow({ where: { id: operationId } });
const commands = ({ operationId }: Pair) =>
  world.database.prisma.deviceCommand.findMany({ where: { operationId }, orderBy: { id: 'asc' } });

/** The device answers the newest command of the operation. */
async function answer(of: Pair, state: EndedCommand['state'], result: Partial<DeviceResult> = {}): Promise<void> {
  const command = (await commands(of)).at(-1)!;
  const now = world.clock.now();
  await transaction(world.services, async (tx) => {
    await tx.deviceCommand.updateMany({ where: { id: command.id }, data: { state, endedAt: now } });
    const ended: EndedCommand = {
      id: command.id,
      enrollmentId: command.enrollmentId,
      deviceId: of.deviceId,
      operationId: of.operationId,
      appId: of.appId,
      kind: command.kind,
      request: command.request as never,
      state,
      result: { errors: [], ...result },
      refusal: null,
      late: false,
      at: now,
    };
    await advanceOperations(organization.context, tx, [ended]);
  });
}

/** The device lists the app, or no longer. */
async function list(of: Pair, present: boolean, installing = false): Promise<void> {
  const { organizationId, context } = organization;
  const bundleId = `app.${(await world.database.prisma.device.findFirstOrThrow({ where: { id: of.deviceId } })).serialNumber.slice(1)}`;
  const now = world.clock.now();
  await transaction(world.services, async (tx) => {
    await lockConnection(tx, organizationId);
    await tx.installedApp.deleteMany({ where: { organizationId, deviceId: of.deviceId } });
    if (present)
      await tx.installedApp.create({
        data: { organizationId, deviceId: of.deviceId, bundleId, appId: of.appId, installing, changedAt: now },
      });
    await tx.enrollment.updateMany({ where: { organizationId, deviceId: of.deviceId }, data: { listedAt: now } });
    await confirmOperations(context, tx, [of.deviceId]);
  });
}

const unseen = { errors: [{ domain: 'ASDServerErrorDomain', number: 9610, message: 'Unhandled exception' }] };

describe('operations on apps', () => {
  it('F2 9610 twice: shown as PROPAGATING, the third try succeeds, and all three are kept', async () => {
    const one = await pair();
    for (let round = 0; round < 2; round++) {
      await drive();
      expect(await operation(one)).toMatchObject({ state: 'SENT' });
      await answer(one, 'FAILED', unseen);
      expect(await operation(one)).toMatchObject({
        state: 'PROPAGATING',
        cause: { code: 'LICENSE_NOT_VISIBLE', number: 9610 },
      });
      await drive();
      expect(await commands(one)).toHaveLength(round + 1);
      await world.clock.advance(3 * 60_000);
    }
    await drive();
    await answer(one, 'ACKNOWLEDGED', { app: { bundleId: null, state: 'Installing', rejectionReason: null } });
    expect(await operation(one)).toMatchObject({ state: 'INSTALLING' });
    await list(one, true, true);
    expect(await operation(one)).toMatchObject({ state: 'INSTALLING' });
    await list(one, true);
    await drive();
    expect(await operation(one)).toMatchObject({ state: 'DONE', attempts: 3, settled: true, cause: null });
    expect((await commands(one)).map((command) => command.state)).toEqual(['FAILED', 'FAILED', 'ACKNOWLEDGED']);
    const task = await world.database.prisma.task.findFirstOrThrow({ where: { id: one.taskId } });
    expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n });
  });

  it('S28 an app that somebody else put there is taken over once, then it is a failure', async () => {
    const one = await pair();
    await drive();
    const present = { errors: [], app: { bundleId: null, state: null, rejectionReason: 'AppAlreadyInstalled' } };
    await answer(one, 'FAILED', present);
    await drive();
    expect((await commands(one)).map(({ request }) => (request as { takeOver: boolean }).takeOver)).toEqual([
      false,
      true,
    ]);
    await answer(one, 'FAILED', present);
    await drive();
    expect(await operation(one)).toMatchObject({ state: 'FAILED', cause: { code: 'CANNOT_TAKE_OVER' } });
    const failures = await world.database.prisma.taskFailure.findMany({ where: { taskId: one.taskId } });
    expect(failures).toMatchObject([{ code: 'CANNOT_TAKE_OVER', deviceId: one.deviceId, appId: one.appId }]);
  });

  it('S28 devices that never answer, never confirm or never enroll are given up by the clock alone', async () => {
    const [silent, busy, prompted, absent] = [await pair(), await pair(), await pair(), await pair('INSTALL', false)];
    await drive();
    await answer(busy, 'ACKNOWLEDGED', { app: { bundleId: null, state: 'Installing', rejectionReason: null } });
    await answer(prompted, 'ACKNOWLEDGED', { app: { bundleId: null, state: 'Prompting', rejectionReason: null } });
    expect(await operation(prompted)).toMatchObject({ state: 'PROMPTING' });
    expect(await operation(absent)).toMatchObject({ state: 'READY', cause: { code: 'NOT_ENROLLED' } });
    await world.clock.advance(31 * 86_400_000);
    await drive();
    const states = await Promise.all([silent, busy, prompted, absent].map(operation));
    expect(states.map((one) => [one.state, (one.cause as { code: string }).code])).toEqual([
      ['TIMED_OUT', 'DEVICE_SILENT'],
      ['TIMED_OUT', 'NOT_CONFIRMED'],
      ['TIMED_OUT', 'NOBODY_AGREED'],
      ['TIMED_OUT', 'NO_TURN'],
    ]);
  });

  it('S28 an answer that is just being taken in is not overtaken by the clock', async () => {
    const one = await pair();
    await drive();
    await world.clock.advance(9 * 86_400_000);
    await transaction(world.services, async (tx) => {
      const until = new Date(world.clock.now().getTime() + 3_600_000);
      const data = { state: 'INSTALLING' as const, dueAt: until, deadlineAt: until, changedAt: world.clock.now() };
      await tx.appOperation.updateMany({ where: { id: one.operationId }, data });
      await drive();
    });
    await drive();
    expect(await operation(one)).toMatchObject({ state: 'INSTALLING' });
  });

  it('S49 a removal is done when the list shows the app gone; one that is not managed is looked up there', async () => {
    const [gone, kept] = [await pair('REMOVE'), await pair('REMOVE')];
    await list(gone, true);
    await list(kept, true);
    await drive();
    await answer(gone, 'ACKNOWLEDGED');
    await list(gone, false);
    await answer(kept, 'FAILED', { errors: [{ domain: 'MDMErrorDomain', number: 12038, message: 'not managed' }] });
    await list(kept, true);
    expect(await operation(gone)).toMatchObject({ state: 'DONE' });
    expect(await operation(kept)).toMatchObject({ state: 'FAILED', cause: { code: 'APP_NOT_MANAGED' } });
  });

  it('S28 what is cancelled between two tries was sent before, and says so', async () => {
    const [fresh, tried] = [await pair('INSTALL', false), await pair()];
    await drive();
    const sent = (await commands(tried)).at(-1)!;
    await world.database.prisma.deviceCommand.updateMany({
      where: { id: sent.id },
      data: { sentAt: world.clock.now() },
    });
    await answer(tried, 'FAILED', unseen);
    for (const { taskId } of [fresh, tried])
      await transaction(world.services, (tx) => cancelOperations(organization.context, tx, taskId));
    const message = async (of: Pair) => ((await operation(of)).cause as { message: string }).message;
    expect(await message(fresh)).toBe('Cancelled before it was sent to the device.');
    expect(await message(tried)).toBe('Cancelled before it was sent to the device once more.');
  });
});
