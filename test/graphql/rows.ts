/** Rows as the domain writes them, for tests that only read. @module */
import { randomInt, randomUUID } from 'node:crypto';
import type { Services } from '../../src/domain/context.ts';

type Prisma = Services['prisma'];
const at = new Date('2026-03-01T11:00:00.000Z');

export async function addToken(
  prisma: Prisma,
  organizationId: bigint,
  fields: { label?: string; position?: number; accountType?: 'BUSINESS' | 'EDUCATION' } = {},
) {
  const id = randomUUID();
  return prisma.token.create({
    data: {
      organizationId,
      uId: String(randomInt(2 ** 40)),
      mdmId: id,
      label: 'Main',
      email: 'it@example.org',
      region: 'DE',
      accountType: 'EDUCATION',
      organizationName: 'Example',
      position: 1,
      expiresAt: new Date('2027-01-01T00:00:00Z'),
      createdAt: at,
      ...fields,
    },
  });
}

export async function addApp(
  prisma: Prisma,
  organizationId: bigint,
  fields: { adamId?: string; name?: string; status?: 'DEVELOPMENT' | 'REVIEW' | 'RELEASE' } = {},
) {
  return prisma.app.create({
    data: {
      organizationId,
      adamId: String(randomInt(2 ** 40)),
      productType: 'APP',
      platforms: ['iOS'],
      deviceFamilies: ['iPad'],
      status: 'RELEASE',
      firstSeenAt: at,
      ...fields,
    },
  });
}

export async function addPool(
  prisma: Prisma,
  row: { organizationId: bigint; tokenId: bigint; appId: bigint },
  numbers: {
    total?: bigint;
    held?: bigint;
    reserved?: bigint;
    retired?: bigint;
    unlimited?: boolean;
    deviceAssignable?: boolean;
  } = {},
) {
  const { adamId } = await prisma.app.findFirstOrThrow({ where: { id: row.appId } });
  return prisma.licensePool.create({
    data: {
      ...row,
      adamId,
      pricingParam: 'STDQ',
      total: 10n,
      held: 0n,
      reserved: 0n,
      retired: 0n,
      unlimited: false,
      deviceAssignable: true,
      revocable: true,
      supportedPlatforms: ['iOS'],
      appleAssigned: numbers.held ?? 0n,
      appleAsOf: at,
      ...numbers,
    },
  });
}

export async function addDevice(prisma: Prisma, organizationId: bigint, serialNumber: string) {
  return prisma.device.create({
    data: {
      organizationId,
      serialNumber,
      serialOriginal: serialNumber,
      family: 'IPAD',
      osVersion: '18.0',
      createdAt: at,
      updatedAt: at,
    },
  });
}

export async function addLicense(
  prisma: Prisma,
  pool: { organizationId: bigint; id: bigint; tokenId: bigint; appId: bigint; adamId: string; pricingParam: string },
  device: { id: bigint; serialNumber: string },
) {
  const { organizationId, tokenId, appId, adamId, pricingParam } = pool;
  return prisma.license.create({
    data: {
      organizationId,
      poolId: pool.id,
      tokenId,
      appId,
      adamId,
      pricingParam,
      serialNumber: device.serialNumber,
      deviceId: device.id,
      state: 'CONFIRMED',
      source: 'RUSSET',
      startedAt: at,
      changedAt: at,
    },
  });
}

export async function addTask(prisma: Prisma, organizationId: bigint) {
  return prisma.task.create({ data: { organizationId, kind: 'SYNC', actor: 'key:1', createdAt: at } });
}

export async function addNotice(prisma: Prisma, token: { organizationId: bigint; id: bigint }, seq = 1n) {
  return prisma.tokenNotice.create({
    data: {
      organizationId: token.organizationId,
      tokenId: token.id,
      seq,
      at,
      cycle: Number(seq),
      kind: 'EXPIRING',
      rung: 30,
      expiresAt: new Date('2026-03-31T11:00:00.000Z'),
    },
  });
}

export async function addGroup(prisma: Prisma, organizationId: bigint, name = 'Group') {
  return prisma.deviceGroup.create({ data: { organizationId, name, kind: 'STATIC', createdAt: at, updatedAt: at } });
}

export async function addPlan(prisma: Prisma, organizationId: bigint) {
  const expiresAt = new Date(at.getTime() + 3_600_000);
  const what = { kind: 'ASSOCIATION' as const, request: {}, facts: {} };
  return prisma.plan.create({ data: { organizationId, ...what, actor: 'key:1', createdAt: at, expiresAt } });
}

/** A seat of a subscription of its own. */
export async function addSeat(
  prisma: Prisma,
  token: { organizationId: bigint; id: bigint },
  user: { id: bigint; clientUserId: string },
) {
  const { organizationId, id: tokenId } = token;
  const adamId = String(randomInt(2 ** 40));
  const subscription = await prisma.seatSubscription.create({
    data: { organizationId, tokenId, adamId, parentAdamId: adamId, status: 'ACTIVE', asOf: at },
  });
  return prisma.seatAssignment.create({
    data: {
      organizationId,
      tokenId,
      adamId,
      subscriptionId: subscription.id,
      vppUserId: user.id,
      clientUserId: user.clientUserId,
      renewing: true,
      state: 'CONFIRMED',
      source: 'EXTERNAL',
      startedAt: at,
      changedAt: at,
    },
  });
}

/** A device's enrollment at the organization's MDM server, with what the device has and was asked. */
export async function addEnrollment(
  prisma: Prisma,
  device: { organizationId: bigint; id: bigint },
  { bundleIds = [], commands = 0 }: { bundleIds?: readonly string[]; commands?: number } = {},
) {
  const { organizationId, id: deviceId } = device;
  const known = await prisma.mdmConnection.findFirst({ where: { organizationId, removedAt: null } });
  const connection =
    known ??
    (await prisma.mdmConnection.create({
      data: { organizationId, kind: 'GRAPHQL', name: 'Test MDM', createdAt: at, updatedAt: at },
    }));
  const key = { organizationId, connectionId: connection.id };
  const enrollment = await prisma.enrollment.create({
    data: { ...key, enrollmentId: `U-${deviceId}`, state: 'ENROLLED', deviceId, reachableAt: at, listedAt: at },
  });
  await prisma.installedApp.createMany({
    data: bundleIds.map((bundleId) => ({
      ...{ organizationId, deviceId, bundleId, changedAt: at },
      ...{ version: '1', externalVersionId: '7', managedStatus: 'Managed' },
    })),
  });
  await prisma.deviceCommand.createMany({
    data: Array.from({ length: commands }, () => ({
      ...{ ...key, enrollmentId: enrollment.id, deviceId, generation: 1, uuid: randomUUID(), state: 'FAILED' as const },
      ...{ kind: 'LIST_INSTALLED_APPS' as const, request: { kind: 'LIST_INSTALLED_APPS', bundleIds: null } },
      ...{ createdAt: at, deadlineAt: at, endedAt: at },
      answer: { errors: [{ domain: 'MCMDMErrorDomain', number: 3_000_000_000, message: 'no' }] },
    })),
  });
  return enrollment;
}
