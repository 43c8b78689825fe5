/** What is asked of devices, as the command of a property list (MDM sheet §1). @module */
import type { DeviceRequest } from '../../domain/mdm-ports.ts';
import { type PlistDict, writePlist } from '../../lib/plist.ts';

/** What is asked of an app list. Without a list, iOS 26 also tells system apps and leaves keys out (MDM sheet §1.5). */
const appItems = [
  'Name',
  'Version',
  'ShortVersion',
  'ExternalVersionIdentifier',
  'HasUpdateAvailable',
  'DeviceBasedVPP',
  'Installing',
  'DownloadWaiting',
  'DownloadPaused',
  'DownloadCancelled',
  'DownloadFailed',
];

/** What is asked of a device; what it may not tell or does not know is absent from its answer (MDM sheet §1.6). */
const deviceQueries = [
  'SerialNumber',
  'UDID',
  'DeviceName',
  'OSVersion',
  'ModelName',
  'ProductName',
  'IsSupervised',
  'AwaitingConfiguration',
  'TimeZone',
  'iTunesStoreAccountIsActive',
  'iTunesStoreAccountHash',
];

/** The app is a volume license's, not the account's of whoever uses the device. */
const volumeLicense = 1;
/** The app goes when the device leaves the MDM server. */
const removeWithProfile = 1;

/** Writes a command. `uuid` is what the answer names. Throws a RangeError for an adamId that is no number. */
export function writeCommand(uuid: string, request: DeviceRequest): string {
  return writePlist({ CommandUUID: uuid, Command: commandOf(request) });
}

function commandOf(request: DeviceRequest): PlistDict {
  switch (request.kind) {
    case 'INSTALL_APP':
      return installApplication(request);
    case 'REMOVE_APP':
      return { RequestType: 'RemoveApplication', Identifier: request.bundleId };
    case 'LIST_INSTALLED_APPS':
      return { RequestType: 'InstalledApplicationList', Items: appItems, ...identifiers(request.bundleIds) };
    case 'LIST_MANAGED_APPS':
      return { RequestType: 'ManagedApplicationList', ...identifiers(request.bundleIds) };
    case 'DEVICE_INFORMATION':
      return { RequestType: 'DeviceInformation', Queries: deviceQueries };
    case 'INVITE_TO_PROGRAM':
      if (request.invitationUrl === undefined) throw new Error('an invitation without its address');
      return {
        RequestType: 'InviteToProgram',
        ProgramID: 'com.apple.cloudvpp',
        InvitationURL: request.invitationUrl,
      };
  }
}

function installApplication(request: Extract<DeviceRequest, { kind: 'INSTALL_APP' }>): PlistDict {
  const storeId = Number(request.adamId);
  if (!/^[1-9]\d*$/.test(request.adamId) || !Number.isSafeInteger(storeId))
    throw new RangeError(`"${request.adamId}" is no store id`);
  return {
    RequestType: 'InstallApplication',
    iTunesStoreID: storeId,
    Options: { PurchaseMethod: volumeLicense },
    ManagementFlags: removeWithProfile,
    ...(request.takeOver ? { ChangeManagementState: 'Managed' } : {}),
    ...(request.removable === null ? {} : { Attributes: { Removable: request.removable } }),
  };
}

/** An empty filter would be read as "none" by some systems and as "all" by others. */
function identifiers(bundleIds: readonly string[] | null): PlistDict {
  return bundleIds && bundleIds.length > 0 ? { Identifiers: [...bundleIds] } : {};
}
