/** F4: one fixture a reason, and each gives exactly that reason first. One database for all of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemContext } from '../../../src/domain/context.ts';
import { explain } from '../../../src/domain/explain/read.ts';
import { rules } from '../../../src/domain/explain/rules.ts';
import { addApp, addDevice, addGroup, addLicense, addPool, addTask, addToken } from '../../graphql/rows.ts';
import { startApi, type TestApi } from '../../http/support/api.ts';

let api: TestApi;
let connectionId: bigint;
let organizationId: bigint;
let tokenId: bigint;
let last = 0;
const now = new Date('2026-03-01T12:00:00Z');
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  tokenId = (await addToken(api.services.prisma, organizationId)).id;
  connectionId = (
    await prisma().mdmConnection.create({
      data: { organizationId, kind: 'GRAPHQL', name: 'x', createdAt: now, updatedAt: now },
    })
  ).id;
});
afterAll(() => api.close());

const prisma = () => api.services.prisma;

/** A device, enrolled and seen just now, with a confirmed license: nothing is wrong but what a case makes wrong. */
class Case {
  app!: Awaited<ReturnType<typeof addApp>>;
  pool!: Awaited<ReturnType<typeof addPool>>;
  device!: Awaited<ReturnType<typeof addDevice>>;
  license!: { id: bigint } | null;
  enrollmentId!: bigint;

  static async make(options: { licensed?: boolean } = {}): Promise<Case> {
    const made = new Case();
    made.app = await addApp(prisma(), organizationId, { name: `App ${++last}` });
    made.pool = await addPool(prisma(), { organizationId, tokenId, appId: made.app.id });
    made.device = await addDevice(prisma(), organizationId, `WHY${last}`);
    made.license = options.licensed === false ? null : await addLicense(prisma(), made.pool, made.device);
    const enrollment = {
      organizationId,
      connectionId,
      enrollmentId: `E${last}`,
      state: 'ENROLLED' as const,
      deviceId: made.device.id,
    };
    made.enrollmentId = (
      await prisma().enrollment.create({ data: { ...enrollment, lastSeenAt: ago(0), listedAt: ago(1) } })
    ).id;
    return made;
  }

  async operation(state: string, more: Record<string, unknown> = {}) {
    const task = await addTask(prisma(), organizationId);
    const ended = ['DONE', 'FAILED', 'TIMED_OUT', 'CANCELLED'].includes(state);
    const data = {
      organizationId,
      kind: 'INSTALL',
      state,
      taskId: task.id,
      deviceId: this.device.id,
      appId: this.app.id,
      attempts: 1,
    };
    await prisma().appOperation.create({
      data: {
        ...data,
        createdAt: ago(3),
        changedAt: ago(2),
        ...(ended ? { endedAt: ago(2), settled: true } : {}),
        ...more,
      } as never,
    });
  }

  async command(state: string, more: Record<string, unknown> = {}) {
    const data = {
      organizationId,
      connectionId,
      enrollmentId: this.enrollmentId,
      generation: 1,
      deviceId: this.device.id,
      appId: this.app.id,
    };
    await prisma().deviceCommand.create({
      data: {
        ...data,
        kind: 'INSTALL_APP',
        request: {},
        state,
        createdAt: ago(3),
        deadlineAt: new Date('2026-04-01'),
        ...more,
      } as never,
    });
  }

  async installed(more: Record<string, unknown> = {}) {
    await prisma().installedApp.create({
      data: {
        organizationId,
        deviceId: this.device.id,
        bundleId: `b${last}`,
        appId: this.app.id,
        shortVersion: '1.0',
        externalVersionId: '1',
        changedAt: ago(1),
        ...more,
      },
    });
  }

  metadata(more: Record<string, unknown> = {}) {
    const data = {
      organizationId,
      appId: this.app.id,
      storefront: 'DE',
      platform: 'ios',
      deviceFamilies: ['iphone', 'ipad'],
      fetchedAt: now,
    };
    return prisma().appMetadata.create({ data: { ...data, ...more } });
  }

