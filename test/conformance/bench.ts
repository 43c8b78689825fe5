/** Russet, an MDM server, and simulated devices that speak to it over HTTP; all by the machine's clock. @module */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { transaction } from '../../src/db/transaction.ts';
import { planCommands } from '../../src/domain/command/plan.ts';
import type { Context } from '../../src/domain/context.ts';
import { openAccess } from '../../src/domain/mdm/access.ts';
import { mdmWebhookPath } from '../../src/domain/mdm/address.ts';
import { connectMdm } from '../../src/domain/mdm/connect.ts';
import { presentConnection } from '../../src/domain/mdm/find.ts';
import type { DeviceRequest, MdmAccess } from '../../src/domain/mdm-ports.ts';
import type { InstalledApp } from '../../src/generated/prisma/client.ts';
import { createMdmWebhookEndpoint } from '../../src/http/mdm-webhook.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createNanoMdm } from '../../src/mdm/nanomdm/client.ts';
import {
  createSimulator,
  type DeviceAct,
  type DeviceScript,
  type DeviceTruth,
  type InitialApp,
  schoolUnits,
  udidOf,
} from '../../src/simulator/index.ts';
import { createDeviceWorld, type DeviceWorld } from '../domain/command/support.ts';
import { eventually } from '../support/eventually.ts';
import { openRelay, type Relay } from './relay.ts';
import type { ServerUnderTest, StartServer } from './server.ts';

/** An unlimited app for iPad. */
export const app = '9000000020';
const hmacKey = 'key of the webhook';

export interface Bench {
  server: ServerUnderTest;
  world: DeviceWorld;
  context: Context;
  organizationId: bigint;
  relay: Relay;
  access: MdmAccess;
  /** What `connectMdm` said. */
  connected: { version: string | null };
  /** Makes supervised iPads, and waits until Russet knows them. Gives their serial numbers. */
  enroll(count?: number, apps?: InitialApp[]): Promise<string[]>;
  /** Writes a command down for a device. */
  plan(serial: string, request: DeviceRequest, deadline?: number): Promise<bigint>;
  /** Does what is due in Russet. */
  drive(): Promise<void>;
  /** Lets devices ask for work, as after a push. */
  connect(...serials: string[]): Promise<void>;
  act(serial: string, act: DeviceAct): Promise<void>;
  script(serial: string, script: DeviceScript): void;
  /** Takes a seat for the device. */
  license(serial: string, adamId?: string): void;
  command(id: bigint): Promise<Command>;
  enrollment(serial: string): Promise<Enrollment>;
  /** The apps that Russet knows of. */
  installed(serial: string): Promise<InstalledApp[]>;
  /** Drives devices and Russet until the command is in this state. */
  comesTo(id: bigint, state: string): Promise<Command>;
  until(check: () => Promise<boolean> | boolean): Promise<boolean>;
  /** What is true of the device. */
  truth(serial: string): DeviceTruth;
  /** Ends Russet's door and opens it again. */
  restartRusset(): Promise<void>;
  /** Nothing of a case is left to the next one. */
  atEase(): void;
  close(): Promise<void>;
}

type Command = Awaited<ReturnType<typeof commandOf>>;
type Enrollment = Awaited<ReturnType<typeof enrollmentOf>>;

const commandOf = ({ database }: DeviceWorld, id: bigint) =>
  database.prisma.deviceCommand.findFirstOrThrow({ where: { id } });
const enrollmentOf = ({ database }: DeviceWorld, organizationId: bigint, serial: string) =>
  database.prisma.enrollment.findFirstOrThrow({
    where: { organizationId, enrollmentId: udidOf(serial) },
    include: { device: true },
  });

let last = 0;

