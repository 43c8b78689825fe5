/**
 * What the kinds of operations have of their own: what is asked of the device, whether it needs a license, how much at once,
 * and what its app list must show. Another kind is another row.
 * @module
 */
import type { AppOperationKind, AppOperationState } from '../../generated/prisma/enums.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import { causes, type OperationCause } from './cause.ts';

/** What a command is made of. */
export interface Wanted {
  adamId: string;
  bundleId: string | null;
  takeOver: boolean;
}

/** What is known of an app on a device when its list came. */
export interface Evidence {
  state: AppOperationState;
  cause: OperationCause | null;
  /** When the operation came into its state, and when the device last told its apps. */
  changedAt: Date;
  listedAt: Date | null;
  /** External version id before the first command; null when the app was not there. */
  versionBefore: string | null;
  targetVersion: string | null;
  present: boolean;
  installing: boolean;
  externalVersionId: string | null;
}

/** What a list says of an operation; null when it says nothing yet. */
export type Verdict = { done: true } | { done: false; cause: OperationCause };

/** One kind. */
export interface KindRule {
  request(wanted: Wanted): DeviceRequest | null;
  /** Sent only while its license is CONFIRMED. */
  needsLicense: boolean;
  /** It is sent only while fewer app commands are under way on the device. */
  atOnce: number;
  byList(evidence: Evidence): Verdict | null;
}

const done: Verdict = { done: true };
const accepted = ({ state }: Evidence) => state === 'INSTALLING' || state === 'PROMPTING';
const there = ({ present, installing }: Evidence) => present && !installing;

const install = ({ adamId, takeOver }: Wanted): DeviceRequest => ({
  kind: 'INSTALL_APP',
  adamId,
  takeOver,
  removable: null,
});

/** Every kind there is. */
export const kinds: Record<AppOperationKind, KindRule> = {
  INSTALL: {
    request: install,
    needsLicense: true,
    atOnce: 5,
    // An app that was there before proves nothing until the device has answered.
    byList: (evidence) => (there(evidence) && (accepted(evidence) || evidence.versionBefore === null) ? done : null),
  },
  UPDATE: {
    request: install,
    needsLicense: false,
    atOnce: 1,
    byList: (evidence) => {
      const { externalVersionId, targetVersion, versionBefore } = evidence;
      if (!there(evidence) || externalVersionId === null) return null;
      const moved = versionBefore !== null && externalVersionId !== versionBefore;
      return moved || externalVersionId === targetVersion ? done : null;
    },
  },
  REMOVE: {
    request: ({ bundleId }) => (bundleId === null ? null : { kind: 'REMOVE_APP', bundleId }),
    needsLicense: false,
    atOnce: 5,
    byList: (evidence) => {
      const { listedAt, changedAt, present, versionBefore, cause } = evidence;
      if (listedAt === null || listedAt < changedAt) return null;
      if (!present) return accepted(evidence) || versionBefore !== null ? done : null;
      const notOurs = evidence.state === 'INSTALLING' && cause?.code === 'APP_NOT_MANAGED';
      return notOurs ? { done: false, cause: causes.stillThere } : null;
    },
  },
};
