import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { bookReader, type OptionsPatch, school, schoolUnits } from '../../src/simulator/index.ts';
import { bench, serials } from './support.ts';
import { webhook } from './webhook.ts';

const uId = schoolUnits.own;
const registered = '5f1d7a4e-0000-4000-8000-000000000002';

async function people(options: OptionsPatch = {}) {
  const [hook, tools] = [
    await webhook(),
    await bench({ allowHttpNotificationUrl: true, notificationConcurrency: 1, ...options }),
  ];
  const notificationTypes = ['USER_MANAGEMENT', 'USER_ASSOCIATED', 'ASSET_MANAGEMENT'];
  const json = { notificationUrl: hook.url, notificationAuthToken: 's', notificationTypes };
  await tools.ask('/client/config', { json });
  hook.arrivals.length = 0;
  /** Does one write to its end and gives the final status. */
  const run = async (verb: 'create' | 'update' | 'retire', ...users: object[]) => {
    const eventId = await tools.post(`/users/${verb}`, { users });
    await tools.admin.advance(1000);
    return tools.status(eventId);
  };
  const find = async (query: string) => (await tools.ask(`/users?${query}`)).body.users as unknown as UserRow[];
  const invite = async (clientUserId: string) => {
    await run('create', { clientUserId });
    return (await find(`clientUserId=${clientUserId}&activeOnly=true`))[0]!.inviteCode!;
  };
  return { ...tools, hook, run, find, invite };
}

interface UserRow {
  clientUserId: string;
  status: string;
  email?: string;
  inviteCode?: string;
  idHash?: string;
}

