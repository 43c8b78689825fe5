/** What simulated devices answer and do: the commands of MDM sheet §1, and every script. @module */
import { describe, expect, it } from 'vitest';
import { bookReader, schoolUnits } from '../../../src/simulator/index.ts';
import { app, errorsOf, fleetBench, hour, ipad, license, school, second } from './fleet-support.ts';
import { command } from './support.ts';

describe('F8 a device installs', () => {
  it('F8 accepts, loads and has it, as its lists tell', async () => {
    const { install, admin, status, listApps } = await fleetBench();
    expect(await install()).toMatchObject({
      Status: 'Acknowledged',
      State: 'Installing',
      Identifier: expect.any(String),
    });
    expect(await status()).toEqual(['Installing']);
    const loading = await listApps();
    expect(loading.find(({ Installing }) => Installing)).not.toHaveProperty('Version');
    await admin.advance(10 * second);
    expect(await status()).toEqual(['Managed']);
    const [entry] = await listApps({
      Items: ['ShortVersion', 'ExternalVersionIdentifier', 'DeviceBasedVPP', 'HasUpdateAvailable'],
    });
    expect(entry).toEqual({
      Identifier: expect.any(String),
      ShortVersion: '3.0.2',
      ExternalVersionIdentifier: 800000200,
      DeviceBasedVPP: true,
      HasUpdateAvailable: false,
    });
  });

  it('F8 has no license: 2605 and 12064; one that the store does not know yet: 9610', async () => {
    const { send, install, admin } = await fleetBench({}, { fleet: { propagationMs: 60 * second } });
    const order = { iTunesStoreID: Number(app), Options: { PurchaseMethod: 1 } };
    expect(errorsOf(await send('InstallApplication', order))).toEqual([
      ['DeviceManagement.error', 2605],
      ['MDMErrorDomain', 12064],
    ]);
    expect(errorsOf(await install())).toEqual([['ASDServerErrorDomain', 9610]]);
    await admin.advance(60 * second);
    expect(await install()).toMatchObject({ State: 'Installing' });
  });

  it('F8 knows the license of the person who is signed in', async () => {
    const { send, admin } = await fleetBench();
    admin.assign({ uId: schoolUnits.own, adamId: app, clientUserId: bookReader });
    admin.fleet.act({ act: { kind: 'signIn', idHash: 'AAECAwQFBgcICQoLDA0ODxAREhM=' } });
    const order = { iTunesStoreID: Number(app), Options: { PurchaseMethod: 1 } };
    expect(await send('InstallApplication', order)).toMatchObject({ State: 'Installing' });
    const facts = await send('DeviceInformation', {
      Queries: ['iTunesStoreAccountHash', 'iTunesStoreAccountIsActive'],
    });
    expect(facts?.QueryResponses).toEqual({
      iTunesStoreAccountHash: 'AAECAwQFBgcICQoLDA0ODxAREhM=',
      iTunesStoreAccountIsActive: true,
    });
  });

  it('F8 refuses what is wrong: text for a number, two names, no app, a book, another platform, another country', async () => {
    const { send, install } = await fleetBench();
    expect((await send('InstallApplication', { iTunesStoreID: app }))?.Status).toBe('CommandFormatError');
    expect((await send('InstallApplication', { iTunesStoreID: 1, Identifier: 'x' }))?.Status).toBe(
      'CommandFormatError',
    );
    expect(await send('InstallApplication', { iTunesStoreID: 1 })).toMatchObject({
      RejectionReason: 'CouldNotVerifyAppID',
    });
    expect(errorsOf(await send('InstallApplication', { Identifier: 'no.such.app' }))).toEqual([
      ['MCMDMErrorDomain', 12023],
    ]);
    expect(await send('InstallApplication', { iTunesStoreID: Number(school.book) })).toMatchObject({
      RejectionReason: 'NotAnApp',
    });
    expect(await install(school.appleTvOnly)).toMatchObject({ RejectionReason: 'NotSupported' });
    expect(errorsOf(await install(school.germanOnly))).toEqual([['MCMDMErrorDomain', 12023]]);
  });

  it('F8 gets the newest version that its OS runs, in its country', async () => {
    const specs = [
      { serialNumber: 'SIMOLD000001', ...ipad, osVersion: '16.7.10' },
      { serialNumber: 'SIMNEW000001', ...ipad },
    ];
    const { admin, send } = await fleetBench({ specs, storefronts: ['de'] });
    admin.publishVersion({ adamId: app, version: '4.0', externalId: 900, minimumOSVersion: '18.0' });
    admin.publishVersion({ adamId: app, version: '4.1', externalId: 901, storefront: 'de' });
    for (const { serialNumber } of specs) {
      license({ admin }, serialNumber);
      await send('InstallApplication', { iTunesStoreID: Number(app), Options: { PurchaseMethod: 1 } }, serialNumber);
    }
    await admin.advance(10 * second);
    const versions = admin.fleet
      .devices()
      .map(({ apps }) => [apps[0]!.installed!.version, apps[0]!.installed!.externalId]);
    expect(versions).toEqual([
      ['3.0.2', 800000200],
      ['4.1', 901],
    ]);
  });

  it('F8 with PurchaseMethod 0: a paid app needs a code, a free one a sign-in', async () => {
    const { send } = await fleetBench();
    expect(await send('InstallApplication', { iTunesStoreID: Number(school.exactly300) })).toMatchObject({
      State: 'NeedsRedemption',
    });
    expect(await send('InstallApplication', { iTunesStoreID: Number(app) })).toMatchObject({
      State: 'PromptingForLogin',
    });
  });

  it('F8 is asked twice: AppAlreadyQueued while it loads, a plain yes when it is current', async () => {
    const { install, admin } = await fleetBench();
    await install();
    expect(await install()).toMatchObject({ Status: 'Error', RejectionReason: 'AppAlreadyQueued' });
    await admin.advance(10 * second);
    expect(await install()).toMatchObject({ Status: 'Acknowledged', State: 'Managed' });
  });

  it('F8 has the app from a person: refused, or taken over when asked to', async () => {
    const { install, admin, appOf } = await fleetBench({ apps: [{ adamId: app, managed: false }] });
    expect(errorsOf(await install())).toEqual([['MCMDMErrorDomain', 12025]]);
    expect(appOf()!.status).toBeNull();
    expect(await install(app, { ChangeManagementState: 'Managed' })).toMatchObject({ State: 'Managed' });
    admin.fleet.act({ act: { kind: 'putApp', app: { adamId: school.exactly300, managed: false } } });
    expect((await install(school.exactly300))?.RejectionReason).toBe('AppAlreadyInstalled');
  });
});