  why() {
    const context = systemContext(api.services, organizationId, 'test', 'test');
    return explain(context, { deviceId: this.device.id, appId: this.app.id });
  }
}

const bare = { licensed: false };
const cause = (code: string, more: object = {}) => ({ cause: { code, message: code, ...more } });
const groupOf = async (one: Case) => {
  const group = await addGroup(prisma(), organizationId, `G${last}`);
  await prisma().deviceGroupMember.create({ data: { organizationId, groupId: group.id, deviceId: one.device.id } });
  return group.id;
};
const changePool = (one: Case, data: object) => prisma().licensePool.updateMany({ where: { id: one.pool.id }, data });
const changeDevice = (one: Case, data: object) => prisma().device.updateMany({ where: { id: one.device.id }, data });
const changeLicense = (one: Case, data: object) =>
  prisma().license.updateMany({ where: { id: one.license!.id }, data });
const changeEnrollment = (one: Case, data: object) =>
  prisma().enrollment.updateMany({ where: { id: one.enrollmentId }, data });
async function moveToToken(one: Case, token: object) {
  const other = await addToken(prisma(), organizationId, { label: `T${last}`, position: last + 1 });
  await prisma().token.updateMany({ where: { id: other.id }, data: token });
  await prisma().licensePool.deleteMany({ where: { id: one.pool.id } });
  await addPool(prisma(), { organizationId, tokenId: other.id, appId: one.app.id });
}

type Fixture = [code: string, confidence: 'FACT' | 'LIKELY' | 'GUESS', make: () => Promise<Case>];
const fixture = (
  code: string,
  confidence: Fixture[1],
  licensed: boolean,
  change: (one: Case) => Promise<unknown>,
): Fixture => [
  code,
  confidence,
  async () => {
    const one = await Case.make({ licensed });
    await change(one);
    return one;
  },
];

