/** A fleet on a virtual clock, and an administrator who gives it commands through the API of its MDM server. @module */
import { randomUUID } from 'node:crypto';
import { type PlistDict, readPlist } from '../../../src/lib/plist.ts';
import type { FleetOrder, OptionsPatch, SimulatorParts } from '../../../src/simulator/index.ts';
import { school, schoolUnits, udidOf } from '../../../src/simulator/index.ts';
import { command, listenForEvents, mdmBench } from './support.ts';

/** An unlimited app for iPhone and iPad that is 15.0 or newer. */
export const app = '9000000020';
export const second = 1_000;
export const hour = 3_600_000;

/** Speeds that are easy to count with. */
const speeds = { pushDelayMs: second, pushJitterMs: 0, installMs: 10 * second, promptMs: 20 * second };

/** Starts a simulator with some supervised iPads of iOS 26.1 (or as ordered), enrolled. */
export async function fleetBench(order: FleetOrder = {}, settings: OptionsPatch & SimulatorParts = {}) {
  const hook = await listenForEvents();
  const { mdm, fleet, ...rest } = settings;
  const simulated = await mdmBench({
    ...rest,
    mdm: { webhookUrl: hook.url, webhookConcurrency: 1, ...mdm },
    fleet: { ...speeds, ...fleet },
  });
  const { admin, api } = simulated;
  const specs = order.specs ?? [{ serialNumber: 'SIMIPAD00001', ...ipad }];
  admin.fleet.make({ ...order, ...(order.devices || order.serialNumbers ? {} : { specs }) });
  await admin.fleet.drive();
  const [serialNumber = ''] = admin.fleet.devices().map((device) => device.serialNumber);

  /** Queues a command, and says what the device answered once it did. */
  async function send(requestType: string, rest: PlistDict = {}, serial = serialNumber) {
    const uuid = randomUUID();
    await api(`/enqueue/${udidOf(serial)}`, { body: command(uuid, requestType, rest) });
    await admin.advance(second);
    return answersTo(uuid).at(-1);
  }
  const answersTo = (uuid: string): PlistDict[] =>
    hook.caught
      .map(({ event }) => event.acknowledge_event)
      .filter((event) => event?.command_uuid === uuid)
      .map((event) => readPlist(Buffer.from(String(event!.raw_payload), 'base64')));

  const device = (serial = serialNumber) => admin.fleet.devices({ serialNumbers: [serial], seen: true })[0]!;
  return {
    ...simulated,
    hook,
    serialNumber,
    send,
    answersTo,
    device,
    /** The apps that InstalledApplicationList has. */
    listApps: async (rest: PlistDict = {}) => {
      const answer = await send('InstalledApplicationList', rest);
      return answer!.InstalledApplicationList as PlistDict[];
    },
    /** Gives the license, and the device the command. */
    install: async (adamId = app, rest: PlistDict = {}) => {
      license(simulated, serialNumber, adamId);
      return send('InstallApplication', { iTunesStoreID: Number(adamId), Options: { PurchaseMethod: 1 }, ...rest });
    },
    appOf: (adamId = app) => device().apps.find((one) => one.adamId === adamId),
    status: async () => {
      const list = (await send('ManagedApplicationList'))?.ManagedApplicationList as Record<string, PlistDict>;
      return Object.values(list).map((entry) => entry.Status);
    },
  };
}

/** Takes a seat for a device unless it has one. */
export function license(
  { admin }: Pick<Awaited<ReturnType<typeof mdmBench>>, 'admin'>,
  serialNumber: string,
  adamId = app,
) {
  const held = admin.truth({ uId: schoolUnits.own }).assignments;
  if (held.some((one) => one.adamId === adamId && one.serialNumber === serialNumber)) return;
  admin.assign({ uId: schoolUnits.own, adamId, serialNumber });
}

/** What most devices here are. */
export const ipad = { family: 'IPAD', model: 'iPad13,18', osVersion: '26.1', name: 'Room 100 iPad 1' } as const;

/** First error of an answer. */
export function errorsOf(answer: PlistDict | undefined): [string, number][] {
  const chain = (answer?.ErrorChain ?? []) as { ErrorDomain: string; ErrorCode: number }[];
  return chain.map(({ ErrorDomain, ErrorCode }) => [ErrorDomain, ErrorCode]);
}

export { school };
