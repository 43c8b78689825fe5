/**
 * What answers of devices mean for an operation: one table, read from top to bottom (MDM sheet §1.2, §1.4, §2). Apple calls
 * the numbers diagnostic, so whatever stands in no row is UNKNOWN: tried again a few times, and its own words are kept.
 * @module
 */
import type { DeviceError, DeviceResult } from '../mdm-ports.ts';

/** What follows from an answer. */
export type Meaning =
  /** The license is there and the device can't see it yet: tried again, no failure. */
  | 'PROPAGATING'
  /** A person at the device has to agree. */
  | 'PROMPTING'
  /** In the way now, gone by itself. */
  | 'RETRY_LATER'
  /** What was wanted is so already, but not by us: an app that is not managed, or one that is gone. */
  | 'ALREADY_THERE'
  /** It will not work, however often it is tried. */
  | 'PERMANENT'
  /** The device works on it. */
  | 'WAIT'
  | 'UNKNOWN';

/** What an answer means, with a code for programs, a sentence for people, and the error it was read from. */
export interface Reading {
  meaning: Meaning;
  code: string;
  message: string;
  error: DeviceError | null;
  tries?: number;
}

/** One row: what is recognized, and what it means. */
export interface AnswerRow {
  /** Only in answers to these requests; to both when absent. */
  to?: 'INSTALL_APP' | 'REMOVE_APP';
  /** Domain and numbers of an error. `MDM` stands for both spellings of Apple's MDM domain. */
  domain?: string;
  numbers?: readonly number[];
  reasons?: readonly string[];
  states?: readonly string[];
  meaning: Meaning;
  code: string;
  message: string;
  /** After so many of these in a row it has failed; the caller's own number when absent. */
  tries?: number;
}

const mdm = 'MDM';
const mdmDomains = new Set(['MCMDMErrorDomain', 'MDMErrorDomain']);
const install = { to: 'INSTALL_APP' } as const;
const remove = { to: 'REMOVE_APP' } as const;

const unseen = {
  meaning: 'PROPAGATING',
  code: 'LICENSE_NOT_VISIBLE',
  message:
    'Apple confirmed the license, but the device could not see it yet. That passes by itself; Russet tries again.',
} as const;
const prompted = {
  meaning: 'PROMPTING',
  code: 'WAITS_FOR_PERSON',
  message: 'The device asks the person at it. Devices that are supervised are asked nothing.',
} as const;
const present = {
  ...install,
  meaning: 'ALREADY_THERE',
  code: 'APP_NOT_MANAGED',
  message: 'The app is on the device, put there by somebody else. Russet asks once to take it over.',
} as const;
const rejected = {
  meaning: 'PERMANENT',
  code: 'USER_REJECTED',
  message: 'The person at the device declined. Talk to them, then try again.',
} as const;
const working = { meaning: 'WAIT', code: 'IN_PROGRESS', message: 'The device works on it.' } as const;
const notApp = { meaning: 'PERMANENT', code: 'NOT_AN_APP', message: 'The store item is no app.' } as const;
const unknownApp = {
  meaning: 'RETRY_LATER',
  code: 'APP_NOT_IN_STORE',
  message:
    "The device could not find the app in its store. The app may be missing in the country of the device's store, or just withdrawn.",
  tries: 2,
} as const;
const unpurchasable = {
  meaning: 'PERMANENT',
  code: 'NOT_ASSIGNABLE',
  message: 'The app can’t be had with a license of this kind on this device.',
} as const;
const storeOff = {
  meaning: 'PERMANENT',
  code: 'INSTALLATION_RESTRICTED',
  message: 'A restriction on the device forbids to install apps. Change its profile, then try again.',
} as const;
const noRight = {
  meaning: 'PERMANENT',
  code: 'NOT_AUTHORIZED',
  message: 'The enrollment profile does not allow to manage apps. The device has to enroll again with one that does.',
} as const;
const malformed = {
  meaning: 'PERMANENT',
  code: 'MALFORMED',
  message: 'The device did not understand the command. This is a defect; please report it.',
} as const;

