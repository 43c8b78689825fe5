import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { transaction } from '../../../src/db/transaction.ts';
import { type NewCommand, planCommands } from '../../../src/domain/command/plan.ts';
import { MdmFailure } from '../../../src/domain/mdm-ports.ts';
import type { DeviceCommand } from '../../../src/generated/prisma/client.ts';
import { createFakeMdm, type FakeMdm } from './fake-mdm.ts';
import { createDeviceWorld, type DeviceWorld, type Organization } from './support.ts';

let world: DeviceWorld;
let org: Organization;
let mdm: FakeMdm;
const failpoints: { at: string | null } = { at: null };
beforeAll(async () => {
  mdm = createFakeMdm();
  world = await createDeviceWorld({
    mdm,
    failpoint: (point) => {
      if (point === failpoints.at) throw new Error(`dies at ${point}`);
    },
  });
});
beforeEach(async () => {
  const { calls, pushes, queues, before, after } = createFakeMdm();
  Object.assign(mdm, { calls, pushes, queues, before, after });
  failpoints.at = null;
  org = await world.organization();
});
afterAll(() => world.close());

const hour = 3_600_000;

async function enroll(count: number, state: 'ENROLLED' | 'ENROLLING' = 'ENROLLED'): Promise<bigint[]> {
  const { organizationId, connectionId } = org;
  const rows = await world.database.prisma.enrollment.createManyAndReturn({
    data: Array.from({ length: count }, (_one, index) => ({
      organizationId,
      connectionId,
      enrollmentId: `${organizationId}-${state}-${index}`,
      state,
    })),
  });
  return rows.map((row) => row.id);
}

const install = (enrollmentId: bigint, appId: bigint, more: Partial<NewCommand> = {}): NewCommand => ({
  enrollmentId,
  appId,
  request: { kind: 'INSTALL_APP', adamId: String(appId), takeOver: true, removable: null },
  dueAt: world.clock.now(),
  deadlineAt: new Date(world.clock.now().getTime() + hour),
  ...more,
});
const plan = (commands: NewCommand[]) => transaction(world.services, (tx) => planCommands(org.context, tx, commands));
const commands = (): Promise<DeviceCommand[]> =>
  world.database.prisma.deviceCommand.findMany({
    where: { organizationId: org.organizationId },
    orderBy: { id: 'asc' },
  });
const states = async () => (await commands()).map((row) => row.state);
const counted = async () => {
  const all = await states();
  return Object.fromEntries(
    [...new Set(all)].sort().map((state) => [state, all.filter((one) => one === state).length]),
  );
};
const connection = () => world.database.prisma.mdmConnection.findFirstOrThrow({ where: { id: org.connectionId } });
const answer = (command: DeviceCommand, index: number) =>
  org.hear({
    enrollmentId: `${org.organizationId}-ENROLLED-${index}`,
    type: 'DEVICE',
    kind: 'ANSWERED',
    commandUuid: command.uuid!,
    status: 'ACKNOWLEDGED',
    result: { errors: [] },
  });

