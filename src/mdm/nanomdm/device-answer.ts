/** What a device's answer holds, told by its keys alone: devices do not repeat what they were asked (MDM sheet §0.8). @module */
import type { DeviceApp, DeviceError, DeviceFacts, DeviceResult, ManagedApp } from '../../domain/mdm-ports.ts';
import { isPlistDict, type PlistDict } from '../../lib/plist.ts';
import { dictAt, dictsAt, flagAt, idAt, textAt } from './fields.ts';

/** Longest bundle id that is taken; Apple's limit is 155. */
const longestBundleId = 255;

/** The result of an answer. */
export function resultOf(answer: PlistDict): DeviceResult {
  const apps = dictsAt(answer, 'InstalledApplicationList');
  const managed = dictAt(answer, 'ManagedApplicationList');
  const facts = dictAt(answer, 'QueryResponses');
  const app = appOf(answer);
  const invitation = textAt(answer, 'InvitationResult');
  return {
    errors: (dictsAt(answer, 'ErrorChain') ?? []).map(errorOf),
    ...(apps && { apps: apps.flatMap(installedOf) }),
    ...(managed && { managedApps: managedOf(managed) }),
    ...(facts && { facts: factsOf(facts) }),
    ...(app && { app }),
    ...(invitation !== null && { invitation }),
  };
}

function errorOf(error: PlistDict): DeviceError {
  const message = textAt(error, 'USEnglishDescription', 1_000) ?? textAt(error, 'LocalizedDescription', 1_000);
  const number = error.ErrorCode;
  return {
    domain: textAt(error, 'ErrorDomain', 200) ?? '',
    number: typeof number === 'number' && Number.isFinite(number) ? number : 0,
    message: message ?? '',
  };
}

function appOf(answer: PlistDict): DeviceResult['app'] {
  const bundleId = textAt(answer, 'Identifier', longestBundleId);
  const state = textAt(answer, 'State', 100);
  const rejectionReason = textAt(answer, 'RejectionReason', 200);
  return (bundleId ?? state ?? rejectionReason) ? { bundleId, state, rejectionReason } : undefined;
}

/** Entries without an identifier occur, and can't be told from each other. */
function installedOf(app: PlistDict): DeviceApp[] {
  const bundleId = textAt(app, 'Identifier', longestBundleId);
  if (bundleId === null) return [];
  const loading = ['Installing', 'DownloadWaiting', 'DownloadPaused'].some((key) => app[key] === true);
  return [
    {
      bundleId,
      name: textAt(app, 'Name'),
      version: textAt(app, 'Version', 200),
      shortVersion: textAt(app, 'ShortVersion', 200),
      externalVersionId: idAt(app, 'ExternalVersionIdentifier'),
      hasUpdate: flagAt(app, 'HasUpdateAvailable'),
      deviceLicense: flagAt(app, 'DeviceBasedVPP'),
      installing: loading,
      downloadFailed: app.DownloadCancelled === true || app.DownloadFailed === true,
    },
  ];
}

function managedOf(apps: PlistDict): ManagedApp[] {
  return Object.entries(apps).flatMap(([key, app]) => {
    const bundleId = textAt({ key }, 'key', longestBundleId);
    if (!isPlistDict(app) || bundleId === null) return [];
    const status = textAt(app, 'Status', 100) ?? 'Unknown';
    return [{ bundleId, status, externalVersionId: idAt(app, 'ExternalVersionIdentifier') }];
  });
}

/** What a device says of itself, in an answer or when it enrolls. What it does not say is absent. */
export function factsOf(told: PlistDict): DeviceFacts {
  const facts: { [Fact in keyof DeviceFacts]: DeviceFacts[Fact] | null } = {
    serialNumber: textAt(told, 'SerialNumber', 100),
    name: textAt(told, 'DeviceName'),
    osVersion: textAt(told, 'OSVersion', 100),
    productName: textAt(told, 'ProductName', 100),
    modelName: textAt(told, 'ModelName', 100),
    supervised: flagAt(told, 'IsSupervised'),
    awaitingConfiguration: flagAt(told, 'AwaitingConfiguration'),
    timeZone: textAt(told, 'TimeZone', 100),
    storeAccountHash: textAt(told, 'iTunesStoreAccountHash', 200),
    storeAccountActive: flagAt(told, 'iTunesStoreAccountIsActive'),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}