const fixtures: Fixture[] = [
  fixture('INSTALLED', 'FACT', true, (one) => one.installed()),
  fixture('INSTALLING', 'FACT', true, (one) => one.installed({ installing: true })),
  fixture('STAGED_ROLLOUT', 'GUESS', true, async (one) => {
    await one.installed({ hasUpdate: false });
    await one.metadata({ externalVersionId: '2', version: '2.0' });
    await prisma().$executeRawUnsafe(
      `UPDATE app_metadata SET version_seen_at = '${ago(48).toISOString()}' WHERE app_id = ${one.app.id}`,
    );
  }),
  fixture('APP_NOT_RELEASED', 'FACT', false, (one) =>
    prisma().app.updateMany({ where: { id: one.app.id }, data: { status: 'REVIEW' } }),
  ),
  fixture('NOT_DEVICE_ASSIGNABLE', 'FACT', false, (one) => changePool(one, { deviceAssignable: false })),
  fixture('PLATFORM_NOT_SUPPORTED', 'FACT', false, (one) => changePool(one, { supportedPlatforms: ['macOS'] })),
  fixture('OS_TOO_OLD', 'FACT', false, (one) => changeDevice(one, { osVersion: '8.4.1' })),
  fixture('MINIMUM_OS', 'FACT', true, (one) => one.metadata({ minimumOsVersion: '19.2' })),
  fixture('DEVICE_FAMILY', 'FACT', true, async (one) => {
    await one.metadata({ deviceFamilies: ['ipad'] });
    await changeDevice(one, { family: 'IPHONE' });
  }),
  fixture('STOREFRONT', 'LIKELY', true, (one) => one.metadata({ storefront: 'US' })),
  fixture('DEPLOYMENT_NONE', 'FACT', false, async (one) => {
    const groupId = await groupOf(one);
    await prisma().deployment.create({
      data: { organizationId, appId: one.app.id, groupId, mode: 'NONE', createdAt: now, updatedAt: now },
    });
  }),
  fixture('NO_TOKEN_FOR_APP', 'FACT', false, (one) => prisma().licensePool.deleteMany({ where: { id: one.pool.id } })),
  fixture('TOKEN_EXPIRED', 'FACT', false, (one) => moveToToken(one, { expiresAt: ago(24) })),
  fixture('TOKEN_NOT_USABLE', 'FACT', false, (one) => moveToToken(one, { condition: 'REVOKED' })),
  fixture('QUOTA_EXCEEDED', 'FACT', false, async (one) => {
    const groupId = await groupOf(one);
    await prisma().groupQuota.create({ data: { organizationId, groupId, appId: one.app.id, seats: 0n } });
  }),
  fixture('WAITS_FOR_LICENSE', 'FACT', false, async (one) => {
    await changePool(one, { total: 0n });
    const other = await addDevice(prisma(), organizationId, `BEFORE${last}`);
    const task = await addTask(prisma(), organizationId);
    for (const deviceId of [other.id, one.device.id])
      await prisma().licenseWait.create({
        data: {
          organizationId,
          taskId: task.id,
          appId: one.app.id,
          deviceId,
          priority: 0,
          reason: 'NO_LICENSES_AVAILABLE',
          message: 'm',
          createdAt: ago(1),
          expiresAt: new Date('2026-04-01'),
        },
      });
  }),
  fixture('NO_LICENSES_AVAILABLE', 'FACT', false, (one) => changePool(one, { total: 0n })),
  fixture('LICENSE_FAILED', 'FACT', true, (one) => changeLicense(one, { state: 'FAILED', endedAt: ago(1) })),
  fixture('LICENSE_ENDED', 'FACT', true, (one) => changeLicense(one, { state: 'REVOKED', endedAt: ago(1) })),
  fixture('DEPLOYMENT_REFUSED', 'FACT', false, async (one) => {
    const groupId = await groupOf(one);
    await prisma().deployment.create({
      data: { organizationId, appId: one.app.id, groupId, mode: 'LICENSE_ONLY', createdAt: now, updatedAt: now },
    });
    await prisma().deploymentRefusal.create({
      data: {
        organizationId,
        appId: one.app.id,
        deviceId: one.device.id,
        code: 'OS_TOO_OLD',
        message: 'm',
        refusedAt: ago(1),
        retryAt: new Date('2026-04-01'),
      },
    });
  }),
  fixture('NOT_REQUESTED', 'FACT', false, async () => {}),
  fixture('REVOKE_IN_PROGRESS', 'FACT', true, (one) => changeLicense(one, { state: 'REVOKE_PENDING' })),
  fixture('PENDING_AT_APPLE', 'FACT', true, (one) => changeLicense(one, { state: 'PENDING_AT_APPLE' })),
  fixture('NOT_ENROLLED', 'FACT', true, (one) => changeEnrollment(one, { state: 'GONE', goneAt: ago(5) })),
  fixture('APP_IN_USE', 'LIKELY', true, (one) =>
    one.operation('PROMPTING', cause('WAITS_FOR_PERSON', { domain: 'DeviceManagement.error', number: 1407 })),
  ),
  fixture('PROMPTING', 'FACT', true, (one) => one.operation('PROMPTING')),
  fixture('PROPAGATING', 'FACT', true, (one) =>
    one.operation('PROPAGATING', cause('LICENSE_NOT_VISIBLE', { domain: 'ASDServerErrorDomain', number: 9610 })),
  ),
  fixture('REMOVING', 'FACT', true, async (one) => {
    await one.installed();
    await one.operation('DONE');
    await one.operation('SENT', { kind: 'REMOVE' });
  }),
  fixture('REMOVED', 'FACT', true, async (one) => {
    await one.operation('DONE');
    await one.operation('DONE', { kind: 'REMOVE', endedAt: ago(1.5) });
    await changeLicense(one, { state: 'REVOKED', endedAt: ago(1) });
  }),
  fixture('REMOVED_BY_USER', 'FACT', true, (one) => one.installed({ managedStatus: 'ManagedButUninstalled' })),
  fixture('REMOVED_BY_USER', 'LIKELY', true, (one) => one.operation('DONE')),
  fixture('USER_REJECTED', 'FACT', true, (one) =>
    one.operation('FAILED', cause('USER_REJECTED', { domain: 'MCMDMErrorDomain', number: 12063 })),
  ),
  fixture('DEVICE_REFUSED', 'FACT', true, (one) =>
    one.operation('FAILED', cause('UNKNOWN_ANSWER', { domain: 'SomeErrorDomain', number: 4711 })),
  ),
  fixture('DEVICE_REFUSED', 'FACT', true, (one) =>
    one.command('FAILED', { endedAt: ago(1), answer: { state: null, rejectionReason: 'NotSupported', errors: [] } }),
  ),
  fixture('NOT_NOW', 'FACT', true, async (one) => {
    await one.operation('SENT');
    await one.command('QUEUED', { notNows: 2, notNowAt: ago(1) });
  }),
  fixture('NOT_SEEN', 'LIKELY', true, async (one) => {
    await changeEnrollment(one, { lastSeenAt: ago(24 * 9) });
    await one.operation('SENT');
  }),
  fixture('TIMED_OUT', 'FACT', true, (one) => one.operation('TIMED_OUT', cause('DEVICE_SILENT'))),
  fixture('INSTALL_FAILED', 'FACT', true, (one) => one.operation('FAILED', cause('INSTALL_FAILED'))),
  fixture('IN_PROGRESS', 'FACT', true, (one) => one.operation('INSTALLING')),
  fixture('INSTALL_NOT_REQUESTED', 'FACT', true, async () => {}),
  fixture('UNKNOWN', 'GUESS', true, (one) => one.operation('FAILED')),
];

