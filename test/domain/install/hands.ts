/**
 * Licenses of Apple's simulator, and devices in hands: a fake MDM server whose devices ask the simulator for their license,
 * as real ones do, and do what a test wants of them. The clock is virtual.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { createDeviceIntake } from '../../../src/domain/device-news/receive.ts';
import { mdmSecretRow } from '../../../src/domain/mdm/secrets.ts';
import type { DeviceNews, DeviceRequest, DeviceResult } from '../../../src/domain/mdm-ports.ts';
import { createWorld, type World } from '../../support/world.ts';
import { createFakeMdm, type FakeMdm } from '../command/fake-mdm.ts';
import { makeDevices, uIdOf } from '../license/support.ts';

/** What a device does with an install; HOLD leaves it unanswered, LOSE accepts it and never has the app. */
export type Act = 'INSTALL' | 'REJECT' | 'UNSEEN' | 'BROKEN' | 'HOLD' | 'LOSE';

/** A world with devices. */
export interface Hands {
  world: World;
  tokenId: bigint;
  mdm: FakeMdm;
  /** Serial numbers of devices that say nothing at all. */
  silent: Set<string>;
  /** Every install that a device was told, in order, with what it did. */
  installs: { at: Date; serialNumber: string; adamId: string; act: Act }[];
  /** Decides about each install; INSTALL unless set. A device without a license at Apple never installs. */
  act: (serialNumber: string, adamId: string) => Act;
  /** New devices that are enrolled. */
  devices(count: number, like?: Parameters<typeof makeDevices>[2]): Promise<bigint[]>;
  enroll(deviceIds: readonly bigint[]): Promise<void>;
  /** Works, and lets devices answer, until `done` says so; a step is `seconds` long. */
  until(done: () => Promise<boolean>, seconds?: number, steps?: number): Promise<void>;
  /** Until these tasks are over. */
  ended(...taskIds: bigint[]): Promise<void>;
  /** Devices that held their installs back answer now that they see no license. */
  answerHeld(serialNumber: string): Promise<void>;
  /** Devices tell something by themselves. */
  tell(news: readonly DeviceNews[]): Promise<void>;
  /** One round: whatever is due, and the answers. */
  step(): Promise<void>;
  close(): Promise<void>;
}

const unseen = { domain: 'ASDServerErrorDomain', number: 9610, message: 'Unhandled exception' };
const bundleOf = (adamId: string) => `app.${adamId}`;

