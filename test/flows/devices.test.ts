/** Devices from end to end: the public API, and both simulators. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { schoolUnits } from '../../src/simulator/index.ts';
import { type FleetDay, hour, minute, openFleetDay, second, unlimitedApp } from '../support/fleet-day.ts';

const devices = 20;
/** Days of devices in one test. */
const limit = 60_000;
let day: FleetDay;
beforeAll(async () => {
  day = await openFleetDay(devices, {
    settings: { inventoryEvery: 7 * 24 * hour, informationEvery: 7 * 24 * hour },
    simulator: { fleet: { propagationMs: 10 * second, propagationJitterMs: 20 * second } },
  });
});
afterEach(() => day.world.simulator.admin.fleet.clearScripts());
afterAll(() => day.close());

const taskFields = 'state outcome requested completed failed failures(first: 1) { totalCount }';
const task = async (id: string) => (await day.ask(`query ($id: ID!) { task(id: $id) { ${taskFields} } }`, { id })).task;

test('S28 F2 installs: 9610 for a third of them is no failure, nothing is sent before the license is there, lists confirm', async () => {
  const { admin } = day.world.simulator;
  const errors = [{ domain: 'ASDServerErrorDomain', code: 9610 }];
  admin.fleet.script({ script: { kind: 'error', errors, chance: 0.3, times: 1, requestType: 'InstallApplication' } });
  const id = await day.installApp();
  await day.until(() => day.ended(id), 15 * second);
  expect(await task(id)).toEqual({
    ...{ state: 'SUCCEEDED', outcome: 'ALL', requested: devices, completed: devices, failed: 0 },
    failures: { totalCount: 0 },
  });
  const seen = admin.fleet.devices({ seen: true }).flatMap((device) => device.seen ?? []);
  const refused = seen.filter(({ requestType, errorCode }) => requestType === 'InstallApplication' && errorCode);
  // Any other number would say that the store knows of no license.
  expect(new Set(refused.map(({ errorCode }) => errorCode))).toEqual(new Set([9610]));
  expect(await day.sentTooEarly()).toBe(0);
  expect(await day.differences()).toEqual([]);
});

/** What Russet says of the update and of the app on a device. */
const why = async (serialNumber: string) => {
  const { devices: found } = await day.ask(
    'query ($serial: String!) { devices(first: 1, search: $serial) { edges { node { id serialNumber } } } }',
    { serial: serialNumber },
  );
  return day.ask(
    `query ($deviceId: ID!, $appId: ID!) {
      updateDecision(deviceId: $deviceId, appId: $appId) { availability willUpdate reasons { code } attempts { attempts outcome } }
      explain(deviceId: $deviceId, appId: $appId) { reasons { code } }
    }`,
    { deviceId: found.edges[0].node.id, appId: day.appId },
  );
};

test(
  'S51 S58 S60 S62 F4 F10 windows of two nights: who can have the version has it, a kiosk is tried once a night, never outside, and why',
  async () => {
    const { admin } = day.world.simulator;
    const [kiosk, other] = day.serials as [string, string];
    admin.fleet.script({ serialNumbers: [kiosk], script: { kind: 'kiosk' } });
    const began = day.world.clock.now().getTime();
    const windows = ['TUESDAY', 'WEDNESDAY'].map((night) => ({ day: night, startsAt: '20:00', endsAt: '23:00' }));
    await day.policy({ mode: 'SCHEDULED', windows, maxInFlight: 10, pauseAtPercent: null, maxAttempts: 2 });
    const { externalId } = admin.publishVersion({ adamId: unlimitedApp }).variants[0]!;
    // From 8 o'clock to the morning after next, looking closely when a window opens.
    for (const hours of [12, 1, 23, 1, 8]) await day.pass(hours * hour, hours === 1 ? 5 * minute : hour);
    const has = admin.fleet.devices().filter(({ apps }) => apps[0]?.installed?.externalId === externalId);
    expect(has.map(({ serialNumber }) => serialNumber)).toEqual(day.serials.slice(1));
    expect(await day.differences()).toEqual([]);
    expect(await day.mostAtOnce('UPDATE')).toBeLessThanOrEqual(10);
    const sent = admin.fleet.devices({ seen: true }).map(({ serialNumber, seen }) => ({
      serialNumber,
      at: seen!
        .filter(({ requestType, at }) => requestType === 'InstallApplication' && at >= began)
        .map(({ at }) => new Date(at)),
    }));
    for (const { serialNumber, at } of sent) {
      expect(at).toHaveLength(serialNumber === kiosk ? 2 : 1);
      for (const one of at) expect([20, 21, 22]).toContain(one.getUTCHours());
    }
    expect((await why(other)).updateDecision).toMatchObject({ availability: 'CURRENT', willUpdate: false });
    const { updateDecision, explain } = await why(kiosk);
    expect(updateDecision).toMatchObject({
      ...{ availability: 'AVAILABLE', willUpdate: false, attempts: { attempts: 2, outcome: 'UNCHANGED' } },
    });
    const codes = (reasons: { code: string }[]) => reasons.map(({ code }) => code);
    expect(codes(updateDecision.reasons)).toEqual(expect.arrayContaining(['STUCK', 'APP_IN_USE']));
    expect(codes(explain.reasons)).toEqual(['INSTALLED']);
    const { tasks } = await day.ask('{ tasks(first: 9, kinds: [UPDATE]) { edges { node { completed failed } } } }');
    expect(tasks.edges.map(({ node }: { node: object }) => node)).toEqual([
      { completed: 0, failed: 1 },
      { completed: devices - 1, failed: 1 },
    ]);
    await day.policy({ mode: 'NEVER' });
  },
  limit,
);

