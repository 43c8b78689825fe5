/** InstallApplication: installs, or updates what is managed already (MDM sheet §1.2). @module */
import type { PlistDict } from '../../../lib/plist.ts';
import type { CatalogItem } from '../../scenarios/types.ts';
import { type DeviceAppState, isLoading, isPrompting } from '../device.ts';
import { findScript, useScript } from '../scripts.ts';
import { itemByBundleId, licenseFor, lookUp, type StoreAnswer } from '../store.ts';
import { type Answer, acknowledged, begin, failed, malformed, type Scene } from './types.ts';

const mcmdm = 'MCMDMErrorDomain';
type Found = Extract<StoreAnswer, { kind: 'version' }>;

/** Answers the command. */
export function installApplication(scene: Scene, command: PlistDict): Answer {
  const { world, device } = scene;
  const named = [command.iTunesStoreID, command.Identifier, command.ManifestURL].filter((one) => one !== undefined);
  if (named.length !== 1) return malformed;
  if (command.ManifestURL !== undefined)
    return failed([{ domain: mcmdm, code: 12024, text: 'The manifest is invalid.' }]);
  const adamId = adamIdOf(scene, command);
  if (adamId === undefined) return malformed;
  const occasion = { serialNumber: device.serialNumber, adamId, requestType: 'InstallApplication' };
  const scripted = useScript(device.scripts, 'error', occasion);
  if (scripted) {
    const { rejectionReason } = scripted;
    return failed(scripted.errors, rejectionReason === undefined ? {} : { RejectionReason: rejectionReason });
  }
  const found = lookUp(world, device, adamId);
  return found.kind === 'version' ? take(scene, command, adamId, found) : refuse(found);
}

function adamIdOf({ world, device }: Scene, { iTunesStoreID, Identifier }: PlistDict): string | undefined {
  if (typeof iTunesStoreID === 'number' && Number.isInteger(iTunesStoreID)) return String(iTunesStoreID);
  if (typeof Identifier !== 'string') return undefined;
  return itemByBundleId(world, device, Identifier)?.adamId ?? '0';
}

function refuse({ kind }: Exclude<StoreAnswer, { kind: 'version' }>): Answer {
  const [code, reason, text] = {
    unknown: [12023, 'CouldNotVerifyAppID', 'The iTunes Store ID of the app could not be validated.'] as const,
    'not-an-app': [12027, 'NotAnApp', 'The ID is not of an app.'] as const,
    unsupported: [12035, 'NotSupported', 'The app is not supported on this device.'] as const,
  }[kind];
  return failed([{ domain: mcmdm, code, text }], { RejectionReason: reason });
}

function take(scene: Scene, command: PlistDict, adamId: string, found: Found): Answer {
  const { device } = scene;
  const app = device.apps.get(found.bundleId);
  const busy = app && answerBusy(app);
  if (busy) return busy;
  const isForeign = app?.installed && app.status === null;
  if (isForeign && command.ChangeManagementState !== 'Managed') {
    const text = 'The app is already installed.';
    return failed([{ domain: mcmdm, code: 12025, text }], { RejectionReason: 'AppAlreadyInstalled' });
  }
  const license = licenseOf(scene, command, adamId, found.item);
  if ('Status' in license) return license;
  const state = app ?? addApp(scene, adamId, found);
  Object.assign(state, {
    license: license.license,
    flags: numberOf(command.ManagementFlags),
    removable: removable(command),
  });
  return start(scene, state, found, Boolean(isForeign));
}

function answerBusy({ status }: DeviceAppState): Answer | undefined {
  if (isPrompting(status))
    return failed([{ domain: 'DeviceManagement.error', code: 1407, text: 'The user is already being prompted.' }]);
  if (!isLoading(status)) return undefined;
  const text = 'A request for this app is already under way.';
  return failed([{ domain: 'ASDErrorDomain', code: 506, text }], { RejectionReason: 'AppAlreadyQueued' });
}