export async function createHands(options: Parameters<typeof createWorld>[0] = {}): Promise<Hands> {
  const world = await createWorld(options);
  const mdm = createFakeMdm();
  world.services.mdm = mdm;
  const tokenId = await world.library('own');
  const uId = await uIdOf(world, tokenId);
  const { prisma } = world.database;
  const webhookId = randomUUID();
  const sealed = await world.services.secrets.seal('key', mdmSecretRow(webhookId, 'api-key'));
  const { organizationId } = world;
  const { id: connectionId } = await prisma.mdmConnection.create({
    data: {
      organizationId,
      kind: 'NANOMDM',
      name: 'Test MDM',
      baseUrl: 'http://127.0.0.1:1',
      pathPrefix: '/v1',
      userName: 'nanomdm',
      webhookId,
      apiKeyJwe: sealed.jwe,
      createdAt: world.clock.now(),
      updatedAt: world.clock.now(),
    },
  });
  const intake = createDeviceIntake(world.services);
  /** What each device has. */
  const apps = new Map<string, Set<string>>();
  const told = new Map<string, Set<string>>();
  const held: { enrollmentId: string; uuid: string }[] = [];

  const licensed = (serialNumber: string, adamId: string) =>
    world.simulator.admin
      .truth({ uId })
      .assignments.some((row) => row.serialNumber === serialNumber && row.adamId === adamId);

  function install(
    serialNumber: string,
    adamId: string,
  ): { status: 'ACKNOWLEDGED' | 'FAILED'; result: DeviceResult } | null {
    const wanted = hands.act(serialNumber, adamId);
    const act = wanted === 'INSTALL' && !licensed(serialNumber, adamId) ? 'UNSEEN' : wanted;
    hands.installs.push({ at: world.clock.now(), serialNumber, adamId, act });
    const app = { bundleId: bundleOf(adamId), state: 'Installing', rejectionReason: null };
    if (act === 'HOLD') return null;
    if (act === 'LOSE') return { status: 'ACKNOWLEDGED', result: { errors: [], app } };
    if (act === 'INSTALL') {
      apps.set(serialNumber, (apps.get(serialNumber) ?? new Set()).add(adamId));
      return { status: 'ACKNOWLEDGED', result: { errors: [], app } };
    }
    const error = {
      REJECT: { domain: 'MCMDMErrorDomain', number: 12063, message: 'The user rejected it.' },
      UNSEEN: unseen,
      BROKEN: { domain: 'MCMDMErrorDomain', number: 12035, message: 'Not purchasable.' },
    }[act];
    return { status: 'FAILED', result: { errors: [error] } };
  }

  function answer(
    enrollmentId: string,
    request: DeviceRequest,
  ): { status: 'ACKNOWLEDGED' | 'FAILED'; result: DeviceResult } | null {
    const serialNumber = enrollmentId.slice('udid-'.length);
    if (hands.silent.has(serialNumber)) return null;
    const own = [...(apps.get(serialNumber) ?? [])];
    switch (request.kind) {
      case 'INSTALL_APP':
        return install(serialNumber, request.adamId);
      case 'LIST_MANAGED_APPS':
        return {
          status: 'ACKNOWLEDGED',
          result: {
            errors: [],
            managedApps: own.map((adamId) => ({
              bundleId: bundleOf(adamId),
              status: 'Managed',
              externalVersionId: '1',
            })),
          },
        };
      case 'LIST_INSTALLED_APPS':
        return {
          status: 'ACKNOWLEDGED',
          result: {
            errors: [],
            apps: own.map((adamId) => ({
              bundleId: bundleOf(adamId),
              name: adamId,
              version: '1',
              shortVersion: '1.0',
              externalVersionId: '1',
              hasUpdate: false,
              deviceLicense: true,
              installing: false,
              downloadFailed: false,
            })),
          },
        };
      default:
        return { status: 'ACKNOWLEDGED', result: { errors: [], facts: { serialNumber } } };
    }
  }

  const hands: Hands = {
    world,
    tokenId,
    mdm,
    silent: new Set(),
    installs: [],
    act: () => 'INSTALL',
    devices: async (count, like) => {
      const deviceIds = await makeDevices(world, count, like);
      await hands.enroll(deviceIds);
      return deviceIds;
    },
    enroll: async (deviceIds) => {
      const rows = await prisma.device.findMany({ where: { organizationId, id: { in: [...deviceIds] } } });
      await prisma.enrollment.createMany({
        data: rows.map(({ id, serialNumber }) => ({
          organizationId,
          connectionId,
          enrollmentId: `udid-${serialNumber}`,
          state: 'ENROLLED' as const,
          deviceId: id,
          enrolledAt: world.clock.now(),
        })),
      });
    },
    answerHeld: (serialNumber) =>
      intake.receive(
        { organizationId, connectionId },
        held
          .filter(({ enrollmentId }) => enrollmentId === `udid-${serialNumber}`)
          .map(({ enrollmentId, uuid: commandUuid }) => {
            const result = { errors: [unseen] };
            return { news: { enrollmentId, type: 'DEVICE', kind: 'ANSWERED', commandUuid, status: 'FAILED', result } };
          }),
      ),
    step: async () => {
      await world.work();
      const news: DeviceNews[] = [];
      for (const [enrollmentId, queue] of mdm.queues)
        for (const [uuid, request] of queue) {
          const seen = told.get(enrollmentId) ?? new Set<string>();
          if (seen.has(uuid)) continue;
          told.set(enrollmentId, seen.add(uuid));
          const said = answer(enrollmentId, request);
          if (!said) held.push({ enrollmentId, uuid });
          else news.push({ enrollmentId, type: 'DEVICE', kind: 'ANSWERED', commandUuid: uuid, ...said });
        }
      if (news.length === 0) return;
      await hands.tell(news);
      await world.work();
    },
    tell: async (news) => {
      await intake.receive(
        { organizationId, connectionId },
        news.map((one) => ({ news: one })),
      );
    },
    until: async (done, seconds = 5, steps = 400) => {
      for (let round = 0; round < steps; round++) {
        await hands.step();
        if (await done()) return;
        await world.clock.advance(seconds * 1_000);
      }
      throw new Error('it did not come to that');
    },
    ended: (...taskIds) =>
      hands.until(async () => {
        const open = await prisma.task.count({ where: { organizationId, id: { in: taskIds }, finishedAt: null } });
        return open === 0;
      }),
    close: () => world.close(),
  };
  return hands;
}
