/** One command in, one answer out. @module */
import type { PlistDict } from '../../../lib/plist.ts';
import { compareVersions } from '../device.ts';
import { useScript } from '../scripts.ts';
import { deviceInformation } from './information.ts';
import { installApplication } from './install.ts';
import { installedApplicationList } from './installed-list.ts';
import { inviteToProgram } from './invite.ts';
import { managedApplicationList } from './managed-list.ts';
import { removeApplication } from './remove.ts';
import { type Answer, failed, malformed, type Scene } from './types.ts';

const answers: Record<string, (scene: Scene, command: PlistDict) => Answer> = {
  InstallApplication: installApplication,
  RemoveApplication: removeApplication,
  InstalledApplicationList: installedApplicationList,
  ManagedApplicationList: managedApplicationList,
  DeviceInformation: deviceInformation,
  InviteToProgram: inviteToProgram,
};

/** Commands that iOS always has time for. */
const neverPutOff = new Set(['DeviceInformation', 'InstalledApplicationList']);

/** Answers a command, or does what a script says instead. */
export function answerCommand(scene: Scene, command: PlistDict): Answer {
  const { device } = scene;
  const requestType = String(command.RequestType);
  const occasion = { serialNumber: device.serialNumber, requestType, adamId: subjectOf(command) };
  if (!neverPutOff.has(requestType)) {
    if (inSetup(scene, requestType) || useScript(device.scripts, 'notNow', occasion)) return { Status: 'NotNow' };
  }
  if (useScript(device.scripts, 'formatError', occasion)) return malformed;
  if (requestType !== 'InstallApplication') {
    const scripted = device.scripts.some(({ script }) => script.kind === 'error' && script.requestType === requestType);
    const error = scripted && useScript(device.scripts, 'error', occasion);
    if (error) return failed(error.errors);
  }
  const answer = answers[requestType];
  if (answer) return answer(scene, command);
  return failed([{ domain: 'MCMDMErrorDomain', code: 12021, text: `Unknown command: ${requestType}` }]);
}

/** The app that a command is about. */
export function subjectOf({ iTunesStoreID, Identifier }: PlistDict): string | undefined {
  if (iTunesStoreID !== undefined) return String(iTunesStoreID);
  return typeof Identifier === 'string' ? Identifier : undefined;
}

function inSetup({ device }: Scene, requestType: string): boolean {
  if (!device.awaitingConfiguration) return false;
  if (requestType === 'InviteToProgram') return true;
  return requestType === 'InstallApplication' && (compareVersions(device.osVersion, '16') < 0 || !device.supervised);
}