const refusal = '... on UserError { __typename code message }';
const failures = async (id: string) => {
  const { task: found } = await day.ask(
    'query ($id: ID!) { task(id: $id) { failures(first: 20) { edges { node { code serialNumber } } } } }',
    { id },
  );
  return found.failures.edges.map(({ node }: { node: { code: string; serialNumber: string } }) => [
    node.code,
    node.serialNumber,
  ]);
};
const onDevices = () =>
  day.world.simulator.admin.fleet
    .devices()
    .filter(({ apps }) => apps.some((app) => app.adamId === unlimitedApp))
    .map(({ serialNumber }) => serialNumber);
const licensesAtApple = () =>
  day.world.simulator.admin.truth({ uId: schoolUnits.own }).assignments.filter(({ adamId }) => adamId === unlimitedApp);

/** One refuses, one is offline for days, one has no time at first, one is still busy with the app. */
function troubles([refuses, away, later, busy]: string[]): void {
  const { fleet } = day.world.simulator.admin;
  const error = (serialNumber: string, code: number, more: { times?: number } = {}) =>
    fleet.script({
      serialNumbers: [serialNumber],
      script: {
        kind: 'error',
        errors: [{ domain: 'MCMDMErrorDomain', code }],
        requestType: 'RemoveApplication',
        ...more,
      },
    });
  error(refuses!, 12065);
  error(busy!, 12036, { times: 1 });
  fleet.script({ serialNumbers: [later!], script: { kind: 'notNow', times: 2 } });
  fleet.act({ serialNumbers: [away!], act: { kind: 'goOffline', forMs: 49 * hour, keepsPush: true } });
}

test(
  'S48 removeApps: the app is gone where Russet says so, and only there its license came back',
  async () => {
    const some = day.serials.slice(0, 7);
    troubles(some);
    const { removeApps } = await day.ask(
      `mutation ($input: RemoveAppsInput!) { removeApps(input: $input) { ... on RemoveAppsPayload { task { id } } ${refusal} } }`,
      { input: { appIds: [day.appId], target: { serialNumbers: some }, onError: 'SKIP_FAILED' } },
    );
    await day.until(() => day.ended(removeApps.task.id), 10 * minute);
    expect(await task(removeApps.task.id)).toMatchObject({ outcome: 'SOME', requested: 7, completed: 6, failed: 1 });
    expect(await failures(removeApps.task.id)).toEqual([['SYSTEM_APP', some[0]]]);
    expect(onDevices()).toEqual([some[0], ...day.serials.slice(7)]);
    expect(licensesAtApple()).toHaveLength(devices - 6);
    expect(await day.differences()).toEqual([]);
  },
  limit,
);