describe('F8 create, update, retire', () => {
  it('F8 a user without an account is Registered with a code of 32 hex digits', async () => {
    const { run, find, hook } = await people();
    expect(await run('create', { clientUserId: 'u-1', email: 'a@example.com' }, { clientUserId: 'u-2' })).toMatchObject(
      {
        eventType: 'CREATE',
        eventStatus: 'COMPLETE',
        numRequested: 2,
        numCompleted: 2,
      },
    );
    const [row] = await find('clientUserId=u-1');
    expect(row).toEqual({
      clientUserId: 'u-1',
      email: 'a@example.com',
      status: 'Registered',
      inviteCode: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const [told] = hook.of('USER_MANAGEMENT');
    expect(told!.notification).toMatchObject({
      type: 'CREATE',
      result: 'SUCCESS',
      users: [row, { clientUserId: 'u-2' }],
    });
  });

  it('F8 an account of the same organization is Associated at once, with 20 bytes of idHash', async () => {
    const { run, find } = await people();
    await run('create', { clientUserId: 'u-1', managedAppleId: 'Ann@riverbend.example' });
    const [row] = await find('managedAppleId=Ann@riverbend.example');
    expect(row).toEqual({ clientUserId: 'u-1', status: 'Associated', idHash: expect.any(String) });
    expect(Buffer.from(row!.idHash!, 'base64')).toHaveLength(20);
  });

  it('F8 9716, 9635, 9641 and 9609 come in the event, apart', async () => {
    const { run, hook } = await people();
    await run('create', { clientUserId: 'u-1', managedAppleId: 'ann@riverbend.example' });
    hook.arrivals.length = 0;
    const status = await run(
      'create',
      { clientUserId: 'u-1' },
      { clientUserId: 'u-2', managedAppleId: 'x@elsewhere.example' },
      { clientUserId: 'u-3', managedAppleId: 'ann@riverbend.example' },
      { clientUserId: 'u-4' },
    );
    expect(status).toMatchObject({ eventStatus: 'FAILED', numRequested: 4, numCompleted: 1 });
    expect(status.failures!.map((failure) => [failure.errorNumber, failure.errorInfo])).toEqual([
      [9635, { clientUserIds: ['u-2'] }],
      [9641, { clientUserIds: ['u-3'] }],
      [9716, { clientUserIds: ['u-1'] }],
    ]);
    expect(
      hook
        .of('USER_MANAGEMENT')
        .map(({ notification }) => notification.result)
        .sort(),
    ).toEqual(['FAILURE', 'FAILURE', 'FAILURE', 'SUCCESS']);
    expect((await run('update', { clientUserId: 'nobody', email: 'a@b.example' })).failures).toMatchObject([
      { errorNumber: 9609 },
    ]);
    expect((await run('retire', { clientUserId: 'nobody' })).failures).toMatchObject([{ errorNumber: 9609 }]);
  });

  it('F8 an update changes the e-mail and may link an account', async () => {
    const { run, find } = await people();
    await run('create', { clientUserId: 'u-1', email: 'a@example.com' });
    await run('update', { clientUserId: 'u-1', email: 'b@example.com' });
    expect(await find('clientUserId=u-1')).toMatchObject([{ email: 'b@example.com', status: 'Registered' }]);
    await run('update', { clientUserId: 'u-1', managedAppleId: 'ann@riverbend.example' });
    expect(await find('clientUserId=u-1')).toMatchObject([{ email: 'b@example.com', status: 'Associated' }]);
  });

  it('F8 retiring frees what is revocable, by option, and keeps books', async () => {
    const { run, ask, asset, find } = await people();
    await run('retire', { clientUserId: bookReader });
    expect(await find('retiredOnly=true')).toMatchObject([
      { clientUserId: bookReader, idHash: expect.any(String) },
      {},
    ]);
    expect(await asset(school.notForDevices)).toMatchObject({ assignedCount: 0 });
    const held = (await ask(`/assignments?clientUserId=${bookReader}&includeUserState=true`)).body.assignments;
    expect(held).toMatchObject([{ adamId: school.book, userStatus: 'Retired' }]);
    expect((await ask(`/assignments?clientUserId=${bookReader}&excludeInactiveUsers=true`)).body.assignments).toEqual(
      [],
    );
    const kept = await people({ retireFreesSeats: false });
    await kept.run('retire', { clientUserId: bookReader });
    expect(await kept.asset(school.notForDevices)).toMatchObject({ assignedCount: 1 });
  });

  it('F8 a retired user cannot be given a seat', async () => {
    const { run, post, status, clock } = await people();
    await run('retire', { clientUserId: registered });
    const eventId = await post('/assets/associate', {
      assets: [{ adamId: school.twentyFive }],
      clientUserIds: [registered],
    });
    await clock.advance(500);
    expect((await status(eventId)).failures).toMatchObject([{ errorNumber: 9609 }]);
  });

  it('F8 a hundred users are one event, and its notification has a hundred rows at most', async () => {
    const { run, hook } = await people({ limits: { maxUsers: 150 }, eventBatchSize: 1000 });
    await run('create', ...serials(150, 'u-').map((clientUserId) => ({ clientUserId })));
    expect(hook.of('USER_MANAGEMENT').map(({ notification }) => (notification.users as object[]).length)).toEqual([
      100, 50,
    ]);
  });

  it('F8 users that changed since a version', async () => {
    const { run, ask } = await people();
    const { versionId } = (await ask('/users')).body;
    expect((await ask(`/users?sinceVersionId=${versionId}`)).body.users).toEqual([]);
    await run('create', { clientUserId: 'u-1' });
    await run('retire', { clientUserId: registered });
    const changed = (await ask(`/users?sinceVersionId=${versionId}`)).body.users!;
    expect(changed.map((user) => [user.clientUserId, user.status])).toEqual([
      [registered, 'Retired'],
      ['u-1', 'Registered'],
    ]);
  });
});

describe('F8 history of one clientUserId', () => {
  it('F8 a retired record that was never linked is revived, or by option left beside a new one', async () => {
    for (const recreateRetired of ['revive', 'new'] as const) {
      const { run, find, invite } = await people({ recreateRetired });
      const first = await invite('u-1');
      await run('retire', { clientUserId: 'u-1' });
      expect(await invite('u-1')).not.toBe(first);
      const records = (await find('clientUserId=u-1')).map((user) => user.status);
      expect(records).toEqual(recreateRetired === 'revive' ? ['Registered'] : ['Retired', 'Registered']);
    }
  });

  it('F8 many times retired, once active; the same account revives the old record', async () => {
    const { run, find, invite, admin } = await people();
    const records = async () => (await find('clientUserId=u-1')).map((user) => user.status);
    admin.acceptInvitation({ inviteCode: await invite('u-1'), account: 'ann@home.example' });
    const [{ idHash }] = (await find('clientUserId=u-1')) as [UserRow];
    await run('retire', { clientUserId: 'u-1' });
    admin.acceptInvitation({ inviteCode: await invite('u-1'), account: 'other@home.example' });
    await run('retire', { clientUserId: 'u-1' });
    const code = await invite('u-1');
    expect(await records()).toEqual(['Retired', 'Retired', 'Registered']);
    admin.acceptInvitation({ inviteCode: code, account: 'Ann@home.example' });
    expect(await records()).toEqual(['Associated', 'Retired', 'Retired']);
    expect(await find('clientUserId=u-1&activeOnly=true')).toMatchObject([{ idHash }]);
  });

  it('F8 or the new record takes the account, and the old one is Deleted', async () => {
    const { run, find, invite, admin } = await people({ sameAccountAgain: 'replace' });
    admin.acceptInvitation({ inviteCode: await invite('u-1'), account: 'ann@home.example' });
    await run('retire', { clientUserId: 'u-1' });
    admin.acceptInvitation({ inviteCode: await invite('u-1'), account: 'ann@home.example' });
    const [old, now] = await find('clientUserId=u-1');
    expect(old).toEqual({ clientUserId: 'u-1', status: 'Deleted' });
    expect(now).toMatchObject({ status: 'Associated' });
  });

  it('F8 the history survives a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stateFile = join(folder, 'state.json');
    const first = await people({ recreateRetired: 'new', ...{ stateFile } });
    await first.invite('u-1');
    await first.run('retire', { clientUserId: 'u-1' });
    await first.run('create', { clientUserId: 'u-1', managedAppleId: 'ann@riverbend.example' });
    const before = [first.admin.users(), (await first.ask('/users')).body];
    await first.simulator.close();
    const second = await bench({ stateFile, clock: createVirtualClock(first.clock.now()) });
    expect([second.admin.users(), (await second.ask('/users')).body]).toEqual(before);
    const eventId = await second.post('/users/create', {
      users: [{ clientUserId: 'x', managedAppleId: 'ann@riverbend.example' }],
    });
    await second.admin.advance(500);
    expect((await second.status(eventId)).failures).toMatchObject([{ errorNumber: 9641 }]);
  });
});

describe('F8 an invitation', () => {
  it('F8 is accepted once; USER_ASSOCIATED tells of it with the code and no eventId', async () => {
    const { admin, hook, find, ask, invite } = await people();
    const inviteCode = await invite('u-1');
    hook.arrivals.length = 0;
    const user = admin.acceptInvitation({ inviteCode, account: 'ann@home.example' });
    await admin.advance(1000);
    expect(user).toMatchObject({ uId, clientUserId: 'u-1', status: 'Associated' });
    expect(hook.arrivals.map((one) => one.body)).toMatchObject([
      {
        notificationType: 'USER_ASSOCIATED',
        notification: {
          associatedUsers: [{ clientUserId: 'u-1', status: 'Associated', inviteCode, idHash: user.idHash }],
        },
      },
    ]);
    expect(hook.arrivals[0]!.body.notification).not.toHaveProperty('eventId');
    expect((await find('clientUserId=u-1'))[0]).not.toHaveProperty('inviteCode');
    expect(() => admin.acceptInvitation({ inviteCode, account: 'b@home.example' })).toThrow('no open invitation');
    const { urls } = (await ask('/service/config')).body as { urls: Record<string, string> };
    expect(urls.invitationEmail).toContain('%25inviteCode%25');
    expect(urls.createUsers).toMatch(/\/users\/create$/);
    expect(Object.keys(urls)).toEqual(expect.arrayContaining(['updateUsers', 'retireUsers', 'getUsers']));
  });

  it('F8 an account that another active user has is refused to the person', async () => {
    const { admin, invite } = await people();
    admin.acceptInvitation({ inviteCode: await invite('u-1'), account: 'ann@home.example' });
    const inviteCode = await invite('u-2');
    expect(() => admin.acceptInvitation({ inviteCode, account: 'ann@home.example' })).toThrow('u-1');
  });
});

describe('F8 synchronous refusals of users', () => {
  const cases: [errorNumber: number, path: string, json: unknown][] = [
    [9602, '/users/create', { users: [{ email: 'a@b.example' }] }],
    [9602, '/users/create', { users: 'u-1' }],
    [9720, '/users/create', {}],
    [9720, '/users/update', { users: [] }],
    [9720, '/users/retire', { users: [] }],
    [9714, '/users/create', { users: serials(101).map((clientUserId) => ({ clientUserId })) }],
    [9714, '/users/retire', { users: serials(101).map((clientUserId) => ({ clientUserId })) }],
    [9715, '/users/create', { users: [{ clientUserId: 'u-1' }, { clientUserId: 'u-1' }] }],
    [9715, '/users/retire', { users: [{ clientUserId: 'u-1' }, { clientUserId: 'u-1' }] }],
    [9717, '/users/create', { users: [{ clientUserId: 'u-1', email: 'nonsense' }] }],
    [9717, '/users/update', { users: [{ clientUserId: 'u-1', email: 'a b@c.example' }] }],
  ];

  it.each(cases)('F8 %i: %s', async (errorNumber, path, json) => {
    const { ask, admin } = await bench();
    const before = admin.users();
    expect(await ask(path, { json })).toMatchObject({ status: 400, body: { errorNumber } });
    expect(admin.users()).toEqual(before);
  });

  it('F8 9609 at once, by option', async () => {
    const { ask } = await bench({ unknownUserTiming: 'sync' });
    for (const path of ['/users/update', '/users/retire']) {
      expect((await ask(path, { json: { users: [{ clientUserId: 'nobody' }] } })).body.errorNumber).toBe(9609);
    }
  });

  it('F8 a read-only token writes no users', async () => {
    const { ask } = await bench();
    const json = { users: [{ clientUserId: 'u-1' }] };
    for (const verb of ['create', 'update', 'retire']) {
      expect((await ask(`/users/${verb}`, { json, token: 'read-only' })).body.errorNumber).toBe(9637);
    }
  });

  it('F8 an account of elsewhere is invited, by option', async () => {
    const { post, clock, admin } = await bench({ foreignManagedAppleId: 'invite' });
    await post('/users/create', { users: [{ clientUserId: 'u-1', managedAppleId: 'x@elsewhere.example' }] });
    await clock.advance(500);
    expect(admin.users({ uId }).at(-1)).toMatchObject({ clientUserId: 'u-1', status: 'Registered' });
  });
});
