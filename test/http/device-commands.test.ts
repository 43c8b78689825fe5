import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transaction } from '../../src/db/transaction.ts';
import { type NewCommand, planCommands } from '../../src/domain/command/plan.ts';
import { systemContext } from '../../src/domain/context.ts';
import { driveDevices } from '../../src/domain/device-news/drive.ts';
import { eventually } from '../support/eventually.ts';
import { startApi, type TestApi } from './support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ realtime: true });
});
afterAll(() => api.close());

async function organization(kind: 'GRAPHQL' | 'NANOMDM' = 'GRAPHQL') {
  const organizationId = await api.organization();
  const now = api.clock.now();
  const access = { baseUrl: 'http://127.0.0.1:1', pathPrefix: '/v1', userName: 'nanomdm', apiKeyJwe: 'sealed' };
  await api.services.prisma.mdmConnection.create({
    data: { organizationId, kind, name: 'MDM', createdAt: now, updatedAt: now, ...(kind === 'NANOMDM' && access) },
  });
  const key = await api.key(organizationId);
  const context = systemContext(api.services, organizationId, 'test', 'test');
  return {
    organizationId,
    key,
    drive: () => driveDevices(api.services, organizationId, 'test'),
    plan: (commands: Omit<NewCommand, 'dueAt' | 'deadlineAt'>[]) =>
      transaction(api.services, (tx) =>
        planCommands(
          context,
          tx,
          commands.map((command) => ({
            ...command,
            dueAt: api.clock.now(),
            deadlineAt: new Date(api.clock.now().getTime() + 3_600_000),
          })),
        ),
      ),
    mutate: async (name: string, type: string, input: object, fields: string) => {
      const answer = await api.ask(
        key,
        `mutation ($input: ${type}!) { result: ${name}(input: $input) { ... on UserError { code } ${fields} } }`,
        { input },
      );
      return answer.data?.result ?? answer.errors;
    },
  };
}

type Org = Awaited<ReturnType<typeof organization>>;
const enroll = async (org: Org, ...enrollmentIds: string[]) => {
  const enrollments = enrollmentIds.map((enrollmentId) => ({
    enrollmentId,
    event: 'ENROLLED',
    facts: { serialNumber: `SN${enrollmentId}`, osVersion: '26.0', productName: 'iPhone17,1' },
  }));
  const reported = await org.mutate(
    'reportEnrollments',
    'ReportEnrollmentsInput',
    { enrollments },
    '... on ReportEnrollmentsPayload { accepted }',
  );
  expect(reported).toEqual({ accepted: enrollmentIds.length * 2 });
  await org.drive();
  const rows = await api.services.prisma.enrollment.findMany({
    where: { organizationId: org.organizationId },
    orderBy: { enrollmentId: 'asc' },
  });
  return rows;
};
const lease = (org: Org, first: number, seconds = 60) =>
  org.mutate(
    'leaseDeviceCommands',
    'LeaseDeviceCommandsInput',
    { first, seconds },
    '... on LeaseDeviceCommandsPayload { commands { commandUuid enrollmentId leases device { serialNumber } request { __typename ... on InstallAppRequest { adamId takeOver } } } }',
  );
const report = (org: Org, reports: object[]) =>
  org.mutate(
    'reportDeviceCommand',
    'ReportDeviceCommandInput',
    { reports },
    '... on ReportDeviceCommandPayload { accepted }',
  );
const install = (enrollmentId: bigint, appId: bigint) => ({
  enrollmentId,
  appId,
  request: { kind: 'INSTALL_APP' as const, adamId: String(appId), takeOver: true, removable: null },
});
const states = async (org: Org) =>
  (
    await api.services.prisma.deviceCommand.findMany({
      where: { organizationId: org.organizationId, kind: 'INSTALL_APP' },
      orderBy: { id: 'asc' },
    })
  ).map((row) => row.state);