test(
  'S48 revokeLicenses with removeApps: the license of a device that keeps the app stays, the others come back after the app is gone',
  async () => {
    const some = day.serials.slice(7, 13);
    troubles(some);
    const { revokeLicenses } = await day.ask(
      `mutation ($input: RevokeLicensesInput!) { revokeLicenses(input: $input) { ... on RevokeLicensesPayload { task { id } } ${refusal} } }`,
      { input: { appIds: [day.appId], target: { serialNumbers: some }, removeApps: true, onError: 'SKIP_FAILED' } },
    );
    await day.until(() => day.ended(revokeLicenses.task.id), 10 * minute);
    // A license and an app for each device.
    expect(await task(revokeLicenses.task.id)).toMatchObject({
      outcome: 'SOME',
      requested: 12,
      completed: 10,
      failed: 2,
    });
    expect((await failures(revokeLicenses.task.id)).sort()).toEqual([
      ['APP_NOT_REMOVED', some[0]],
      ['SYSTEM_APP', some[0]],
    ]);
    expect(onDevices()).toEqual([day.serials[0], some[0], ...day.serials.slice(13)]);
    expect(licensesAtApple()).toHaveLength(devices - 11);
    expect(await day.differences()).toEqual([]);
  },
  limit,
);

test(
  'S49 S50 retireVppUsers with removeApps: the license comes back at once, the apps go from their devices as these can be reached',
  async () => {
    const { admin } = day.world.simulator;
    const { fleet } = admin;
    const theirs = day.serials.slice(1, 6);
    const licensed = day.serials[19]!;
    const { tokens } = await day.ask('{ tokens(first: 1) { edges { node { id } } } }');
    const { createVppUsers } = await day.ask(
      `mutation ($input: CreateVppUsersInput!) { createVppUsers(input: $input) { ... on CreateVppUsersPayload { vppUserIds task { id } } ${refusal} } }`,
      { input: { tokenId: tokens.edges[0].node.id, users: [{ name: 'Rosa' }] } },
    );
    const vppUserIds: string[] = createVppUsers.vppUserIds;
    await day.until(() => day.ended(createVppUsers.task.id), second);
    const { associateLicenses } = await day.ask(
      `mutation ($input: AssociateLicensesInput!) { associateLicenses(input: $input) { ... on AssociateLicensesPayload { task { id } } ${refusal} } }`,
      { input: { appIds: [day.appId], target: { vppUserIds } } },
    );
    await day.until(() => day.ended(associateLicenses.task.id), second);
    const before = licensesAtApple().length;
    const { inviteVppUsers } = await day.ask(
      `mutation ($input: InviteVppUsersInput!) { inviteVppUsers(input: $input) { ... on InviteVppUsersPayload { vppUsers { invitation { code } } } ${refusal} } }`,
      { input: { vppUserIds } },
    );
    const { idHash } = admin.acceptInvitation({
      inviteCode: inviteVppUsers.vppUsers[0].invitation.code,
      account: 'rosa@example.org',
    });
    await day.ask(
      `mutation ($input: SyncLicensesInput!) { syncLicenses(input: $input) { ... on SyncLicensesPayload { syncs { task { id } } } ${refusal} } }`,
      { input: {} },
    );
    fleet.act({ serialNumbers: [...theirs, licensed], act: { kind: 'signIn', idHash: idHash! } });
    fleet.act({ serialNumbers: theirs, act: { kind: 'putApp', app: { adamId: unlimitedApp } } });
    fleet.act({ serialNumbers: [...theirs, licensed], act: { kind: 'reenroll', keepsApps: true } });
    await day.pass(5 * minute);
    troubles(theirs);
    const { retireVppUsers } = await day.ask(
      `mutation ($input: RetireVppUsersInput!) { retireVppUsers(input: $input) { ... on RetireVppUsersPayload { task { id } } ${refusal} } }`,
      { input: { vppUserIds, removeApps: true } },
    );
    const retired = async () =>
      (await day.ask('query ($id: ID!) { vppUser(id: $id) { status } }', { id: vppUserIds[0] })).vppUser.status ===
      'RETIRED';
    await day.until(retired, 5 * second);
    expect(licensesAtApple()).toHaveLength(before - 1);
    await day.until(() => day.ended(retireVppUsers.task.id), 10 * minute);
    expect(await task(retireVppUsers.task.id)).toMatchObject({
      outcome: 'SOME',
      requested: 7,
      completed: 6,
      failed: 1,
    });
    expect(await failures(retireVppUsers.task.id)).toEqual([['SYSTEM_APP', theirs[0]]]);
    // Those that have a license of their own keep the app.
    expect(onDevices()).toEqual([day.serials[0], theirs[0], day.serials[7], ...day.serials.slice(13)]);
    // The one that refused has the app and no license; that is said as it is.
    expect(await day.differences()).toEqual([expect.stringContaining(`${theirs[0]}: `)]);
  },
  limit,
);