describe('F8 people at devices', () => {
  it('F8 an unsupervised device asks first; its person agrees', async () => {
    const { install, admin, status } = await fleetBench({ supervised: 0 });
    expect(await install()).toMatchObject({ State: 'Prompting' });
    expect(errorsOf(await install())).toEqual([['DeviceManagement.error', 1407]]);
    await admin.advance(18 * second);
    expect(await status()).toEqual(['Installing']);
    await admin.advance(10 * second);
    expect(await status()).toEqual(['Managed']);
  });

  it('F8 the person refuses: told once, then the app is gone', async () => {
    const { install, admin, status, appOf } = await fleetBench();
    admin.fleet.script({ script: { kind: 'userRejects', afterMs: 5 * second, times: 1 } });
    expect(await install()).toMatchObject({ State: 'Prompting' });
    await admin.advance(5 * second);
    expect(await status()).toEqual(['UserRejected']);
    expect(await status()).toEqual([]);
    expect(appOf()).toBeUndefined();
    expect(await install()).toMatchObject({ State: 'Installing' });
  });

  it('F8 the person refuses an update, or to be managed: told once, and the app stays', async () => {
    const { install, admin, status, appOf } = await fleetBench({ apps: [{ adamId: app, behind: 1 }] });
    admin.fleet.script({ script: { kind: 'userRejects', afterMs: second, times: 1 } });
    expect(await install()).toMatchObject({ State: 'PromptingForUpdate' });
    await admin.advance(second);
    expect(await status()).toEqual(['UpdateRejected']);
    expect([appOf()!.status, appOf()!.installed!.externalId]).toEqual(['Managed', 800000199]);
  });

  it('F8 nobody answers a prompt', async () => {
    const { install, admin, status } = await fleetBench();
    admin.fleet.script({ script: { kind: 'prompt', acceptsAfterMs: null } });
    await install();
    await admin.advance(100 * hour);
    expect(await status()).toEqual(['Prompting']);
  });

  it('F8 a person removes the app: ManagedButUninstalled, and managed again by the next install', async () => {
    const { install, admin, status, listApps } = await fleetBench({ apps: [{ adamId: app }] });
    admin.fleet.act({ act: { kind: 'removeApp', adamId: app } });
    expect(await status()).toEqual(['ManagedButUninstalled']);
    expect(await listApps({ Items: [] })).toEqual([]);
    expect(await install()).toMatchObject({ State: 'Installing' });
  });

  it('F8 an invitation is shown, accepted by whoever has an account, and wrong ones are named', async () => {
    const { admin, send, device } = await fleetBench();
    admin.fleet.act({ act: { kind: 'signIn', account: 'pupil@elsewhere.example' } });
    const url = 'http://apple.invalid/invitation?inviteCode=0123456789abcdef0123456789abcdef&mt=8';
    const order = { ProgramID: 'com.apple.cloudvpp', InvitationURL: url };
    expect(await send('InviteToProgram', { ...order, ProgramID: 'x' })).toMatchObject({
      InvitationResult: 'InvalidProgramID',
    });
    expect(await send('InviteToProgram', { ...order, InvitationURL: 'x' })).toMatchObject({
      InvitationResult: 'InvalidInvitationURL',
    });
    expect(await send('InviteToProgram', order)).toMatchObject({ InvitationResult: 'Acknowledged' });
    const user = admin.users().find(({ idHash }) => idHash === device().storeAccount);
    expect(user?.status).toBe('Associated');
  });
});