describe('S28 any other MDM server, through GraphQL alone', () => {
  test('S28 commands are leased once, come again with the same uuid when the lease ends, and are reported in bulk', async () => {
    const org = await organization();
    const [a, b] = await enroll(org, 'a', 'b');
    await org.plan([install(a!.id, 1n), install(b!.id, 1n)]);
    const [one, two, none] = await Promise.all([lease(org, 1), lease(org, 1), lease(org, 1).then(() => lease(org, 5))]);
    const leased = [...one.commands, ...two.commands];
    expect(new Set([...leased, ...none.commands].map((command) => command.commandUuid)).size).toBeLessThanOrEqual(2);
    expect(await states(org)).toEqual(['QUEUED', 'QUEUED']);
    await api.clock.advance(61_000);
    const { commands: again } = await lease(org, 5);
    expect(again).toHaveLength(2);
    const known = await api.services.prisma.deviceCommand.findMany({
      where: { organizationId: org.organizationId, uuid: { not: null } },
    });
    expect(new Set(again.map((command: { commandUuid: string }) => command.commandUuid))).toEqual(
      new Set(known.map((row) => row.uuid)),
    );
    expect(again[0]).toMatchObject({
      leases: 2,
      device: { serialNumber: 'SNA' },
      request: { __typename: 'InstallAppRequest', adamId: '1', takeOver: true },
    });
    const [first, second] = again;
    const of = ({ commandUuid, enrollmentId }: { commandUuid: string; enrollmentId: string }) => ({
      commandUuid,
      enrollmentId,
    });
    const reports = [
      { ...of(first), status: 'ACKNOWLEDGED', app: { bundleId: 'x', state: 'Installing' } },
      { ...of(first), status: 'ACKNOWLEDGED' },
      { ...of(second), status: 'DELIVERED' },
      { commandUuid: 'not-ours', enrollmentId: 'a', status: 'MALFORMED' },
    ];
    expect(await report(org, reports)).toEqual({ accepted: 4 });
    await org.drive();
    expect(await states(org)).toEqual(['ACKNOWLEDGED', 'QUEUED']);
    await api.clock.advance(61_000);
    expect(
      (await lease(org, 5)).commands.filter(
        (command: { commandUuid: string }) => command.commandUuid === second.commandUuid,
      ),
    ).toEqual([]);
    await report(org, [{ ...of(second), status: 'REFUSED', reason: 'no such device' }]);
    await org.drive();
    expect(await states(org)).toEqual(['ACKNOWLEDGED', 'REFUSED']);
  });

  test('S28 an inventory that nobody asked for is taken in, and a device that is gone leaves nothing behind', async () => {
    const org = await organization();
    const [a] = await enroll(org, 'inv');
    const devices = [
      {
        enrollmentId: 'inv',
        apps: [{ bundleId: 'x', version: '1', externalVersionId: '' }, { bundleId: 'y' }],
        facts: { osVersion: '26.2' },
      },
    ];
    expect(
      await org.mutate(
        'reportInventory',
        'ReportInventoryInput',
        { devices },
        '... on ReportInventoryPayload { accepted }',
      ),
    ).toEqual({ accepted: 1 });
    await org.drive();
    const installed = () => api.services.prisma.installedApp.count({ where: { organizationId: org.organizationId } });
    expect(await installed()).toBe(2);
    const nothing = { organizationId: org.organizationId, externalVersionId: null };
    expect(await api.services.prisma.installedApp.count({ where: nothing }), 'an empty text says nothing').toBe(2);
    expect(await api.services.prisma.device.findFirstOrThrow({ where: { id: a!.deviceId! } })).toMatchObject({
      osVersion: '26.2',
    });
    await api.clock.advance(1_000);
    await org.mutate(
      'reportEnrollments',
      'ReportEnrollmentsInput',
      { enrollments: [{ enrollmentId: 'inv', event: 'GONE' }] },
      '__typename',
    );
    await org.drive();
    expect(await installed()).toBe(0);
  });

  test('S3 it needs commands:write and a connection of the kind GRAPHQL', async () => {
    const org = await organization('NANOMDM');
    expect(await lease(org, 1)).toEqual({ code: 'NOT_FOUND' });
    expect(await lease(org, 0)).toEqual({ code: 'INVALID_INPUT' });
    const weak = await api.key(org.organizationId, 'ADMINISTRATOR', ['devices:read']);
    const answer = await api.ask(
      weak,
      'mutation { leaseDeviceCommands(input: { first: 1, seconds: 60 }) { __typename } }',
    );
    expect(answer.errors![0]!.extensions.code).toBe('FORBIDDEN');
  });

  test('S28 the example carries commands to its devices and their answers back', async () => {
    const org = await organization();
    const folder = await mkdtemp(join(tmpdir(), 'russet-example-'));
    await writeFile(
      join(folder, 'sandbox.json'),
      JSON.stringify({ graphqlUrl: `${api.url}/graphql`, apiKey: org.key }),
    );
    const child = spawn(process.execPath, ['examples/carry-commands.mjs', '6'], {
      env: { ...process.env, RUSSET_DATA: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const hear = (text: Buffer) => {
      output += text;
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      const rows = await eventually(async () => {
        await org.drive();
        const found = await api.services.prisma.enrollment.findMany({
          where: { organizationId: org.organizationId, state: 'ENROLLED' },
        });
        return found.length === 2 && found;
      });
      expect(output).toBe('');
      await org.plan((rows as { id: bigint }[]).map(({ id }) => install(id, 5n)));
      // The answers to the installs are followed by questions for the apps, whose time comes by itself.
      const installed = await eventually(async () => {
        await api.clock.advance(16_000);
        await org.drive();
        return (await api.services.prisma.installedApp.count({ where: { organizationId: org.organizationId } })) === 2;
      });
      expect(installed, output).toBe(true);
      expect(await ended, output).toBe(0);
      expect(await states(org)).toEqual(['ACKNOWLEDGED', 'ACKNOWLEDGED']);
    } finally {
      child.kill();
      await rm(folder, { recursive: true });
    }
  });
});
