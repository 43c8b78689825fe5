/** An organization with one object of every type that has a global id, tied to each other. @module */
import { randomInt } from 'node:crypto';
import { globalId, type NodeName } from '../../src/graphql/ids.ts';
import type { TestApi } from '../http/support/api.ts';
import {
  addApp,
  addDevice,
  addEnrollment,
  addGroup,
  addLicense,
  addNotice,
  addPlan,
  addPool,
  addSeat,
  addTask,
  addToken,
} from './rows.ts';

/** What nobody else may see. */
export const secret = 'C02SECRET1';

/** Writes the rows. Their global ids, by type. */
export async function addOneOfEach({ services: { prisma } }: TestApi, organizationId: bigint) {
  const at = new Date('2026-03-01T11:00:00.000Z');
  const token = await addToken(prisma, organizationId);
  const app = await addApp(prisma, organizationId, { adamId: String(randomInt(2 ** 40)), name: secret });
  const pool = await addPool(prisma, { organizationId, tokenId: token.id, appId: app.id });
  const device = await addDevice(prisma, organizationId, secret);
  const license = await addLicense(prisma, pool, device);
  const group = await addGroup(prisma, organizationId);
  const task = await addTask(prisma, organizationId);
  const user = await prisma.vppUser.create({
    data: { organizationId, tokenId: token.id, clientUserId: secret, createdAt: at, updatedAt: at },
  });
  await prisma.device.updateMany({ where: { organizationId, id: device.id }, data: { vppUserId: user.id } });
  const seat = await addSeat(prisma, token, user);
  const key = { organizationId };
  const before = await addTask(prisma, organizationId);
  const plan = await addPlan(prisma, organizationId);
  await prisma.plan.updateMany({ where: key, data: { taskId: task.id, installsTaskId: task.id } });
  await prisma.task.updateMany({ where: { ...key, id: task.id }, data: { retryOf: before.id } });
  await prisma.taskToken.create({ data: { ...key, taskId: task.id, tokenId: token.id } });
  await prisma.license.updateMany({ where: key, data: { taskId: task.id } });
  await prisma.seatAssignment.updateMany({ where: key, data: { taskId: task.id, removalTaskId: before.id } });
  const { id: _id, allocation: _allocation, ...like } = license;
  await prisma.license.create({
    data: { ...like, serialNumber: null, deviceId: null, clientUserId: secret, vppUserId: user.id },
  });
  await prisma.deviceGroupMember.create({ data: { ...key, groupId: group.id, deviceId: device.id } });
  await prisma.mdmConnection.create({
    data: { ...key, kind: 'GRAPHQL', name: secret, createdAt: at, updatedAt: at },
  });
  await addEnrollment(prisma, device, { commands: 1 });
  const deployment = await prisma.deployment.create({
    data: {
      ...key,
      appId: app.id,
      groupId: group.id,
      mode: 'LICENSE_ONLY',
      tokenId: token.id,
      problem: { code: 'APP_NOT_HELD', message: secret, since: at.toISOString() },
      createdAt: at,
      updatedAt: at,
    },
  });
  await prisma.deploymentRefusal.create({
    data: {
      ...key,
      appId: app.id,
      deviceId: device.id,
      code: 'OS_TOO_OLD',
      message: secret,
      refusedAt: new Date('2099-01-01'),
      retryAt: new Date('2100-01-01'),
    },
  });
  const rule = await prisma.reclaimRule.create({
    data: {
      ...key,
      name: secret,
      reason: 'INSTALL_FAILED',
      days: 0,
      graceDays: 7,
      appIds: [app.id],
      exceptAppIds: [app.id],
      groupId: group.id,
      exceptGroupId: group.id,
      createdAt: at,
      updatedAt: at,
    },
  });
  const policy = await prisma.updatePolicy.create({
    data: {
      ...key,
      appId: app.id,
      groupId: group.id,
      mode: 'IMMEDIATELY',
      windows: [],
      rings: [{ groupId: String(group.id), soakHours: 1 }],
      maxInFlight: 1,
      maxAttempts: 1,
      createdAt: at,
      updatedAt: at,
    },
  });
  const rollout = await prisma.updateRollout.create({
    data: {
      ...key,
      policyId: policy.id,
      appId: app.id,
      targetVersion: secret,
      pausedAt: at,
      pauseCause: { code: 'REQUESTED', message: secret, ended: 0, wrong: 0 },
      createdAt: at,
    },
  });
  await prisma.installedApp.create({
    data: {
      ...key,
      deviceId: device.id,
      bundleId: secret,
      appId: app.id,
      externalVersionId: '1',
      hasUpdate: true,
      changedAt: at,
    },
  });
  const operation = await prisma.appOperation.create({
    data: {
      ...key,
      kind: 'INSTALL',
      state: 'PROPAGATING',
      taskId: task.id,
      deviceId: device.id,
      appId: app.id,
      licenseId: license.id,
      cause: { code: 'LICENSE_NOT_VISIBLE', message: secret, domain: secret, number: 9610 },
      createdAt: at,
      changedAt: at,
    },
  });
  await prisma.deviceCommand.updateMany({ where: key, data: { operationId: operation.id } });
  const rows: Record<NodeName, { id: bigint }> = {
    AppOperation: operation,
    Organization: { id: organizationId },
    Token: token,
    App: app,
    LicensePool: pool,
    Device: device,
    DeviceGroup: group,
    Deployment: deployment,
    ReclaimRule: rule,
    ReclaimRun: await prisma.reclaimRun.create({
      data: {
        ...key,
        ruleId: rule.id,
        at,
        actor: secret,
        found: 1,
        marked: 1,
        taken: 1,
        taskIds: [task.id],
        undoTaskIds: [before.id],
        value: [{ currency: 'EUR', amount: '1.00' }],
        unpriced: 0,
      },
    }),
    License: license,
    SeatAssignment: seat,
    SeatSubscription: { id: seat.subscriptionId },
    Task: task,
    ApiKey: await prisma.apiKey.create({
      data: { ...key, name: secret, hash: secret, role: 'EMPLOYEE', scopes: [], createdAt: at },
    }),
    AuditEntry: await prisma.auditEntry.create({
      data: { ...key, at, actor: 'key:1', action: 'token.upload', taskId: task.id },
    }),
    VppUser: user,
    TokenNotice: await addNotice(prisma, token),
    Plan: plan,
    UpdatePolicy: policy,
    UpdateRollout: rollout,
  };
  return Object.fromEntries(
    Object.entries(rows).map(([name, { id }]) => [name, globalId(name as NodeName, id)]),
  ) as Record<NodeName, string>;
}