/** Every row; errors stand before reasons, and reasons before states, since they say most. */
export const answerRows: readonly AnswerRow[] = [
  { ...install, domain: mdm, numbers: [12026, 12047, 12064], ...unseen },
  { ...install, domain: 'DeviceManagement.error', numbers: [2605], ...unseen },
  { ...install, domain: 'ASDServerErrorDomain', numbers: [9610], ...unseen },
  // With a device license nobody has to sign in: who is asked to is a device that sees no license.
  { ...install, domain: mdm, numbers: [12040], ...unseen },
  { domain: 'DeviceManagement.error', numbers: [1407], ...prompted },
  { domain: mdm, numbers: [12063], ...rejected },
  { ...install, domain: 'ASDErrorDomain', numbers: [506], ...working },
  { ...install, domain: mdm, numbers: [12025], ...present },
  {
    ...remove,
    domain: mdm,
    numbers: [12029, 12038],
    meaning: 'ALREADY_THERE',
    code: 'APP_NOT_MANAGED',
    message: 'The device does not manage the app. Its app list tells whether the app is gone.',
  },
  {
    ...remove,
    domain: mdm,
    numbers: [12036],
    meaning: 'RETRY_LATER',
    code: 'APP_BUSY',
    message: 'The app can’t be removed while it is being installed.',
  },
  { ...install, domain: mdm, numbers: [12023], ...unknownApp },
  { ...install, domain: mdm, numbers: [12027], ...notApp },
  { ...install, domain: mdm, numbers: [12031], ...storeOff },
  { ...install, domain: mdm, numbers: [12035], ...unpurchasable },
  {
    ...install,
    domain: mdm,
    numbers: [12024, 12028, 12030, 12032, 12033, 12034, 12037],
    meaning: 'PERMANENT',
    code: 'WRONG_KIND_OF_INSTALL',
    message: 'The device took the app for one that comes from a manifest or with a redemption code.',
  },
  {
    domain: mdm,
    numbers: [12065],
    meaning: 'PERMANENT',
    code: 'SYSTEM_APP',
    message: 'It is an app of the system, which can’t be managed in this way.',
  },
  {
    domain: mdm,
    numbers: [12078],
    meaning: 'RETRY_LATER',
    code: 'LOST_MODE',
    message: 'The device is in Lost Mode and does nothing else until that ends.',
  },
  {
    domain: mdm,
    numbers: [12081],
    meaning: 'RETRY_LATER',
    code: 'NO_TETHER',
    message: 'The device is not connected by cable.',
  },
  {
    domain: 'ASDErrorDomain',
    numbers: [663],
    meaning: 'RETRY_LATER',
    code: 'APP_IN_USE',
    message: 'The app is running and may not be closed.',
  },
  { domain: mdm, numbers: [12000, 12007], ...noRight },
  { domain: mdm, numbers: [12008, 12021], ...malformed },
  { ...install, reasons: ['AppAlreadyInstalled'], ...present },
  { ...install, reasons: ['AppAlreadyQueued'], ...working },
  { ...install, reasons: ['AppStoreDisabled'], ...storeOff },
  { ...install, reasons: ['CouldNotVerifyAppID'], ...unknownApp },
  { ...install, reasons: ['NotAnApp'], ...notApp },
  {
    ...install,
    reasons: ['ManagementChangeNotSupported'],
    meaning: 'PERMANENT',
    code: 'CANNOT_TAKE_OVER',
    message: 'The app was installed by the person at the device, and this enrollment can’t take it over.',
  },
  {
    ...install,
    reasons: ['NotSupported'],
    meaning: 'PERMANENT',
    code: 'NOT_SUPPORTED',
    message: 'The device can’t run the app.',
  },
  { ...install, reasons: ['PurchaseMethodNotSupported', 'PurchaseMethodNotSupportedInMultiUser'], ...unpurchasable },
  {
    states: ['Queued', 'Redeeming', 'ValidatingPurchase', 'Installing', 'ValidatingUpdate', 'Updating', 'Managed'],
    ...working,
  },
  // Also told of apps that are just being installed again; the app list tells how it stands.
  { states: ['ManagedButUninstalled', 'Unknown'], ...working },
  { ...install, states: ['NeedsRedemption', 'PromptingForLogin', 'PromptingForUpdateLogin'], ...unseen },
  { states: ['Prompting', 'PromptingForManagement', 'PromptingForUpdate'], ...prompted },
  { ...install, states: ['UserInstalledApp'], ...present },
  { states: ['UserRejected', 'UpdateRejected'], ...rejected },
  {
    states: ['ManagementRejected'],
    meaning: 'PERMANENT',
    code: 'MANAGEMENT_REJECTED',
    message: 'The person at the device declined that the app is managed. Talk to them, then try again.',
  },
  {
    states: ['Failed'],
    meaning: 'RETRY_LATER',
    code: 'INSTALL_FAILED',
    message: 'The device began and failed, without saying why.',
  },
];

const accepted: Reading = { ...working, error: null };

/** What the answer to an install or a removal means. All errors of it are looked at, not only the first. */
export function classify(
  kind: 'INSTALL_APP' | 'REMOVE_APP',
  answer: { failed: boolean; errors: readonly DeviceError[]; app?: DeviceResult['app'] },
): Reading {
  const rows = answerRows.filter((row) => row.to === undefined || row.to === kind);
  const { errors, app } = answer;
  for (const row of rows) {
    const error = errors.find((one) => isOf(row, one)) ?? null;
    if (error || hits(row.reasons, app?.rejectionReason) || hits(row.states, app?.state)) return read(row, error);
  }
  if (!answer.failed && errors.length === 0) return accepted;
  return unknown(errors, app?.rejectionReason);
}

/** What ManagedApplicationList says of an app that is being installed. */
export function classifyState(state: string): Reading {
  const row = answerRows.find((one) => one.to !== 'REMOVE_APP' && hits(one.states, state));
  return row ? read(row, null) : accepted;
}

const hits = (list: readonly string[] | undefined, value: string | null | undefined): boolean =>
  value != null && (list?.includes(value) ?? false);

function isOf({ domain, numbers }: AnswerRow, error: DeviceError): boolean {
  if (!numbers?.includes(error.number)) return false;
  return domain === mdm ? mdmDomains.has(error.domain) : domain === error.domain;
}

function read({ meaning, code, message, tries }: AnswerRow, error: DeviceError | null): Reading {
  return { meaning, code, message, error, ...(tries === undefined ? {} : { tries }) };
}

function unknown(errors: readonly DeviceError[], reason: string | null | undefined): Reading {
  const error = errors[0] ?? null;
  const words = error ? `${error.domain} ${error.number}: ${error.message}` : (reason ?? 'no reason given');
  return {
    meaning: 'UNKNOWN',
    code: 'UNKNOWN_ANSWER',
    message: `The device refused, in words that Russet does not know: ${words}`,
    error,
    tries: 3,
  };
}