test.each(fixtures)('F4 %s (%s) comes first', async (code, confidence, make) => {
  const { reasons, ruledOut } = await (await make()).why();
  expect(reasons[0], JSON.stringify(reasons)).toMatchObject({ code, confidence });
  expect(reasons[0]!.message).not.toBe('');
  expect(ruledOut).not.toContain(code);
});

test('F4 every reason has its fixture', () => {
  const codes = new Set(fixtures.map(([code]) => code));
  expect(Object.keys(rules).filter((code) => !codes.has(code))).toEqual([]);
});

test('F4 evidence is told: the place in the queue, the device’s own number, and of UNKNOWN what was ruled out', async () => {
  const evidence = async (code: string) => {
    const { reasons } = await (await fixtures.find(([one]) => one === code)![2]()).why();
    return Object.fromEntries(reasons[0]!.evidence.map(({ name, value }) => [name, value]));
  };
  expect(await evidence('WAITS_FOR_LICENSE')).toMatchObject({ position: '2' });
  expect(await evidence('DEVICE_REFUSED')).toMatchObject({ domain: 'SomeErrorDomain', number: '4711' });
  expect(await evidence('OS_TOO_OLD')).toMatchObject({ required: '9.0', actual: '8.4.1' });
  expect((await evidence('UNKNOWN')).ruledOut).toMatch(/NOT_ENROLLED.*PROPAGATING.*NOT_SEEN/);
});

