/** Whether an app can be removed from a device: pure (MDM sheet §1.4). @module */
import { compareVersions } from '../device/eligibility.ts';
import {
  AppNotInstalledError,
  AppNotManagedError,
  DeviceNotEnrolledError,
  type DomainError,
  OperationInProgressError,
  RemovalNotSupportedError,
} from '../errors.ts';
import type { RemovalFacts } from './facts.ts';

/** Systems from which on a supervised device removes apps that are not managed, too. */
const removesUnmanaged = '26.0';

/** Why the app can't be removed there; null when it can. */
export function removalRefusal(facts: RemovalFacts): DomainError | null {
  const { app, serialNumber } = facts;
  if (facts.family === 'MAC') return new RemovalNotSupportedError(serialNumber);
  if (facts.open !== null) return new OperationInProgressError(app, serialNumber, facts.open);
  if (!facts.enrolled) return new DeviceNotEnrolledError(serialNumber);
  if (facts.listed && !facts.installed) return new AppNotInstalledError(app, serialNumber);
  if (facts.unmanaged && !takesUnmanaged(facts)) return new AppNotManagedError(app, serialNumber);
  return null;
}

function takesUnmanaged({ supervised, osVersion, family }: RemovalFacts): boolean {
  if (!supervised || osVersion === null || !['IPAD', 'IPHONE', 'IPOD'].includes(family)) return false;
  const order = compareVersions(osVersion, removesUnmanaged);
  return order !== null && order >= 0;
}

/** Refusals that say that there was nothing to do: they stop nobody. */
export const isNothing = (error: DomainError): boolean =>
  error instanceof AppNotInstalledError || (error instanceof OperationInProgressError && error.kind === 'REMOVE');