describe('S28 commands are sent', () => {
  test('S28 the same request to many devices leaves in batches of at most 100, each with a CommandUUID of its own', async () => {
    const devices = await enroll(250);
    await plan(devices.map((id) => install(id, 1n)));
    await org.drive();
    expect(mdm.calls.map((call) => call.ids.length).sort()).toEqual([100, 100, 50]);
    expect(new Set(mdm.calls.map((call) => call.uuid)).size).toBe(3);
    expect(await counted()).toEqual({ QUEUED: 250 });
    expect(await connection()).toMatchObject({ attempts: 0, problem: null, answeredAt: world.clock.now() });
  });

  test('S28 at most five app commands of a device are under way, or as many as the command allows; the next follows an answer', async () => {
    const [device] = await enroll(1);
    await plan([1n, 2n, 3n, 4n, 5n, 6n, 7n].map((app) => install(device!, app)));
    await plan([install(device!, 8n, { atOnce: 1 })]);
    await org.drive();
    expect(await counted()).toEqual({ PLANNED: 3, QUEUED: 5 });
    for (let round = 0; round < 7; round++) await answer((await commands()).find((row) => row.state === 'QUEUED')!, 0);
    expect(await counted()).toEqual({ ACKNOWLEDGED: 7, QUEUED: 1 });
  });

  test('S28 nothing is sent to a device that is enrolling, and all of it once it is enrolled', async () => {
    const [device] = await enroll(1, 'ENROLLING');
    await plan([install(device!, 1n)]);
    await org.drive();
    expect(mdm.calls).toEqual([]);
    const enrollmentId = `${org.organizationId}-ENROLLING-0`;
    await org.hear({ enrollmentId, type: 'DEVICE', kind: 'REACHABLE', fresh: true, awaitingConfiguration: null });
    expect(mdm.calls.map((call) => call.request.kind)).toEqual(['INSTALL_APP']);
  });

  test('S28 an unknown outcome is sent again under the same CommandUUID, and no device is given it twice', async () => {
    const devices = await enroll(3);
    await plan(devices.map((id) => install(id, 1n)));
    mdm.after = () => {
      throw new MdmFailure('UNKNOWN_OUTCOME', 'NO_ANSWER', 'the connection broke');
    };
    await org.drive();
    expect(await counted()).toEqual({ SENT: 3 });
    expect(await connection()).toMatchObject({ attempts: 1, problem: { code: 'NO_ANSWER' } });
    mdm.after = () => {};
    await org.drive();
    expect(mdm.calls).toHaveLength(1);
    await world.clock.advance(61_000);
    await org.drive();
    expect(new Set(mdm.calls.map((call) => call.uuid)).size).toBe(1);
    expect([...mdm.queues.values()].map((queue) => queue.size)).toEqual([1, 1, 1]);
    expect(await counted()).toEqual({ QUEUED: 3 });
  });

  test.each(['before-call', 'after-call'])(
    'S28 a sender that dies %s leaves commands that go out again with the same CommandUUID',
    async (point) => {
      const devices = await enroll(2);
      await plan(devices.map((id) => install(id, 1n)));
      failpoints.at = point;
      await expect(org.drive()).rejects.toThrow('dies at');
      failpoints.at = null;
      await org.drive();
      expect(await counted()).toEqual({ SENT: 2 });
      const [before] = await commands();
      await world.clock.advance(60_000);
      await org.drive();
      expect(await counted()).toEqual({ QUEUED: 2 });
      expect((await commands())[0]!.uuid).toBe(before!.uuid);
      expect([...mdm.queues.values()].map((queue) => queue.size)).toEqual([1, 1]);
    },
  );

  test('S28 while the server is out of reach everything waits, with growing pauses, and goes on by itself', async () => {
    const [device] = await enroll(1);
    await plan([install(device!, 1n)]);
    mdm.before = () => {
      throw new MdmFailure('UNAVAILABLE', 'UNREACHABLE', 'no connection');
    };
    const waits: number[] = [];
    for (let round = 0; round < 3; round++) {
      await org.drive();
      const until = (await connection()).blockedUntil!;
      waits.push(until.getTime() - world.clock.now().getTime());
      await world.clock.set(until);
    }
    expect(waits).toEqual([5_000, 10_000, 20_000]);
    expect((await commands())[0]).toMatchObject({ state: 'PLANNED', uuid: null, sends: 0 });
    mdm.before = () => undefined;
    await org.drive();
    expect(await states()).toEqual(['QUEUED']);
  });

  test('S28 one device that the server does not know spoils no batch: the others get theirs', async () => {
    const devices = await enroll(30);
    const bad = `${org.organizationId}-ENROLLED-17`;
    mdm.before = ({ ids }) =>
      ids.includes(bad)
        ? new Map(ids.map((id) => [id, { accepted: false, pushProblem: null, refusal: 'foreign key' }]))
        : undefined;
    await plan(devices.map((id) => install(id, 1n)));
    await org.drive();
    expect(await counted()).toEqual({ QUEUED: 29, REFUSED: 1 });
    expect((await commands()).find((row) => row.state === 'REFUSED')!.answer).toEqual({ refusal: 'foreign key' });
    expect([...mdm.queues.values()].every((queue) => queue.size === 1)).toBe(true);
  });

  test.each([
    ['UNAVAILABLE', 'UNREACHABLE'],
    ['UNAUTHORIZED', 'UNAUTHORIZED'],
    ['REJECTED', 'WRONG_PREFIX'],
    ['REJECTED', 'REDIRECTED'],
    ['REJECTED', 'REFUSED'],
  ] as const)(
    'S28 a repeat of unknown outcome that meets %s %s keeps its CommandUUID, and nothing runs twice',
    async (kind, problem) => {
      const devices = await enroll(3);
      await plan(devices.map((id) => install(id, 1n)));
      mdm.after = () => {
        throw new MdmFailure('UNKNOWN_OUTCOME', 'NO_ANSWER', 'the connection broke');
      };
      await org.drive();
      mdm.after = () => {};
      mdm.before = () => {
        throw new MdmFailure(kind, problem, 'not now');
      };
      await world.clock.advance(61_000);
      await org.drive();
      expect(await counted()).toEqual({ SENT: 3 });
      mdm.before = () => undefined;
      await world.clock.advance(121_000);
      await org.drive();
      expect(await counted()).toEqual({ QUEUED: 3 });
      expect(new Set(mdm.calls.map((call) => call.uuid)).size).toBe(1);
      expect([...mdm.queues.values()].map((queue) => queue.size)).toEqual([1, 1, 1]);
    },
  );

  test('S28 a repeat that the server refuses may have been taken the first time: it is asked again until its deadline', async () => {
    const devices = await enroll(2);
    await plan(devices.map((id) => install(id, 1n)));
    mdm.after = () => {
      throw new MdmFailure('UNKNOWN_OUTCOME', 'NO_ANSWER', 'the connection broke');
    };
    await org.drive();
    mdm.before = ({ ids }) =>
      new Map(ids.map((id) => [id, { accepted: false, pushProblem: null, refusal: 'the database is away' }]));
    await world.clock.advance(61_000);
    await org.drive();
    expect(await commands()).toMatchObject([
      { state: 'SENT', sends: 2 },
      { state: 'SENT', sends: 2 },
    ]);
    await world.clock.advance(hour);
    await org.drive();
    expect(await counted()).toEqual({ TIMED_OUT: 2 });
    expect(new Set(mdm.calls.map((call) => call.uuid)).size).toBe(1);
  });

  test.each([
    ['WRONG_PREFIX', 450],
    ['REDIRECTED', 2],
    ['NOT_NANOMDM', 2],
  ] as const)(
    'S28 %s is about the server, not about the commands: they wait, unsent ones too, and people see it',
    async (problem, count) => {
      const devices = await enroll(count);
      await plan(devices.map((id) => install(id, 1n)));
      mdm.before = () => {
        throw new MdmFailure('REJECTED', problem, 'not the server it was');
      };
      await org.drive();
      expect(await counted()).toEqual({ PLANNED: count });
      expect(await connection()).toMatchObject({ attempts: 1, problem: { code: problem } });
      mdm.before = () => undefined;
      await world.clock.advance(60_000);
      await org.drive();
      expect(await counted()).toEqual({ QUEUED: count });
      expect(await connection()).toMatchObject({ attempts: 0, problem: null });
    },
  );

  test('S28 an answer that overtakes the call is kept', async () => {
    const [device] = await enroll(1);
    await plan([install(device!, 1n)]);
    mdm.after = async ({ uuid, ids }) => {
      await world.intake.receive(org, [
        {
          news: {
            enrollmentId: ids[0]!,
            type: 'DEVICE',
            kind: 'ANSWERED',
            commandUuid: uuid,
            status: 'FAILED',
            result: { errors: [{ domain: 'MCMDMErrorDomain', number: 12063, message: 'no' }] },
          },
        },
      ]);
    };
    await org.drive();
    await org.drive();
    expect((await commands())[0]).toMatchObject({ state: 'FAILED', answer: { errors: [{ number: 12063 }] } });
  });

  test('S28 silence ends a command at its deadline; what has not left when its window closes is taken back', async () => {
    const [here, there] = await enroll(2);
    await enroll(1, 'ENROLLING');
    await plan([install(here!, 1n)]);
    await org.drive();
    const at = world.clock.now().getTime();
    await plan([install(there!, 1n, { dueAt: new Date(at + 60_000), notAfter: new Date(at + 30_000) })]);
    await world.clock.advance(30_000);
    await org.drive();
    expect(await states()).toEqual(['QUEUED', 'CANCELLED']);
    await world.clock.advance(hour);
    await org.drive();
    expect((await states())[0]).toBe('TIMED_OUT');
    const [command] = await commands();
    await answer(command!, 0);
    expect((await states())[0]).toBe('ACKNOWLEDGED');
  });

  test('S28 a silent device is woken again with growing pauses, and only so often', async () => {
    const [device] = await enroll(1);
    await plan([install(device!, 1n, { deadlineAt: new Date(world.clock.now().getTime() + 400 * hour) })]);
    await org.drive();
    const moments: number[] = [];
    const start = world.clock.now().getTime();
    for (let round = 0; round < 10; round++) {
      const due = (await commands())[0]!.dueAt;
      if (!due) break;
      await world.clock.set(due);
      await org.drive();
      moments.push(Math.round((world.clock.now().getTime() - start) / 60_000));
    }
    expect(mdm.pushes).toHaveLength(5);
    expect(moments).toEqual([15, 60, 195, 600, 1815]);
  });

  test('S28 a worker that was overtaken writes nothing', async () => {
    const [device] = await enroll(1);
    await plan([install(device!, 1n)]);
    mdm.after = async () => {
      await world.database.prisma.mdmConnection.updateMany({
        where: { id: org.connectionId },
        data: { claim: { increment: 1 } },
      });
    };
    await org.drive();
    expect(await states()).toEqual(['SENT']);
  });
});