function licenseOf(scene: Scene, command: PlistDict, adamId: string, item: CatalogItem) {
  const { world, device } = scene;
  const method = (command.Options as PlistDict | undefined)?.PurchaseMethod;
  if (method === 1) {
    const license = licenseFor(world, device, adamId);
    if (license === 'device' || license === 'user') return { license };
    return license === 'propagating' ? storeError : withoutLicense[world.options.fleet.withoutLicense];
  }
  if (item.price > 0) return acknowledged({ State: 'NeedsRedemption' });
  return device.storeAccount === null ? acknowledged({ State: 'PromptingForLogin' }) : { license: null };
}

const storeError = failed([{ domain: 'ASDServerErrorDomain', code: 9610, text: 'Unhandled exception' }], {
  RejectionReason: 'Other',
});
const noAssignment = { domain: 'MDMErrorDomain', code: 12064, text: 'No VPP assignment was found for the app.' };
const withoutLicense = {
  '9610': storeError,
  '12064': failed([noAssignment]),
  '2605 and 12064': failed([
    { domain: 'DeviceManagement.error', code: 2605, text: 'The license of the app could not be retrieved.' },
    noAssignment,
  ]),
};

function addApp({ device }: Scene, adamId: string, { bundleId, item }: Found): DeviceAppState {
  const app: DeviceAppState = {
    bundleId,
    adamId,
    name: item.name,
    installed: null,
    target: null,
    status: null,
    license: null,
    flags: 0,
    removable: true,
    round: 0,
  };
  device.apps.set(bundleId, app);
  return app;
}

/** Decides what happens now, and what the answer says. */
function start(scene: Scene, app: DeviceAppState, found: Found, takesOver: boolean): Answer {
  const { device, world } = scene;
  const occasion = { serialNumber: device.serialNumber, adamId: app.adamId };
  const answer = () => acknowledged({ Identifier: app.bundleId, State: app.status ?? 'Managed' });
  if (takesOver && device.supervised) begin(app, 'Managed');
  const isUpdate = app.installed !== null;
  const isCurrent = app.installed?.externalId === found.version.externalId;
  const kiosk = isUpdate && !isCurrent ? findScript(device.scripts, 'kiosk', occasion) : undefined;
  if (kiosk?.answer === '1407') return answerBusy({ ...app, status: 'PromptingForUpdate' })!;
  if (kiosk || (isCurrent && !takesOver)) {
    if (!kiosk) begin(app, 'Managed');
    return answer();
  }
  if (isCurrent && device.supervised) return answer();
  app.target = found.version;
  const scripted = useScript(device.scripts, 'prompt', occasion);
  const rejects = useScript(device.scripts, 'userRejects', occasion);
  if (device.supervised && !scripted && !rejects) {
    load(scene, app);
    return answer();
  }
  begin(app, takesOver ? 'PromptingForManagement' : isUpdate ? 'PromptingForUpdate' : 'Prompting');
  const { promptMs } = world.options.fleet;
  const after = scripted ? scripted.acceptsAfterMs : (rejects?.afterMs ?? promptMs);
  if (after !== null) scene.later.app(device, app, after, rejects ? 'rejected' : 'agreed');
  return answer();
}

/** Begins a download. */
export function load({ world, device, later }: Scene, app: DeviceAppState): void {
  const occasion = { serialNumber: device.serialNumber, adamId: app.adamId };
  begin(app, app.installed ? 'Updating' : 'Installing');
  if (useScript(device.scripts, 'hangs', occasion)) return;
  const fails = useScript(device.scripts, 'installFails', occasion);
  const stuck = app.installed && useScript(device.scripts, 'stuckVersion', occasion);
  const step = fails ? 'failed' : stuck ? 'stays' : 'installed';
  later.app(device, app, world.options.fleet.installMs / device.speed, step);
}

function removable({ Attributes }: PlistDict): boolean {
  return (Attributes as PlistDict | undefined)?.Removable !== false;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
