/**
 * Installs that fail at every step leave no seat held: with licenses of Apple's simulator, on the virtual clock.
 * LEAK_INSTALLS=1000 is the full number; a few of each kind are enough for every run.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installApps } from '../../../src/domain/install/ask.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import {
  eventFault,
  expectSound,
  faultOnce,
  giveApp,
  holdersAtApple,
  poolOf,
  type TestApp,
} from '../license/support.ts';
import { type Act, createHands, type Hands } from './hands.ts';

const minute = 60_000;
const installs = Number(process.env.LEAK_INSTALLS ?? 40);

/** Where an install fails, what its device does with the command, and how its operation ends. */
const steps = {
  'Apple refuses the license': { act: 'INSTALL', cause: 'LICENSE_FAILED' },
  'the device never sees the license': { act: 'UNSEEN', cause: 'LICENSE_NOT_VISIBLE' },
  'the MDM server refuses the command': { act: 'INSTALL', cause: 'MDM_REFUSED' },
  'the device is silent': { act: 'HOLD', cause: 'DEVICE_SILENT' },
  'the person rejects it': { act: 'REJECT', cause: 'USER_REJECTED' },
  'the app never shows in the list': { act: 'LOSE', cause: 'NOT_CONFIRMED' },
  'cancelled before the license is there': { act: 'INSTALL', cause: 'CANCELLED' },
  'the device leaves': { act: 'HOLD', cause: 'DEVICE_UNENROLLED' },
} as const satisfies Record<string, { act: Act; cause: string }>;
type Step = keyof typeof steps;
const names = Object.keys(steps) as Step[];
const each = Math.ceil(installs / names.length);

let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
afterAll(() => hands.close());

interface Failing {
  step: Step;
  app: TestApp;
  serials: Set<string>;
  taskId: bigint;
}

async function prepare(step: Step): Promise<Omit<Failing, 'taskId'> & { deviceIds: bigint[] }> {
  const app = await giveApp(hands.world, hands.tokenId, { total: each });
  const deviceIds = await hands.devices(each);
  const devices = await hands.world.database.prisma.device.findMany({ where: { id: { in: deviceIds } } });
  return { step, app, deviceIds, serials: new Set(devices.map((device) => device.serialNumber)) };
}

/** Lets everything run: first by half a minute, then by the hour, then by half a day. */
async function runToTheEnd(): Promise<void> {
  const { prisma } = hands.world.database;
  for (let round = 0; round < 400; round++) {
    await hands.step();
    if ((await prisma.task.count({ where: { finishedAt: null } })) === 0) return;
    await hands.world.clock.advance(round < 10 ? minute / 2 : round < 30 ? 60 * minute : 720 * minute);
  }
  throw new Error('something never ends');
}

test(
  `F6 ${each * names.length} installs that fail at every step leave 0 seats held`,
  async () => {
    const { world, mdm, silent } = hands;
    const prepared: Awaited<ReturnType<typeof prepare>>[] = [];
    for (const step of names) prepared.push(await prepare(step));
    const of = (step: Step) => prepared.find((one) => one.step === step)!;
    const bySerial = new Map(prepared.flatMap(({ step, serials }) => [...serials].map((serial) => [serial, step])));
    hands.act = (serial) => steps[bySerial.get(serial)!].act;
    for (const serial of of('the device is silent').serials) silent.add(serial);
    const refused = [...of('Apple refuses the license').serials];
    faultOnce(world, eventFault({ failTargets: refused }), 'associateAssets', 1_000);
    mdm.before = ({ request, ids }) => {
      const deaf = of('the MDM server refuses the command').serials;
      if (request.kind !== 'INSTALL_APP' || !ids.some((id) => deaf.has(id.slice('udid-'.length)))) return undefined;
      return new Map(ids.map((id) => [id, { accepted: false, pushProblem: null, refusal: 'no such device' }]));
    };

    const failing: Failing[] = [];
    for (const { step, app, deviceIds, serials } of prepared) {
      const { taskIds } = await installApps(world.admin, { appIds: [app.id], target: { deviceIds } });
      failing.push({ step, app, serials, taskId: taskIds[0]! });
    }
    const reserved = await world.database.prisma.licensePool.aggregate({ _sum: { reserved: true } });
    expect(reserved._sum.reserved, 'each of them has a seat').toBe(BigInt(each * names.length));
    await cancelTask(world.admin, { taskId: failing[names.indexOf('cancelled before the license is there')]!.taskId });
    const leaving = of('the device leaves').serials;
    await hands.until(
      async () => hands.installs.filter(({ serialNumber }) => leaving.has(serialNumber)).length === each,
    );
    await hands.tell(
      [...leaving].map((serial) => ({ enrollmentId: `udid-${serial}`, type: 'DEVICE', kind: 'CHECKED_OUT' })),
    );
    await runToTheEnd();

    for (const { step, app } of failing) {
      const operations = await world.database.prisma.appOperation.findMany({ where: { appId: app.id } });
      const causes = operations.map(({ cause }) => (cause as { code: string }).code);
      expect(causes, step).toEqual(Array(each).fill(steps[step].cause));
      expect(operations.filter((row) => row.state === 'DONE' || row.endedAt === null)).toEqual([]);
      expect(await poolOf(world, app), step).toMatchObject({ held: 0n, reserved: 0n });
      expect(await holdersAtApple(world, hands.tokenId, app), step).toEqual([]);
    }
    await expectSound(world);
  },
  120_000 + 600 * installs,
);