test('F4 several reasons come in order; what is unknown is not found', async () => {
  const one = await Case.make(bare);
  await changePool(one, { total: 0n });
  await changeEnrollment(one, { state: 'GONE' });
  expect((await one.why()).reasons.map(({ code }) => code)).toEqual(['NO_LICENSES_AVAILABLE', 'NOT_ENROLLED']);
  const context = systemContext(api.services, organizationId, 'test', 'test');
  await expect(explain(context, { deviceId: 999_999n, appId: one.app.id })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(explain(context, { deviceId: one.device.id, appId: 999_999n })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

const codesOf = async (one: Case) => (await one.why()).reasons.map(({ code }) => code);

test('F4 what Russet removed is told so; an install or a license since then counts', async () => {
  const one = await Case.make();
  await one.operation('DONE');
  await one.command('ACKNOWLEDGED', { endedAt: ago(2) });
  await one.operation('DONE', { kind: 'REMOVE', endedAt: ago(0.5) });
  const [removed] = (await one.why()).reasons;
  expect(removed!.message).toContain('Russet removed the app on 2026-03-01 11:30 UTC, as was asked');
  expect(await codesOf(one)).toEqual(['REMOVED', 'INSTALL_NOT_REQUESTED']);
  await changeLicense(one, { state: 'REVOKED', endedAt: ago(0.4) });
  expect(await codesOf(one)).toEqual(['REMOVED', 'LICENSE_ENDED']);
  await one.operation('FAILED', cause('USER_REJECTED'));
  expect(await codesOf(one)).toEqual(['LICENSE_ENDED', 'USER_REJECTED']);
  const found = await Case.make();
  await found.operation('DONE');
  await found.operation('DONE', { kind: 'REMOVE', attempts: 0 });
  expect(await codesOf(found)).toEqual(['REMOVED_BY_USER']);
});

test('F4 a license that went back with its install stands behind why the install failed, which is told once', async () => {
  for (const [code, number, told] of [
    ['USER_REJECTED', 12063, 'USER_REJECTED'],
    ['USER_REJECTED', undefined, 'USER_REJECTED'],
    ['INSTALLATION_RESTRICTED', 12031, 'DEVICE_REFUSED'],
    ['INSTALLATION_RESTRICTED', undefined, 'INSTALL_FAILED'],
  ] as const) {
    const one = await Case.make();
    const words = cause(code, number ? { domain: 'MCMDMErrorDomain', number } : {});
    await one.operation('FAILED', { ...words, licenseId: one.license!.id, releaseLicense: true });
    await changeLicense(one, { state: 'REVOKED', endedAt: ago(1) });
    const { reasons } = await one.why();
    expect(reasons.map((reason) => reason.code)).toEqual([told, 'LICENSE_ENDED']);
    expect(reasons[1]!.message).not.toContain('Give it another one');
  }
});

test('F4 an install between two tries says how often it failed, why, and when it goes on', async () => {
  const one = await Case.make();
  const failed = { cause: { code: 'INSTALL_FAILED', message: 'The device began and failed.' } };
  await one.operation('READY', { ...failed, attempts: 2, dueAt: new Date('2026-03-01T12:10:00Z') });
  const [first] = (await one.why()).reasons;
  expect(first).toMatchObject({ code: 'IN_PROGRESS', confidence: 'FACT' });
  expect(first!.message).toBe(
    'The install was tried 2 times and failed. Last: The device began and failed. It is tried again at 2026-03-01 12:10 UTC.',
  );
});

test('F4 what is installed is so by a list, and the list has a date', async () => {
  const one = await Case.make();
  await one.installed();
  expect((await one.why()).reasons[0]!.message).toBe(
    'The app is installed, by its list of 2026-03-01 11:00 UTC. Nothing is wrong.',
  );
});

test('F4 an app that is being removed is said to be going, with what that waits for; a device that is away is named', async () => {
  const one = await Case.make();
  await one.installed();
  await one.operation('WAITING_FOR_LICENSE', { kind: 'REMOVE', attempts: 0 });
  const [going, there] = (await one.why()).reasons;
  expect(going!.message).toMatch(/^Russet is removing the app, as was asked \(task [A-Z]+\)\. It goes when Apple/);
  expect(there!.message).toBe('The app is installed, by its list of 2026-03-01 11:00 UTC.');
  await prisma().appOperation.updateMany({
    where: { deviceId: one.device.id },
    data: {
      state: 'READY',
      attempts: 2,
      dueAt: new Date('2026-03-01T12:10:00Z'),
      cause: { code: 'APP_BUSY', message: 'Busy.' },
    },
  });
  await changeEnrollment(one, { lastSeenAt: ago(24 * 9) });
  const { reasons } = await one.why();
  expect(reasons.map(({ code }) => code)).toEqual(['REMOVING', 'NOT_SEEN', 'INSTALLED']);
  expect(reasons[0]!.message).toContain('Busy. It is tried again at 2026-03-01 12:10 UTC.');
  // No list shows the app any more, and the removal has not come to its end.
  await prisma().installedApp.deleteMany({ where: { deviceId: one.device.id } });
  expect((await codesOf(one))[0]).toBe('REMOVING');
});
