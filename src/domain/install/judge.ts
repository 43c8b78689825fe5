/** Whether an app can be installed on a device, and with which license: pure. @module */
import { runsOn } from '../device/eligibility.ts';
import {
  AlreadyInstalledError,
  AppNotReleasedError,
  DeviceNotEnrolledError,
  type DomainError,
  InstallNotSupportedError,
  MdmNotConnectedError,
  NotLicensedError,
  OperationInProgressError,
  PlatformNotSupportedError,
  RevokeInProgressError,
} from '../errors.ts';
import type { NewOperation } from '../operation/start.ts';
import { type PairFacts, pairKey } from './facts.ts';

/** How installs are asked for. */
export interface InstallTerms {
  /** A license that is taken for an install stays, though that fails or is cancelled. */
  keepLicenses?: boolean | undefined;
  /** What becomes of devices that are not enrolled; REFUSE when absent. Who waits does so for 30 days at most. */
  unenrolled?: 'REFUSE' | 'WAIT' | undefined;
}

/** Where licenses come from that are not there yet. */
export interface LicenseSource {
  /** The task that gets them. */
  licensesOf?: bigint | null | undefined;
  /** The pairs for which it does, as `app:device`; all that have none when absent. */
  asked?: ReadonlySet<string> | undefined;
}

/** Why nothing can be installed there, whatever licenses there are. */
export function refusalOf(facts: PairFacts, { unenrolled }: InstallTerms): DomainError | null {
  const { app, serialNumber, status, family, platforms, open } = facts;
  if (!facts.connected) return new MdmNotConnectedError();
  if (family === 'MAC') return new InstallNotSupportedError(serialNumber);
  if (!runsOn({ family }, platforms)) return new PlatformNotSupportedError(app, serialNumber, platforms);
  if (!facts.admitted) return new AppNotReleasedError(app, status, `device ${serialNumber}`);
  if (open !== null) return new OperationInProgressError(app, serialNumber, open);
  if (facts.installed && facts.licenseState === 'CONFIRMED' && !facts.revoking)
    return new AlreadyInstalledError(app, serialNumber);
  return facts.enrolled || unenrolled === 'WAIT' ? null : new DeviceNotEnrolledError(serialNumber);
}

/** Whether the device neither has a license of the app, nor waits for one. */
export const lacksLicense = ({ licenseId, waitsIn }: PairFacts): boolean => licenseId === null && waitsIn === null;

/** The install, with the license that it has or waits for; or why there is none. */
export function operationOf(
  facts: PairFacts,
  terms: InstallTerms,
  { licensesOf, asked }: LicenseSource,
): NewOperation | DomainError {
  const refusal = refusalOf(facts, terms);
  if (refusal) return refusal;
  const { deviceId, appId, app, licenseId, licenseState, licenseTaskId, waitsIn } = facts;
  const pair = { deviceId, appId };
  const mayRelease = licensesOf != null && terms.keepLicenses !== true;
  if (facts.revoking) return new RevokeInProgressError(app);
  if (licenseId !== null) {
    const state = licenseState === 'CONFIRMED' ? 'READY' : 'WAITING_FOR_LICENSE';
    return { ...pair, licenseId, state, releaseLicense: mayRelease && licenseTaskId === licensesOf };
  }
  // Somebody else asked for it: it is theirs, whatever comes of the install.
  if (waitsIn !== null) return { ...pair, licensesOf: waitsIn, state: 'WAITING_FOR_LICENSE' };
  if (licensesOf != null && (asked?.has(pairKey(facts)) ?? true))
    return { ...pair, licensesOf, state: 'WAITING_FOR_LICENSE', releaseLicense: mayRelease };
  return new NotLicensedError(`The device holds no license of "${app}". Nothing was installed.`);
}

/** Refusals that say that there was nothing to do: they stop nobody and are not tried again. */
export const isDone = (error: DomainError): boolean =>
  error instanceof AlreadyInstalledError || error instanceof OperationInProgressError;
