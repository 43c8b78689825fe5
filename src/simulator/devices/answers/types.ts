/** What the answers to commands share. @module */
import type { PlistDict, PlistValue } from '../../../lib/plist.ts';
import type { World } from '../../apple/world.ts';
import type { AppStatus, DeviceAppState, SimulatedDevice } from '../device.ts';
import type { ScriptedError } from '../scripts.ts';

/** What a device does by itself later on. */
export interface Later {
  /** What becomes of an app after so many milliseconds, unless something else began with it meanwhile. */
  app(device: SimulatedDevice, app: DeviceAppState, afterMs: number, step: AppStep): void;
  /** A person accepts an invitation. */
  invitation(device: SimulatedDevice, url: string): void;
}

/** The end of a download or the answer of a person. */
export type AppStep = 'installed' | 'agreed' | 'rejected' | 'failed' | 'stays';

/** Where a command is answered. */
export interface Scene {
  world: World;
  device: SimulatedDevice;
  later: Later;
}

/** An answer without the keys that every answer has. */
export type Answer = PlistDict & { Status: 'Acknowledged' | 'Error' | 'CommandFormatError' | 'NotNow' };

/** An answer that the command was done or taken. */
export function acknowledged(rest: PlistDict = {}): Answer {
  return { Status: 'Acknowledged', ...rest };
}

/** An answer with errors. */
export function failed(errors: readonly ScriptedError[], rest: PlistDict = {}): Answer {
  const chain = errors.map(({ domain, code, text = 'The operation could not be completed.' }) => ({
    ErrorCode: code,
    ErrorDomain: domain,
    LocalizedDescription: text,
    USEnglishDescription: text,
  }));
  return { Status: 'Error', ErrorChain: chain, ...rest };
}

/** The device does not understand. */
export const malformed: Answer = { Status: 'CommandFormatError' };

/** Texts of a list, or undefined when it is not given. */
export function textsOf(value: PlistValue | undefined): string[] | undefined {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : undefined;
}

/** Begins something with an app. */
export function begin(app: DeviceAppState, status: AppStatus): void {
  app.status = status;
  app.round++;
}
