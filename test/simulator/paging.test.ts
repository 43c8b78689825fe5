import { describe, expect, it } from 'vitest';
import { bookReader, plainApps, school, schoolUnits, unlistedSerialNumber } from '../../src/simulator/index.ts';
import { bench, serials } from './support.ts';

const uId = schoolUnits.own;

describe('F8 paging', () => {
  it('F8 pages are zero-based and the last one has no nextPageIndex', async () => {
    const { ask } = await bench({ pageSize: 20 });
    const first = (await ask('/assignments')).body;
    expect(first).toMatchObject({ currentPageIndex: 0, nextPageIndex: 1, size: 20, totalPages: 3 });
    const last = (await ask('/assignments?pageIndex=2')).body;
    expect(last).toMatchObject({ currentPageIndex: 2, size: 13, totalPages: 3, versionId: first.versionId });
    expect(last).not.toHaveProperty('nextPageIndex');
  });

  it.each(['3', '-1', 'x', '1.5'])('F8 page index %s is 9650', async (index) => {
    const { ask } = await bench({ pageSize: 20 });
    const reply = await ask(`/assignments?pageIndex=${index}`);
    expect(reply).toMatchObject({ status: 400, body: { errorNumber: 9650 } });
  });

  it('F8 an empty result has page 0, with one page in all or none by option', async () => {
    const { ask, admin } = await bench();
    expect((await ask('/assignments?serialNumber=NONE')).body).toMatchObject({
      assignments: [],
      size: 0,
      totalPages: 1,
    });
    admin.setOptions({ emptyTotalPages: 0 });
    expect((await ask('/assignments?serialNumber=NONE')).body).toMatchObject({ assignments: [], totalPages: 0 });
  });

  it('F8 every page size shows every row once', async () => {
    const { sweep, admin } = await bench();
    const whole = await sweep();
    for (const pageSize of [1, 2, 3, 7, 53, 54]) {
      admin.setOptions({ pageSize });
      expect(await sweep()).toEqual(whole);
    }
  });

  it('F8 assets and users come in pages too', async () => {
    const { ask } = await bench({ pageSize: 2 });
    expect((await ask('/assets?pageIndex=20')).body).toMatchObject({ size: 2, totalPages: 21 });
    expect((await ask('/users?pageIndex=1')).body).toMatchObject({ size: 1, totalPages: 2 });
  });
});

describe('F8 filters', () => {
  it('F8 assignments by app, serial number, user and pricing', async () => {
    const { ask } = await bench();
    const rows = async (query: string) => (await ask(`/assignments?${query}`)).body.assignments;
    expect(await rows(`adamId=${school.usedUp}`)).toHaveLength(30);
    expect(await rows(`serialNumber=${unlistedSerialNumber}`)).toEqual([
      { adamId: plainApps[1], pricingParam: 'STDQ', serialNumber: unlistedSerialNumber },
    ]);
    expect(await rows(`clientUserId=${bookReader}`)).toHaveLength(2);
    expect(await rows(`clientUserId=${bookReader}&adamId=${school.book}`)).toHaveLength(1);
    expect(await rows('pricingParam=PLUS')).toHaveLength(0);
    expect(await rows('adamId=1')).toHaveLength(0);
  });

  it('F8 user state on request, and inactive users left out on request', async () => {
    const { ask, admin } = await bench();
    const query = `/assignments?clientUserId=${bookReader}`;
    expect((await ask(`${query}&includeUserState=true`)).body.assignments![0]).toMatchObject({
      userStatus: 'Associated',
      idHash: expect.any(String),
    });
    expect((await ask(query)).body.assignments![0]).not.toHaveProperty('userStatus');
    const all = (await ask('/assignments')).body.size!;
    expect((await ask('/assignments?excludeInactiveUsers=true')).body.size).toBe(all);
    admin.setUser({ uId, clientUserId: bookReader, status: 'Retired' });
    expect((await ask('/assignments?excludeInactiveUsers=true')).body.size).toBe(all - 2);
  });

  it.each([
    ['adamId=9000000007', 1],
    ['productType=Book', 2],
    ['pricingParam=PLUS', 1],
    ['revocable=false', 2],
    ['deviceAssignable=false', 3],
    ['maxAvailableCount=0', 1],
    ['minAvailableCount=300&maxAvailableCount=700', 3],
    ['minAssignedCount=5&maxAssignedCount=12', 2],
  ])('F8 assets by %s', async (query, count) => {
    const { ask } = await bench();
    expect((await ask(`/assets?${query}`)).body.assets).toHaveLength(count);
  });

  it.each(['revocable=yes', 'minAvailableCount=-1', 'productType=Song', 'pricingParam=HIGH'])(
    'F8 a bad filter %s is 9602',
    async (query) => {
      const { ask } = await bench();
      expect((await ask(`/assets?${query}`)).body.errorNumber).toBe(9602);
    },
  );

  it('F8 unlimited assets are listed with 2147483647, apart, or not at all', async () => {
    const { ask, admin } = await bench();
    const row = (await ask(`/assets?adamId=${plainApps[0]}`)).body.assets![0]!;
    expect(row).toMatchObject({ totalCount: 2147483647, availableCount: 2147483635, assignedCount: 12 });
    const without = (await ask('/assets?unlimited=false')).body;
    const apart = (await ask('/assets?unlimited=true')).body;
    expect(without.assets).toHaveLength(17);
    expect(without).not.toHaveProperty('unlimitedAssets');
    expect(apart.assets).toHaveLength(17);
    expect(apart.unlimitedAssets).toHaveLength(25);
    expect(apart.unlimitedAssets![0]).not.toHaveProperty('availableCount');
    admin.setOptions({ unlimitedListing: 'both', unlimitedAvailable: 'constant' });
    expect((await ask('/assets?unlimited=true')).body.assets).toHaveLength(42);
    expect((await ask(`/assets?adamId=${plainApps[0]}`)).body.assets![0]!.availableCount).toBe(2147483647);
  });

  it('F8 users by state and id', async () => {
    const { ask } = await bench();
    expect((await ask('/users?activeOnly=true')).body.users).toHaveLength(2);
    expect((await ask('/users?retiredOnly=true')).body.users).toHaveLength(1);
    expect((await ask(`/users?clientUserId=${bookReader}`)).body.users).toHaveLength(1);
  });
});

