/** Devices behind an MDM server of a test world: they answer what they are asked, from what is on them. @module */
import { randomUUID } from 'node:crypto';
import { createDeviceIntake } from '../../src/domain/device-news/receive.ts';
import { mdmSecretRow } from '../../src/domain/mdm/secrets.ts';
import type { DeviceNews, DeviceRequest, DeviceResult } from '../../src/domain/mdm-ports.ts';
import { createFakeMdm, type FakeMdm } from '../domain/command/fake-mdm.ts';
import type { World } from './world.ts';

/** One device. Its test changes it as it likes. */
export interface FakeDevice {
  enrollmentId: string;
  deviceId: bigint;
  serialNumber: string;
  /** Bundle ids of its apps; whether each is managed. */
  apps: Map<string, boolean>;
  online: boolean;
  /** Of the account that is signed in. */
  account: string | null;
  osVersion: string;
  supervised: boolean;
  /** What InvitationResult says. */
  invitation: string;
}

/** The devices of a world. */
export interface Fleet {
  mdm: FakeMdm;
  /** A listed device is enrolled and has told its apps; gives it as it answers from now on. */
  enroll(deviceId: bigint, apps?: Record<string, boolean>, more?: Partial<FakeDevice>): Promise<FakeDevice>;
  /** It says goodbye. */
  leave(device: FakeDevice): Promise<void>;
  /** Works, lets devices answer and moves the clock until `done`, or no task is open. */
  run(done?: () => Promise<boolean>): Promise<void>;
}

/** Connects the world's organization. */
export async function createFleet(world: World): Promise<Fleet> {
  const { organizationId, services, clock, database } = world;
  const mdm = createFakeMdm();
  services.mdm = mdm;
  const webhookId = randomUUID();
  const apiKeyJwe = (await services.secrets.seal('key', mdmSecretRow(webhookId, 'api-key'))).jwe;
  const { id: connectionId } = await database.prisma.mdmConnection.create({
    data: {
      organizationId,
      kind: 'NANOMDM',
      name: 'Test MDM',
      baseUrl: 'http://127.0.0.1:1',
      pathPrefix: '/v1',
      userName: 'nanomdm',
      webhookId,
      apiKeyJwe,
      createdAt: clock.now(),
      updatedAt: clock.now(),
    },
  });
  const intake = createDeviceIntake(services);
  const devices = new Map<string, FakeDevice>();
  const answered = new Set<string>();
  const hear = (news: DeviceNews[]) =>
    intake.receive(
      { organizationId, connectionId },
      news.map((one) => ({ news: one })),
    );
  const at = () => clock.now().toISOString();
  const from = ({ enrollmentId }: FakeDevice) => ({ enrollmentId, type: 'DEVICE' as const, at: at() });

  /** Every device that is online answers what it was not asked before. True when one did. */
  async function answer(): Promise<boolean> {
    const told: DeviceNews[] = [];
    for (const device of devices.values()) {
      if (!device.online) continue;
      for (const [commandUuid, request] of mdm.queues.get(device.enrollmentId) ?? []) {
        const key = `${commandUuid} ${device.enrollmentId}`;
        if (answered.has(key)) continue;
        answered.add(key);
        const result = resultOf(device, request);
        const status = result.errors.length > 0 ? 'FAILED' : 'ACKNOWLEDGED';
        told.push({ ...from(device), kind: 'ANSWERED', commandUuid, status, result });
      }
    }
    if (told.length > 0) await hear(told);
    return told.length > 0;
  }

  const run: Fleet['run'] = async (done) => {
    const open = async () =>
      (await database.prisma.task.count({ where: { state: { in: ['QUEUED', 'RUNNING', 'WAITING'] } } })) > 0;
    for (let round = 0; round < 500; round++) {
      do await world.work();
      while (await answer());
      if (done ? await done() : !(await open())) return;
      await clock.advance(10_000);
    }
    throw new Error('the devices did not come to an end');
  };

  return {
    mdm,
    enroll: async (deviceId, apps = {}, more = {}) => {
      const { serialNumber } = await database.prisma.device.findFirstOrThrow({ where: { id: deviceId } });
      const device: FakeDevice = {
        enrollmentId: `UDID-${serialNumber}`,
        deviceId,
        serialNumber,
        apps: new Map(Object.entries(apps)),
        online: true,
        account: null,
        osVersion: '18.1',
        supervised: true,
        invitation: 'Acknowledged',
        ...more,
      };
      devices.set(device.enrollmentId, device);
      const now = clock.now();
      const where = { organizationId, connectionId, enrollmentId: device.enrollmentId };
      const standing = {
        state: 'ENROLLED' as const,
        goneAt: null,
        authenticatedAt: now,
        enrolledAt: now,
        reachableAt: now,
        storeAccountHash: device.account,
        listedAt: now,
        listDueAt: new Date(now.getTime() + 86_400_000),
      };
      await database.prisma.enrollment.upsert({
        where: { organizationId_connectionId_enrollmentId: where },
        create: { ...where, deviceId, ...standing },
        update: { deviceId, ...standing },
      });
      const { supervised, osVersion } = device;
      await database.prisma.device.updateMany({ where: { id: deviceId }, data: { supervised, osVersion } });
      await database.prisma.installedApp.deleteMany({ where: { deviceId } });
      await database.prisma.installedApp.createMany({
        data: [...device.apps].map(([bundleId, managed]) => ({
          organizationId,
          deviceId,
          bundleId,
          managedStatus: managed ? 'Managed' : null,
          changedAt: now,
        })),
      });
      return device;
    },
    leave: async (device) => {
      await clock.advance(1_000);
      device.online = false;
      await hear([{ ...from(device), kind: 'CHECKED_OUT' }]);
      await world.work();
    },
    run,
  };
}

const factsOf = ({ serialNumber, account, osVersion, supervised }: FakeDevice) => ({
  serialNumber,
  osVersion,
  supervised,
  productName: 'iPad13,18',
  ...(account === null ? {} : { storeAccountHash: account, storeAccountActive: true }),
});

function resultOf(device: FakeDevice, request: DeviceRequest): DeviceResult {
  const { apps } = device;
  const wanted = (bundleIds: string[] | null) => [...apps].filter(([name]) => bundleIds?.includes(name) ?? true);
  switch (request.kind) {
    case 'DEVICE_INFORMATION':
      return { errors: [], facts: factsOf(device) };
    case 'LIST_INSTALLED_APPS':
      return { errors: [], apps: wanted(request.bundleIds).map(([name]) => listed(name)) };
    case 'LIST_MANAGED_APPS': {
      const managed = wanted(request.bundleIds).filter(([, yes]) => yes);
      return {
        errors: [],
        managedApps: managed.map(([bundleId]) => ({ bundleId, status: 'Managed', externalVersionId: '1' })),
      };
    }
    case 'REMOVE_APP': {
      const gone = apps.get(request.bundleId) === true && apps.delete(request.bundleId);
      const notManaged = { domain: 'MCMDMErrorDomain', number: 12038, message: 'not managed' };
      return { errors: gone ? [] : [notManaged] };
    }
    case 'INVITE_TO_PROGRAM':
      return { errors: [], invitation: device.invitation };
    default:
      return { errors: [{ domain: 'TestDomain', number: 1, message: 'not played here' }] };
  }
}

const listed = (bundleId: string) => ({
  bundleId,
  name: bundleId,
  version: '1',
  shortVersion: '1.0',
  externalVersionId: '1',
  hasUpdate: false,
  deviceLicense: true,
  installing: false,
  downloadFailed: false,
});
