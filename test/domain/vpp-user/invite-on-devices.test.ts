/** Invitations that devices show: where they stand, and where they must not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leaseCommands } from '../../../src/domain/command/lease.ts';
import { AppleFailure } from '../../../src/domain/ports.ts';
import { assignDevices } from '../../../src/domain/vpp-user/assign-devices.ts';
import { readInvitations } from '../../../src/domain/vpp-user/invitation.ts';
import { inviteOnDevices } from '../../../src/domain/vpp-user/invite-on-devices.ts';
import { createFleet, type Fleet } from '../../support/fleet.ts';
import { createWorld, type World } from '../../support/world.ts';
import { makeDevices } from '../license/support.ts';
import { codeOf, registered, userOf } from './support.ts';

let world: World;
let token: bigint;
let fleet: Fleet;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
  fleet = await createFleet(world);
});
afterAll(() => world.close());

const commands = () => world.database.prisma.deviceCommand.findMany({ where: { kind: 'INVITE_TO_PROGRAM' } });
const asText = (value: unknown) =>
  JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part));

test('S48 an invitation goes to the devices of its person, and its address stands nowhere but on its way', async () => {
  const [user, nowhere, away] = (await registered(world, token, 3)) as [bigint, bigint, bigint];
  const [first, second, offList] = (await makeDevices(world, 3)) as [bigint, bigint, bigint];
  await fleet.enroll(first);
  await fleet.enroll(second, {}, { invitation: 'InvalidInvitationURL' });
  await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [first, second] } });
  await assignDevices(world.admin, { vppUserId: away, target: { deviceIds: [offList] } });
  expect(await inviteOnDevices(world.admin, { vppUserIds: [user, nowhere, away] })).toEqual({
    shown: [
      { vppUserId: user, deviceId: first },
      { vppUserId: user, deviceId: second },
    ],
    skipped: expect.arrayContaining([
      { vppUserId: nowhere, reason: 'NO_DEVICE', status: 'REGISTERED' },
      { vppUserId: away, reason: 'NOT_ENROLLED', status: 'REGISTERED' },
    ]),
  });
  await fleet.run(async () => (await commands()).every((command) => command.endedAt !== null));
  const [invitation] = await readInvitations(world.services, world.organizationId, [user]);
  const sent = fleet.mdm.calls.filter((call) => call.request.kind === 'INVITE_TO_PROGRAM');
  expect(sent.map((call) => call.request)).toEqual([
    { kind: 'INVITE_TO_PROGRAM', vppUserId: String(user), invitationUrl: invitation!.url },
  ]);
  const rows = await commands();
  expect(rows.map((row) => (row.answer as { invitation: string }).invitation).sort()).toEqual([
    'Acknowledged',
    'InvalidInvitationURL',
  ]);
  const kept = [
    rows,
    await world.database.prisma.auditEntry.findMany(),
    await world.database.prisma.deviceNews.findMany(),
  ];
  expect(asText(kept)).not.toContain(invitation!.code);
  // The device does not say who accepted.
  expect(await userOf(world, user)).toMatchObject({ status: 'REGISTERED', invitations: 1 });
});

test('S48 one that was accepted before it left is taken back, also from whoever leases commands', async () => {
  const [user, other] = (await registered(world, token, 2)) as [bigint, bigint];
  const [device, second] = (await makeDevices(world, 2)) as [bigint, bigint];
  await fleet.enroll(device);
  await fleet.enroll(second);
  await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [device] } });
  await assignDevices(world.admin, { vppUserId: other, target: { deviceIds: [second] } });
  await inviteOnDevices(world.admin, { vppUserIds: [user, other] });
  const { prisma } = world.database;
  const url = (await readInvitations(world.services, world.organizationId, [other]))[0]!.url;
  await prisma.vppUser.updateMany({ where: { id: user }, data: { status: 'ASSOCIATED' } });
  await prisma.mdmConnection.updateMany({ data: { kind: 'GRAPHQL' } });
  // While Apple does not say where invitations are accepted, none is held for a lease.
  const silent = {
    ...world.services.apple,
    invitationUrl: () => Promise.reject(new AppleFailure('UNAVAILABLE', 'away')),
  };
  const told: string[] = [];
  const lease = (as = world.admin) =>
    leaseCommands(as, { first: 100, seconds: 3_600 }, async (_tx, ended) => {
      told.push(...ended.map(({ kind, state }) => `${kind} ${state}`));
    });
  expect((await lease({ ...world.admin, apple: silent })).map(({ request }) => request.kind)).not.toContain(
    'INVITE_TO_PROGRAM',
  );
  expect(told).toEqual(['INVITE_TO_PROGRAM CANCELLED']);
  expect(await prisma.deviceCommand.findMany({ where: { deviceId: second, kind: 'INVITE_TO_PROGRAM' } })).toMatchObject(
    [{ state: 'QUEUED', sends: 0 }],
  );
  expect(await lease()).toEqual([]);
  await world.clock.advance(60_000);
  const leased = await lease();
  const invitations = leased.filter((command) => command.request.kind === 'INVITE_TO_PROGRAM');
  expect(invitations.map((command) => command.request)).toMatchObject([
    { vppUserId: String(other), invitationUrl: url },
  ]);
  expect(await codeOf(world, other)).toBeTruthy();
  expect(asText(await commands())).not.toContain(await codeOf(world, other));
  expect(await prisma.deviceCommand.findMany({ where: { deviceId: device, kind: 'INVITE_TO_PROGRAM' } })).toMatchObject(
    [{ state: 'CANCELLED' }],
  );
  await prisma.mdmConnection.updateMany({ data: { kind: 'NANOMDM' } });
});

test('S48 it needs the rights to write people and devices', async () => {
  const [user] = (await registered(world, token, 1)) as [bigint];
  for (const scopes of [['users:write'], ['devices:write']] as const)
    await expect(inviteOnDevices(world.as('ADMINISTRATOR', { scopes }), { vppUserIds: [user] })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
});
