/** The device side of the MDM protocol: it says Idle, and answers command after command until none is left. @module */
import type { PlistDict } from '../../lib/plist.ts';
import { answerCommand, subjectOf } from './answers/index.ts';
import { buildOf, modelNames } from './answers/information.ts';
import type { Scene } from './answers/types.ts';
import { noteCommand, type SimulatedDevice } from './device.ts';
import { useScript } from './scripts.ts';
import type { Transport } from './transport.ts';

/** How a conversation ended. `put-off`: its last word was NotNow; `broken`: an answer was not taken. */
export type Ending = 'done' | 'put-off' | 'broken';

/** Topic of the push certificate that simulated devices belong to. */
export const pushTopic = 'com.apple.mgmt.External.simulated';

/** Most commands of one conversation; a server that never stops is a bug worth seeing. */
const commandsMost = 1_000;

/** Talks until the server has nothing more. */
export async function converse(scene: Scene, transport: Transport): Promise<Ending> {
  const { device } = scene;
  const say = (message: PlistDict) => transport({ ...addressOf(device), message, isCheckIn: false });
  let reply = await say(device.unsent ?? { ...identityOf(device), Status: 'Idle' });
  if (reply.status >= 300) return 'broken';
  device.unsent = null;
  let last = 'Idle';
  for (let count = 0; reply.command; count++) {
    if (count === commandsMost) throw new Error(`${device.serialNumber} got ${commandsMost} commands at once`);
    const answer = answerOf(scene, reply.command);
    last = String(answer.Status);
    const occasion = { serialNumber: device.serialNumber, adamId: undefined };
    device.unsent = answer;
    if (useScript(device.scripts, 'lostConnection', occasion)) return 'broken';
    if (useScript(device.scripts, 'duplicateAnswer', occasion)) await say(answer);
    reply = await say(answer);
    if (reply.status >= 300) return 'broken';
    device.unsent = null;
  }
  return last === 'NotNow' ? 'put-off' : 'done';
}

function answerOf(scene: Scene, { CommandUUID: uuid, Command: command }: PlistDict): PlistDict {
  const { device, world } = scene;
  const asked = command as PlistDict;
  const answer = answerCommand(scene, asked);
  const [error] = (answer.ErrorChain ?? []) as { ErrorCode: number }[];
  const app = subjectOf(asked);
  noteCommand(device, {
    at: world.now(),
    uuid: String(uuid),
    requestType: String(asked.RequestType),
    ...(app === undefined ? {} : { app }),
    status: answer.Status,
    ...(error ? { errorCode: error.ErrorCode } : {}),
  });
  return { ...identityOf(device), CommandUUID: uuid!, ...answer };
}

/** Enrolls: Authenticate and TokenUpdate. */
export async function enroll(device: SimulatedDevice, transport: Transport): Promise<boolean> {
  const authenticated = await checkIn(device, transport, {
    MessageType: 'Authenticate',
    BuildVersion: buildOf(device),
    DeviceName: device.name,
    Model: 'SIM000LL',
    ModelName: modelNames[device.family],
    OSVersion: device.osVersion,
    ProductName: device.model,
    SerialNumber: device.serialNumber,
  });
  return authenticated && updateToken(device, transport);
}

/** Says how it can be reached. */
export function updateToken(device: SimulatedDevice, transport: Transport): Promise<boolean> {
  return checkIn(device, transport, {
    MessageType: 'TokenUpdate',
    AwaitingConfiguration: device.awaitingConfiguration,
    PushMagic: `magic-${device.serialNumber}`,
    Token: new Uint8Array(Buffer.from(device.serialNumber)),
  });
}

/** Says goodbye. */
export function checkOut(device: SimulatedDevice, transport: Transport): Promise<boolean> {
  return checkIn(device, transport, { MessageType: 'CheckOut' });
}

async function checkIn(device: SimulatedDevice, transport: Transport, message: PlistDict): Promise<boolean> {
  const full = { ...identityOf(device), Topic: pushTopic, ...message };
  const { status } = await transport({ ...addressOf(device), message: full, isCheckIn: true });
  return status < 300;
}

function identityOf({ udid }: SimulatedDevice): { UDID: string } {
  return { UDID: udid };
}

function addressOf({ serialNumber, udid }: SimulatedDevice): { serialNumber: string; udid: string } {
  return { serialNumber, udid };
}
