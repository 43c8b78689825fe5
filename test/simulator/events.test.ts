import { describe, expect, it } from 'vitest';
import { bookReader, school, schoolUnits } from '../../src/simulator/index.ts';
import { bench, serials } from './support.ts';

const uId = schoolUnits.own;
const one = (adamId: string, serialNumbers: string[]) => ({ assets: [{ adamId }], serialNumbers });

describe('F8 events', () => {
  it('F8 a thousand tasks take about a second and numCompleted grows', async () => {
    const { post, status, clock, sweep } = await bench();
    const eventId = await post('/assets/associate', one(school.universal, serials(1000)));
    expect(await status(eventId)).toMatchObject({
      eventStatus: 'PENDING',
      eventType: 'ASSOCIATE',
      numRequested: 1000,
      numCompleted: 0,
    });
    await clock.advance(550);
    expect(await status(eventId)).toMatchObject({ eventStatus: 'PENDING', numCompleted: 500 });
    expect(await sweep(`&adamId=${school.universal}`)).toHaveLength(500);
    await clock.advance(450);
    expect(await status(eventId)).toMatchObject({ eventStatus: 'COMPLETE', numCompleted: 1000 });
  });

  it('F8 tasks are assets × (users, then serial numbers)', async () => {
    const { post, status, clock, sweep } = await bench({ eventBatchSize: 1 });
    const json = {
      assets: [{ adamId: '9000000020' }, { adamId: '9000000021' }],
      serialNumbers: ['S1', 'S2'],
      clientUserIds: [bookReader],
    };
    const eventId = await post('/assets/associate', json);
    expect(await status(eventId)).toMatchObject({ numRequested: 6 });
    await clock.advance(600);
    const rows = (await sweep()).slice(-6).map((row) => `${row.adamId.slice(-2)} ${row.serialNumber ?? 'user'}`);
    expect(rows).toEqual(['20 user', '20 S1', '20 S2', '21 user', '21 S1', '21 S2']);
  });

  it('F8 seats go in request order, and the rest fails with 9709, grouped', async () => {
    const { post, status, clock, asset, sweep } = await bench();
    const first = await post('/assets/associate', one(school.twentyFive, serials(20, 'A')));
    const second = await post('/assets/associate', one(school.twentyFive, serials(20, 'B')));
    await clock.advance(1000);
    expect(await status(first)).toMatchObject({ eventStatus: 'COMPLETE', numCompleted: 20 });
    const failed = await status(second);
    expect(failed).toMatchObject({ eventStatus: 'FAILED', numRequested: 20, numCompleted: 5 });
    expect(failed.failures).toEqual([
      {
        errorNumber: 9709,
        errorMessage: expect.any(String),
        errorInfo: {
          assets: [{ adamId: school.twentyFive, pricingParam: 'STDQ' }],
          serialNumbers: serials(20, 'B').slice(5),
        },
      },
    ]);
    expect(await asset(school.twentyFive)).toMatchObject({ assignedCount: 25, availableCount: 0, totalCount: 25 });
    const holders = await sweep(`&adamId=${school.twentyFive}`);
    expect(holders.map((row) => row.serialNumber)).toEqual([...serials(20, 'A'), ...serials(5, 'B')]);
  });

  it('F8 side by side, events take turns by the time of their batches', async () => {
    const { post, status, clock } = await bench({ eventOrder: 'parallel', eventBatchSize: 5 });
    const first = await post('/assets/associate', one(school.twentyFive, serials(20, 'A')));
    const second = await post('/assets/associate', one(school.twentyFive, serials(20, 'B')));
    await clock.advance(1000);
    expect((await status(first)).numCompleted).toBe(15);
    expect((await status(second)).numCompleted).toBe(10);
  });

  it('F8 failures of different numbers are told apart, with users and serial numbers listed', async () => {
    const { post, status, clock } = await bench();
    const assets = [{ adamId: school.oneSeat }, { adamId: school.universal }];
    const eventId = await post('/assets/associate', { assets, clientUserIds: ['nobody'], serialNumbers: ['S1', 'S2'] });
    await clock.advance(200);
    const body = await status(eventId);
    expect(body).toMatchObject({ eventStatus: 'FAILED', numRequested: 6, numCompleted: 3 });
    expect(body.failures).toMatchObject([
      {
        errorNumber: 9609,
        errorInfo: { assets: [{ adamId: school.oneSeat }, { adamId: school.universal }], clientUserIds: ['nobody'] },
      },
      { errorNumber: 9709, errorInfo: { assets: [{ adamId: school.oneSeat }], serialNumbers: ['S2'] } },
    ]);
    expect(body.failures![0]!.errorInfo).not.toHaveProperty('serialNumbers');
  });

  it('F8 options name the partial status and what numCompleted counts', async () => {
    const { post, status, clock } = await bench({ partialFailureStatus: 'COMPLETE', numCompletedCounts: 'all' });
    const eventId = await post('/assets/associate', one(school.oneSeat, ['S1', 'S2']));
    await clock.advance(200);
    expect(await status(eventId)).toMatchObject({
      eventStatus: 'COMPLETE',
      numCompleted: 2,
      failures: [{ errorNumber: 9709 }],
    });
  });

  it('F8 any serial number is accepted; an adamId that is not owned fails as the option says', async () => {
    const { post, status, clock, admin } = await bench();
    const invented = await post('/assets/associate', one(school.twentyFive, ['no such device !']));
    const foreign = await post('/assets/associate', one('1', ['S1']));
    await clock.advance(500);
    expect(await status(invented)).toMatchObject({ eventStatus: 'COMPLETE' });
    expect((await status(foreign)).failures).toMatchObject([{ errorNumber: 9709 }]);
    admin.setOptions({ unknownAssetNumber: 9602 });
    const again = await post('/assets/associate', one('1', ['S1']));
    await clock.advance(500);
    expect((await status(again)).failures).toMatchObject([{ errorNumber: 9602 }]);
  });

  it('F8 a repeated associate takes no second seat: success, or 9616 by option', async () => {
    const { post, status, clock, asset, admin } = await bench();
    for (const expected of [{ eventStatus: 'COMPLETE' }, { eventStatus: 'COMPLETE' }]) {
      const eventId = await post('/assets/associate', one(school.twentyFive, ['S1']));
      await clock.advance(200);
      expect(await status(eventId)).toMatchObject(expected);
    }
    expect((await asset(school.twentyFive)).assignedCount).toBe(1);
    admin.setOptions({ repeatAssociate: 'failure' });
    const third = await post('/assets/associate', one(school.twentyFive, ['S1']));
    await clock.advance(200);
    expect((await status(third)).failures).toMatchObject([{ errorNumber: 9616 }]);
    expect((await asset(school.twentyFive)).assignedCount).toBe(1);
  });

  it('F8 a disassociate gives the seat back, one app only', async () => {
    const { post, clock, asset, admin, ask } = await bench();
    for (const adamId of [school.oneSeat, school.twentyFive]) admin.assign({ uId, adamId, serialNumber: 'S1' });
    const eventId = await post('/assets/disassociate', one(school.oneSeat, ['S1']));
    await clock.advance(200);
    expect((await ask(`/status?eventId=${eventId}`)).body).toMatchObject({
      eventType: 'DISASSOCIATE',
      eventStatus: 'COMPLETE',
    });
    expect(await asset(school.oneSeat)).toMatchObject({ assignedCount: 0, availableCount: 1 });
    expect((await ask('/assignments?serialNumber=S1')).body.assignments).toMatchObject([{ adamId: school.twentyFive }]);
  });

  it('F8 disassociating what is not associated: success, or 9619 by option', async () => {
    const { post, status, clock, admin } = await bench();
    const first = await post('/assets/disassociate', one(school.oneSeat, ['S1']));
    await clock.advance(200);
    expect(await status(first)).toMatchObject({ eventStatus: 'COMPLETE', numCompleted: 1 });
    admin.setOptions({ disassociateUnassigned: 'failure' });
    const second = await post('/assets/disassociate', one(school.oneSeat, ['S1']));
    await clock.advance(200);
    expect((await status(second)).failures).toMatchObject([{ errorNumber: 9619 }]);
  });

  it('F8 a revoke takes everything revocable from a target and skips books', async () => {
    const { post, status, clock, ask } = await bench();
    const eventId = await post('/assets/revoke', { clientUserIds: [bookReader] });
    await clock.advance(200);
    expect(await status(eventId)).toMatchObject({
      eventType: 'REVOKE',
      eventStatus: 'COMPLETE',
      numRequested: 1,
      numCompleted: 1,
    });
    expect((await ask(`/assignments?clientUserId=${bookReader}`)).body.assignments).toMatchObject([
      { adamId: school.book },
    ]);
    const nothing = await post('/assets/revoke', { serialNumbers: ['NOBODY'] });
    await clock.advance(200);
    expect(await status(nothing)).toMatchObject({ eventStatus: 'COMPLETE', numRequested: 0, numCompleted: 0 });
  });

  it('F8 a returned seat can go to another device', async () => {
    const { post, status, clock, sweep } = await bench();
    await post('/assets/associate', one(school.oneSeat, ['S1']));
    await post('/assets/disassociate', one(school.oneSeat, ['S1']));
    const last = await post('/assets/associate', one(school.oneSeat, ['S2']));
    await clock.advance(1000);
    expect(await status(last)).toMatchObject({ eventStatus: 'COMPLETE' });
    expect(await sweep(`&adamId=${school.oneSeat}`)).toMatchObject([{ serialNumber: 'S2' }]);
  });

  it('F8 an event belongs to its library and is forgotten in the end (9708)', async () => {
    const { post, ask, clock } = await bench({ eventRetentionMs: 60_000 });
    const eventId = await post('/assets/associate', one(school.twentyFive, ['S1']));
    expect((await ask(`/status?eventId=${eventId}`, { token: 'district' })).body.errorNumber).toBe(9708);
    expect((await ask(`/status?eventId=${eventId}`, { token: 'read-only' })).body.eventStatus).toBe('PENDING');
    await clock.advance(30_000);
    expect((await ask(`/status?eventId=${eventId}`)).body.eventStatus).toBe('COMPLETE');
    await clock.advance(60_000);
    expect((await ask(`/status?eventId=${eventId}`)).body.errorNumber).toBe(9708);
  });

  it('F8 one seat each: counts obey total = assigned + available at every moment', async () => {
    const { post, clock, ask } = await bench({ eventBatchSize: 7 });
    await post('/assets/associate', one(school.exactly300, serials(310)));
    await post('/assets/disassociate', one(school.exactly300, serials(50)));
    for (let step = 0; step < 60; step++) {
      await clock.advance(100);
      for (const row of (await ask('/assets?unlimited=false')).body.assets!) {
        expect(row.assignedCount + row.availableCount).toBe(row.totalCount);
      }
    }
    const [row] = (await ask(`/assets?adamId=${school.exactly300}`)).body.assets!;
    expect(row).toMatchObject({ assignedCount: 250, availableCount: 50 });
  });

  it('F8 the same seed gives the same ids', async () => {
    const ids = async (seed: number) => {
      const { post, admin } = await bench({ seed });
      const eventId = await post('/assets/associate', one(school.oneSeat, ['S1']));
      return [eventId, admin.tokenFile('own'), admin.devices()[7]!.serialNumber];
    };
    expect(await ids(5)).toEqual(await ids(5));
    expect(await ids(5)).not.toEqual(await ids(6));
  });

  it('F8 counts lag by as many seconds as the option says, the truth does not', async () => {
    const { post, clock, asset, admin } = await bench({ countLagSeconds: 30 });
    await post('/assets/associate', one(school.twentyFive, serials(4)));
    await clock.advance(1000);
    admin.purchase({ uId, adamId: school.twentyFive, count: 5 });
    expect(await asset(school.twentyFive)).toMatchObject({ assignedCount: 0, totalCount: 25, availableCount: 25 });
    const truth = admin.truth({ uId }).assets.find((row) => row.adamId === school.twentyFive);
    expect(truth).toMatchObject({ assigned: 4, total: 30, available: 26 });
    await clock.advance(29_500);
    expect(await asset(school.twentyFive)).toMatchObject({ assignedCount: 4, totalCount: 25 });
    await clock.advance(1000);
    expect(await asset(school.twentyFive)).toMatchObject({ assignedCount: 4, totalCount: 30, availableCount: 26 });
  });
});