describe('F8 lists and facts', () => {
  it('F8 InstalledApplicationList honors Identifiers and ManagedAppsOnly, and knows in-house apps as 0', async () => {
    const apps = [
      { adamId: app },
      { bundleId: 'school.own', version: '7.1' },
      { adamId: school.exactly300, managed: false },
    ];
    const { listApps } = await fleetBench({ apps });
    expect(
      await listApps({ Identifiers: ['school.own'], Items: ['ExternalVersionIdentifier', 'HasUpdateAvailable'] }),
    ).toEqual([{ Identifier: 'school.own', ExternalVersionIdentifier: 0 }]);
    expect(await listApps({ ManagedAppsOnly: true, Items: ['Name'] })).toHaveLength(2);
    const all = await listApps();
    expect(all.map(({ Identifier }) => Identifier)).toContain('com.apple.Preferences');
    expect(all[0]).not.toHaveProperty('BundleSize');
    expect((await listApps({ Items: ['BundleSize'] }))[0]).toHaveProperty('BundleSize');
  });

  it('F8 ManagedApplicationList honors Identifiers', async () => {
    const { send } = await fleetBench({ apps: [{ adamId: app }, { bundleId: 'school.own' }] });
    const list = (await send('ManagedApplicationList', { Identifiers: ['school.own'] }))?.ManagedApplicationList;
    expect(list).toEqual({
      'school.own': expect.objectContaining({ Status: 'Managed', ExternalVersionIdentifier: 0 }),
    });
  });

  it('F8 DeviceInformation answers what the OS knows and leaves out the rest', async () => {
    const specs = [{ serialNumber: 'SIMOLD000001', ...ipad, osVersion: '12.5.7' }];
    const { send } = await fleetBench({ specs });
    const facts = await send('DeviceInformation', {
      Queries: ['SerialNumber', 'TimeZone', 'IsSupervised', 'Nonsense'],
    });
    expect(facts?.QueryResponses).toEqual({ SerialNumber: 'SIMOLD000001', IsSupervised: true });
  });

  it('F8 says of an update only some time after its release', async () => {
    const { admin, listApps } = await fleetBench({ apps: [{ adamId: app }] }, { fleet: { updateNoticeMs: 24 * hour } });
    const knows = async () => (await listApps({ Items: ['HasUpdateAvailable'] }))[0]!.HasUpdateAvailable;
    admin.publishVersion({ adamId: app });
    expect(await knows()).toBe(false);
    await admin.advance(24 * hour);
    expect(await knows()).toBe(true);
  });

  it('F8 does not know other commands', async () => {
    const { send } = await fleetBench();
    expect(errorsOf(await send('EraseTheMoon'))).toEqual([['MCMDMErrorDomain', 12021]]);
  });
});