describe('F8 versions', () => {
  it('F8 every write changes the versions of assets and assignments', async () => {
    const { ask, admin } = await bench();
    const before = [(await ask('/assets')).body.versionId, (await ask('/assignments')).body.versionId];
    admin.assign({ uId, adamId: school.twentyFive, serialNumber: 'A' });
    const after = [(await ask('/assets')).body.versionId, (await ask('/assignments')).body.versionId];
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    admin.purchase({ uId, adamId: school.twentyFive, count: 1 });
    expect((await ask('/assets')).body.versionId).not.toBe(after[0]);
    expect((await ask('/assignments')).body.versionId).toBe(after[1]);
  });

  it('F8 a delta shows rows added since; ended ones are simply absent', async () => {
    const { ask, admin } = await bench({ pageSize: 2 });
    const since = (await ask('/assignments')).body.versionId!;
    const delta = `/assignments?sinceVersionId=${since}`;
    expect((await ask(delta)).body).toMatchObject({ assignments: [], size: 0 });
    for (const serialNumber of serials(3)) admin.assign({ uId, adamId: school.twentyFive, serialNumber });
    admin.unassign({ uId, adamId: school.twentyFive, serialNumber: 'TEST00001' });
    admin.unassign({ uId, adamId: plainApps[1]!, serialNumber: unlistedSerialNumber });
    admin.assign({ uId, adamId: school.oneSeat, serialNumber: 'TEST00000' });
    expect((await ask(delta)).body).toMatchObject({ size: 2, totalPages: 2 });
    const { body } = await ask(`${delta}&adamId=${school.twentyFive}`);
    expect(body.assignments?.map((row) => row.serialNumber)).toEqual(['TEST00000', 'TEST00002']);
    expect((await ask(`${delta}&serialNumber=TEST00000&adamId=${school.oneSeat}`)).body.size).toBe(1);
  });

  it('F8 a version that never was is 9721', async () => {
    const { ask } = await bench();
    const users = (await ask('/users')).body.versionId!;
    const future = users.replace(/.{4}$/, 'ffff');
    expect((await ask(`/users?sinceVersionId=${users}`)).status).toBe(200);
    for (const path of [
      `/assignments?sinceVersionId=${users}`,
      `/users?sinceVersionId=${future}`,
      '/users?sinceVersionId=',
    ]) {
      expect((await ask(path)).body.errorNumber, path).toBe(9721);
    }
  });
});