export async function openBench(start: StartServer): Promise<Bench> {
  const devices = createSimulator({ fleet: { installMs: 100, notNowRetryMs: 20, retryMs: 50, promptMs: 50 } });
  const { admin } = devices;
  const server = await start(admin.fleet.authority().pem);
  admin.fleet.useServer({ server: { doorUrl: server.doorUrl, certificateHeader: server.certificateHeader } });
  const world = await createDeviceWorld({ clock: systemClock, mdm: createNanoMdm() });
  const organization = await world.organization();
  const { organizationId } = organization;
  const context = organization.as();
  const { prisma } = world.database;
  await prisma.mdmConnection.deleteMany({ where: { organizationId } });
  const { baseUrl, apiKey, flavor } = server;
  const connected = await connectMdm(context, { kind: 'NANOMDM', server: flavor, baseUrl, apiKey, hmacKey });
  const connection = (await presentConnection(context))!;
  const relay = await openRelay();
  let door = await openDoor(world);
  const aim = () => {
    relay.target = `http://127.0.0.1:${(door.address() as AddressInfo).port}${mdmWebhookPath}${connection.webhookId}`;
  };
  aim();
  await server.restart({ url: relay.url, hmacKey });

  const bench: Bench = {
    ...{ server, world, context, organizationId, relay, connected },
    access: (await openAccess(context, connection))!,
    enroll: async (count = 1, apps = []) => {
      const serials = Array.from({ length: count }, () => `CONF${String(++last).padStart(8, '0')}`);
      const specs = serials.map((serialNumber) => ({
        ...{ serialNumber, name: serialNumber, family: 'IPAD' as const, model: 'iPad13,18', osVersion: '26.1' },
      }));
      admin.fleet.make({ specs, apps });
      const known = () =>
        prisma.enrollment.count({
          where: { organizationId, enrollmentId: { in: serials.map(udidOf) }, state: 'ENROLLED' },
        });
      if (!(await bench.until(async () => (await known()) === count))) throw new Error('devices did not enroll');
      // Nothing but what a case asks.
      await prisma.enrollment.updateMany({
        where: { organizationId },
        data: { informationDueAt: null, listDueAt: null },
      });
      return serials;
    },
    plan: async (serial, request, deadline = 3_600_000) => {
      const enrollment = await bench.enrollment(serial);
      const now = systemClock.now();
      const [planned] = await transaction(world.services, (tx) =>
        planCommands(context, tx, [
          { enrollmentId: enrollment.id, request, dueAt: now, deadlineAt: new Date(now.getTime() + deadline) },
        ]),
      );
      if (planned!.outcome !== 'PLANNED') throw new Error(`a command was ${planned!.outcome}`);
      return planned!.commandId!;
    },
    drive: organization.drive,
    connect: (...serialNumbers) => doAct({ serialNumbers, act: { kind: 'connect' } }),
    act: (serial, act) => doAct({ serialNumbers: [serial], act }),
    script: (serial, script) => void admin.fleet.script({ serialNumbers: [serial], script }),
    license: (serialNumber, adamId = app) => void admin.assign({ uId: schoolUnits.own, adamId, serialNumber }),
    command: (id) => commandOf(world, id),
    enrollment: (serial) => enrollmentOf(world, organizationId, serial),
    installed: async (serial) => {
      const { deviceId } = await bench.enrollment(serial);
      return prisma.installedApp.findMany({ where: { organizationId, deviceId: deviceId! } });
    },
    comesTo: async (id, state) => {
      await bench.until(async () => (await bench.command(id)).state === state);
      const command = await bench.command(id);
      expect(command).toMatchObject({ state });
      return command;
    },
    until: (check) =>
      eventually(async () => {
        await admin.fleet.drive();
        await organization.drive();
        return check();
      }),
    truth: (serial) => admin.fleet.devices({ serialNumbers: [serial], seen: true })[0]!,
    restartRusset: async () => {
      await closeDoor(door);
      door = await openDoor(world);
      aim();
    },
    atEase: () => Object.assign(relay, { holds: null, held: [] }),
    close: async () => {
      await devices.close();
      await server.close();
      await relay.close();
      await closeDoor(door);
      await world.close();
    },
  };
  const doAct = async (order: Parameters<typeof admin.fleet.act>[0]) => {
    admin.fleet.act(order);
    await admin.fleet.drive();
  };
  return bench;
}

async function openDoor(world: DeviceWorld): Promise<Server> {
  const endpoint = createMdmWebhookEndpoint(world.services, 1_500_000);
  const server = createServer((request, response) => void endpoint(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function closeDoor(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
