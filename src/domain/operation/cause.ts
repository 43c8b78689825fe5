/** The last thing that went wrong with an operation, as it is kept with it. @module */
import type { Meaning, Reading } from './classify.ts';

/** Kept with the operation, and shown. */
export interface OperationCause {
  /** For programs. */
  code: string;
  /** For people: what happened and what to do. */
  message: string;
  /** The device's own words. */
  domain?: string;
  number?: number;
  /** What followed from it, and how often that was so in a row. */
  meaning?: Meaning;
  tries?: number;
  /** It waits for something that rings when it comes: its device, or its turn. */
  waits?: 'DEVICE';
}

/** The cause that an answer gives; the same meaning again counts on. */
export function causeOf({ code, message, meaning, error }: Reading, before: OperationCause | null): OperationCause {
  const tries = before?.meaning === meaning ? (before.tries ?? 0) + 1 : 1;
  return { code, message, meaning, tries, ...(error ? { domain: error.domain, number: error.number } : {}) };
}

const cause = (code: string, message: string): OperationCause => ({ code, message });

/** Causes that no answer of a device gives. */
export const causes = {
  enrolledAgain: cause(
    'ENROLLED_AGAIN',
    'The device enrolled again; what it had been told was lost. Russet tells it anew.',
  ),
  forgotten: cause(
    'COMMAND_FORGOTTEN',
    'The MDM server forgot the command, as one with key-value storage does when a device repeats an answer. Russet gives it again.',
  ),
  takenBack: cause('COMMAND_CANCELLED', 'The command was taken back before the device had it. Russet gives it again.'),
  silent: cause(
    'DEVICE_SILENT',
    'The device did not answer in time. The command may still run when it connects. See that it is on and online, then try again.',
  ),
  refused: (words: string | null) =>
    cause('MDM_REFUSED', `The MDM server did not take the command: ${words ?? 'it gave no reason'}.`),
  malformed: cause('MALFORMED', 'The device did not understand the command. This is a defect; please report it.'),
  notConfirmed: cause(
    'NOT_CONFIRMED',
    'The device accepted it, but its app list never showed it done. See that it is online, has room and is not locked to one app.',
  ),
  nobodyAgreed: cause(
    'NOBODY_AGREED',
    'Nobody at the device agreed in time. Devices that are supervised are asked nothing.',
  ),
  noTurn: cause('NO_TURN', 'The device could not be given the command in time: it was not enrolled, or always busy.'),
  unseen: cause(
    'LICENSE_NOT_VISIBLE',
    'Apple confirmed the license, but the device did not see it for hours. Sync the token, then try again.',
  ),
  unenrolled: cause('DEVICE_UNENROLLED', 'The device left the MDM server. Nothing can be sent to it any more.'),
  licenseGone: cause('LICENSE_GONE', 'The device holds no license of the app any more, so it can’t be installed.'),
  licenseFailed: cause('LICENSE_FAILED', 'The device did not get a license, so nothing was installed.'),
  licenseCancelled: cause(
    'CANCELLED',
    'The request for its license was cancelled before the device was told anything, so nothing was installed.',
  ),
  licenseKept: cause('LICENSE_KEPT', 'The license could not be taken back, so the app was not removed either.'),
  appKept: cause(
    'APP_NOT_REMOVED',
    'The app could not be removed from a device, so its license was kept. The same task says why; revokeLicenses without removeApps takes the license back.',
  ),
  noBundleId: cause(
    'BUNDLE_ID_UNKNOWN',
    'The bundle id of the app is not known, and apps are removed by it. Sync the app, then try again.',
  ),
  notEnrolled: {
    ...cause('NOT_ENROLLED', 'The device is not enrolled. It is sent as soon as it is.'),
    waits: 'DEVICE',
  },
  busy: { ...cause('DEVICE_BUSY', 'Another command for this app is under way on the device.'), waits: 'DEVICE' },
  stillThere: cause(
    'APP_NOT_MANAGED',
    'The app is on the device and not managed, so it can’t be removed from afar. Somebody has to delete it there.',
  ),
  cannotTakeOver: cause(
    'CANNOT_TAKE_OVER',
    'The app is on the device, put there by somebody else, and can’t be taken over.',
  ),
  windowClosed: cause('WINDOW_CLOSED', 'The window of the update closed before it was sent to the device.'),
  cancelled: cause('CANCELLED', 'Cancelled before it was sent to the device.'),
  cancelledAgain: cause('CANCELLED', 'Cancelled before it was sent to the device once more.'),
} as const satisfies Record<string, OperationCause | ((words: string | null) => OperationCause)>;