describe('F8 removal', () => {
  it('F8 removes a managed app at once, none that loads, and one of a person only from iOS 26 supervised', async () => {
    const { install, send, admin, device, appOf } = await fleetBench();
    await install();
    const order = { Identifier: appOf()!.bundleId };
    expect(errorsOf(await send('RemoveApplication', order))).toEqual([['MCMDMErrorDomain', 12036]]);
    await admin.advance(10 * second);
    expect((await send('RemoveApplication', order))?.Status).toBe('Acknowledged');
    expect(device().apps).toEqual([]);
    expect(errorsOf(await send('RemoveApplication', order))).toEqual([['MCMDMErrorDomain', 12029]]);
    admin.fleet.act({ act: { kind: 'putApp', app: { adamId: app, managed: false } } });
    admin.fleet.act({ act: { kind: 'updateSystem', osVersion: '18.0' } });
    expect(errorsOf(await send('RemoveApplication', order))).toEqual([['MCMDMErrorDomain', 12029]]);
    admin.fleet.act({ act: { kind: 'updateSystem', osVersion: '26.1' } });
    expect((await send('RemoveApplication', order))?.Status).toBe('Acknowledged');
  });
});

describe('F8 scripts', () => {
  it('F8 NotNow some times, comes back by itself, and never for queries that iOS always answers', async () => {
    const { install, send, admin, device } = await fleetBench({}, { fleet: { notNowRetryMs: 5 * second } });
    admin.fleet.script({ script: { kind: 'notNow', times: 2 } });
    expect((await install())?.Status).toBe('NotNow');
    expect((await send('DeviceInformation', { Queries: ['OSVersion'] }))?.Status).toBe('Acknowledged');
    await admin.advance(20 * second);
    expect(
      device()
        .seen!.filter(({ requestType }) => requestType === 'InstallApplication')
        .map(({ status }) => status),
    ).toEqual(['NotNow', 'NotNow', 'Acknowledged']);
  });

  it('F8 9610, 12064 or 1407 some times for each app, then fine; the same devices for the same seed', async () => {
    const { install, admin } = await fleetBench();
    const errors = [{ domain: 'ASDServerErrorDomain', code: 9610, text: 'Unhandled exception' }];
    admin.fleet.script({ script: { kind: 'error', errors, times: 2 } });
    for (const adamId of [app, school.exactly300]) {
      expect(errorsOf(await install(adamId))).toEqual([['ASDServerErrorDomain', 9610]]);
      expect(errorsOf(await install(adamId))).toEqual([['ASDServerErrorDomain', 9610]]);
      expect(await install(adamId)).toMatchObject({ State: 'Installing' });
    }
  });

  it('F8 a share of the fleet is chosen by the seed, which is told', async () => {
    const { admin } = await fleetBench({ devices: 200 });
    const { devices, seed } = admin.fleet.script({ share: 0.3, script: { kind: 'hangs' } });
    expect(devices).toBeGreaterThan(40);
    expect(devices).toBeLessThan(80);
    const first = admin.fleet
      .devices()
      .filter(({ scripts }) => scripts.length > 0)
      .map((one) => one.serialNumber);
    admin.fleet.clearScripts({ kind: 'hangs' });
    admin.fleet.script({ share: 0.3, seed, script: { kind: 'notNow' } });
    expect(
      admin.fleet
        .devices()
        .filter(({ scripts }) => scripts.length > 0)
        .map((one) => one.serialNumber),
    ).toEqual(first);
  });

  it('F8 a kiosk accepts every update and never makes one, or says 1407', async () => {
    const { install, admin, appOf } = await fleetBench({ apps: [{ adamId: app, behind: 1 }] });
    admin.fleet.script({ script: { kind: 'kiosk' } });
    expect(await install()).toMatchObject({ Status: 'Acknowledged', State: 'Managed' });
    await admin.advance(hour);
    expect(appOf()!.installed!.externalId).toBe(800000199);
    admin.fleet.clearScripts();
    admin.fleet.script({ script: { kind: 'kiosk', answer: '1407' } });
    expect(errorsOf(await install())).toEqual([['DeviceManagement.error', 1407]]);
  });

  it('F8 a stuck version loads and is what it was', async () => {
    const { install, admin, appOf, status } = await fleetBench({ apps: [{ adamId: app, behind: 1 }] });
    admin.fleet.script({ script: { kind: 'stuckVersion', times: 1 } });
    expect(await install()).toMatchObject({ State: 'Updating' });
    await admin.advance(10 * second);
    expect([await status(), appOf()!.installed!.externalId]).toEqual([['Managed'], 800000199]);
    await install();
    await admin.advance(10 * second);
    expect(appOf()!.installed!.externalId).toBe(800000200);
  });

  it('F8 a staged release reaches a device, and the store for it, later', async () => {
    const { install, admin, appOf, listApps } = await fleetBench({ apps: [{ adamId: app }] });
    admin.fleet.script({ script: { kind: 'stagedRollout', delayMs: 2 * hour, store: true } });
    admin.publishVersion({ adamId: app, version: '5.0' });
    await install();
    await admin.advance(hour);
    expect(appOf()!.installed!.version).toBe('3.0.2');
    await admin.advance(hour);
    const [entry] = await listApps({ Items: ['HasUpdateAvailable'] });
    expect(entry!.HasUpdateAvailable).toBe(true);
    await install();
    await admin.advance(10 * second);
    expect(appOf()!.installed!.version).toBe('5.0');
  });

  it('F8 an installation fails: told once, then gone; another one hangs', async () => {
    const { install, admin, status } = await fleetBench();
    admin.fleet.script({ script: { kind: 'installFails', times: 1 } });
    await install();
    await admin.advance(10 * second);
    expect([await status(), await status()]).toEqual([['Failed'], []]);
    admin.fleet.script({ script: { kind: 'hangs' } });
    await install();
    await admin.advance(hour);
    expect(await status()).toEqual(['Installing']);
  });

  it('F8 answers twice, and answers again what was lost on the way', async () => {
    const { send, admin, hook, device } = await fleetBench();
    const answers = () => hook.caught.filter(({ event }) => event.acknowledge_event?.status === 'Acknowledged').length;
    admin.fleet.script({ script: { kind: 'duplicateAnswer', times: 1 } });
    await send('ProfileList');
    await send('DeviceInformation', { Queries: [] });
    admin.fleet.clearScripts();
    const before = answers();
    admin.fleet.script({ script: { kind: 'lostConnection', times: 1 } });
    expect(await send('DeviceInformation', { Queries: [] })).toBeUndefined();
    await admin.advance(2 * second);
    expect(answers()).toBe(before + 1);
    expect(device().counts.DeviceInformation).toBe(2);
  });

  it('F8 is away for days; pushes are lost unless kept', async () => {
    const { send, admin, device } = await fleetBench();
    admin.fleet.act({ act: { kind: 'goOffline', forMs: 48 * hour } });
    expect(await send('DeviceInformation', { Queries: [] })).toBeUndefined();
    await admin.advance(72 * hour);
    expect(device().counts).toEqual({});
    admin.fleet.act({ act: { kind: 'goOffline', forMs: 48 * hour, keepsPush: true } });
    await send('DeviceInformation', { Queries: [] });
    await admin.advance(48 * hour);
    expect(device().counts).toEqual({ DeviceInformation: 2 });
  });

  it('F8 enrolls anew: managed apps and the queue are gone, the serial number stays', async () => {
    const { api, admin, device, hook } = await fleetBench({
      apps: [{ adamId: app }, { adamId: school.exactly300, managed: false }],
    });
    const { udid } = device();
    await api(`/enqueue/${udid}?nopush=1`, { body: command('waits') });
    admin.fleet.act({ act: { kind: 'reenroll' } });
    await admin.advance(second);
    expect(admin.mdm.queue({ id: udid })).toEqual([]);
    expect(device().apps.map(({ adamId }) => adamId)).toEqual([school.exactly300]);
    const enrollments = hook.caught.filter(({ event }) => event.topic === 'mdm.Authenticate');
    expect(enrollments).toHaveLength(2);
  });

  it('F8 leaves with a word or without one, and answers nothing afterwards', async () => {
    const { admin, hook, send } = await fleetBench({
      specs: [
        { serialNumber: 'SIMA00000001', ...ipad },
        { serialNumber: 'SIMB00000001', ...ipad },
      ],
    });
    admin.fleet.act({ serialNumbers: ['SIMA00000001'], act: { kind: 'unenroll' } });
    admin.fleet.act({ serialNumbers: ['SIMB00000001'], act: { kind: 'unenroll', silently: true } });
    await admin.fleet.drive();
    expect(hook.caught.filter(({ event }) => event.topic === 'mdm.CheckOut')).toHaveLength(1);
    expect(await send('DeviceInformation', { Queries: [] })).toBeUndefined();
  });

  it('F8 in Setup Assistant puts installs off when it is old, and says when it left', async () => {
    const specs = [{ serialNumber: 'SIMOLD000001', ...ipad, osVersion: '15.8.3' }];
    const { install, admin, hook, device } = await fleetBench({ specs, awaitingConfiguration: true });
    expect((await install())?.Status).toBe('NotNow');
    admin.fleet.act({ act: { kind: 'leaveSetup' } });
    await admin.fleet.drive();
    await install();
    const installs = device().seen!.map(({ status, errorCode }) => errorCode ?? status);
    expect(installs).toEqual(['NotNow', 'Acknowledged', 506]);
    expect(hook.caught.filter(({ event }) => event.checkin_event?.token_update_tally === 2)).toHaveLength(1);
  });

  it('F8 devices of any speed, woken at different moments, all get there', async () => {
    const { api, admin } = await fleetBench({ devices: 60, speed: [0.3, 3] }, { fleet: { pushJitterMs: 700 } });
    const ipads = admin.fleet.devices({ family: 'IPAD' });
    for (const { serialNumber } of ipads) license({ admin }, serialNumber);
    const rest = { iTunesStoreID: Number(app), Options: { PurchaseMethod: 1 } };
    await api(`/enqueue/${ipads.map(({ udid }) => udid)}`, { body: command('all', 'InstallApplication', rest) });
    await admin.advance(60 * second);
    const { apps, planned } = admin.fleet.state();
    const able = ipads.filter(({ osVersion }) => Number.parseInt(osVersion, 10) >= 15).length;
    expect([apps.Managed, planned]).toEqual([able, 0]);
  });

  it('F8 does not understand', async () => {
    const { install, admin } = await fleetBench();
    admin.fleet.script({ script: { kind: 'formatError', requestType: 'InstallApplication', times: 1 } });
    expect((await install())?.Status).toBe('CommandFormatError');
  });
});
