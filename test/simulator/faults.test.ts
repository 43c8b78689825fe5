import { describe, expect, it } from 'vitest';
import { type Fault, school, schoolUnits } from '../../src/simulator/index.ts';
import { type AssignmentRow, bench } from './support.ts';

const uId = schoolUnits.own;
const json = { assets: [{ adamId: school.twentyFive }], serialNumbers: ['S1', 'S2', 'S3', 'S4'] };

describe('F8 ordered errors', () => {
  const errors: [fault: Extract<Fault, { kind: 'error' }>, status: number, retryAfter: string | null][] = [
    [{ kind: 'error', errorNumber: 9601 }, 401, null],
    [{ kind: 'error', errorNumber: 9621 }, 401, null],
    [{ kind: 'error', errorNumber: 9625 }, 401, null],
    [{ kind: 'error', errorNumber: 9722 }, 401, null],
    [{ kind: 'error', errorNumber: 9622 }, 200, null],
    [{ kind: 'error', errorNumber: 9637 }, 403, null],
    [{ kind: 'error', errorNumber: 9645 }, 403, null],
    [{ kind: 'error', errorNumber: 9646 }, 429, null],
    [{ kind: 'error', errorNumber: 9646, retryAfter: 3 }, 429, '3'],
    [{ kind: 'error', errorNumber: 9729, retryAfter: 120 }, 503, '120'],
    [{ kind: 'error', errorNumber: 9729, retryAfterDate: 60 }, 503, 'Tue, 24 Nov 2026 08:01:00 GMT'],
    [{ kind: 'error', errorNumber: 9603 }, 500, null],
    [{ kind: 'error', errorNumber: 9709 }, 400, null],
    [{ kind: 'error', errorNumber: 9999, status: 418 }, 418, null],
  ];

  it.each(errors)('F8 %j', async (fault, status, retryAfter) => {
    const { ask, admin } = await bench();
    admin.faults.add({ match: { times: 1 }, fault });
    const reply = await ask('/assets/associate', { json });
    expect(reply).toMatchObject({ status, body: { errorNumber: fault.errorNumber } });
    expect(reply.headers.get('retry-after')).toBe(retryAfter);
    expect(admin.truth({ uId }).events).toEqual([]);
    expect((await ask('/assets/associate', { json })).status).toBe(200);
  });
});

describe('F8 which request is met', () => {
  const fault: Fault = { kind: 'error', errorNumber: 9603 };

  it('F8 by operation, method, path, token and page', async () => {
    const { ask, admin } = await bench({ pageSize: 20 });
    const meets = async (match: object, path: string, token = 'own') => {
      admin.faults.clear();
      admin.faults.add({ match, fault });
      return (await ask(path, { token })).status === 500;
    };
    expect(await meets({ operation: 'getAssets' }, '/assets')).toBe(true);
    expect(await meets({ operation: 'getAssets' }, '/users')).toBe(false);
    expect(await meets({ method: 'post' }, '/assets')).toBe(false);
    expect(await meets({ path: '/assign' }, '/assignments')).toBe(true);
    expect(await meets({ tokenName: 'district' }, '/assets')).toBe(false);
    expect(await meets({ tokenName: 'district' }, '/assets', 'district')).toBe(true);
    expect(await meets({ pageIndex: 1 }, '/assignments')).toBe(false);
    expect(await meets({ pageIndex: 1 }, '/assignments?pageIndex=1')).toBe(true);
  });

  it('F8 the n-th request, so many times, with a probability by the seed', async () => {
    const { ask, admin } = await bench();
    const statuses = async (count: number) => {
      const seen: number[] = [];
      for (let index = 0; index < count; index++) seen.push((await ask('/users')).status);
      return seen;
    };
    admin.faults.add({ match: { nth: 2 }, fault });
    expect(await statuses(4)).toEqual([200, 500, 200, 200]);
    admin.faults.add({ match: { nth: 2, times: 2 }, fault });
    expect(await statuses(4)).toEqual([200, 500, 500, 200]);
    admin.faults.clear();
    admin.faults.add({ match: { probability: 0.5 }, fault });
    const failed = (await statuses(60)).filter((status) => status === 500).length;
    expect(failed).toBeGreaterThan(15);
    expect(failed).toBeLessThan(45);
    expect(admin.faults.list()).toMatchObject([{ seen: 60, used: failed }]);
  });

  it('F8 a fault can be taken back by its id', async () => {
    const { ask, admin } = await bench();
    const { id } = admin.faults.add({ fault });
    admin.faults.clear(id);
    expect((await ask('/users')).status).toBe(200);
  });
});

describe('F8 broken connections and bodies', () => {
  it('F8 a reset before the POST does nothing; a reset after it does everything', async () => {
    const { ask, admin, clock, asset } = await bench();
    admin.faults.add({ match: { times: 1 }, fault: { kind: 'reset', when: 'before' } });
    await expect(ask('/assets/associate', { json })).rejects.toThrow();
    await clock.advance(500);
    expect((await asset(school.twentyFive)).assignedCount).toBe(0);
    admin.faults.add({ match: { operation: 'associateAssets' }, fault: { kind: 'reset', when: 'after' } });
    await expect(ask('/assets/associate', { json })).rejects.toThrow();
    await clock.advance(500);
    expect((await asset(school.twentyFive)).assignedCount).toBe(4);
    const entries = admin.journal({ operation: 'associateAssets' });
    expect(entries.map((entry) => [entry.status, entry.faults])).toEqual([
      [0, ['reset']],
      [0, ['reset']],
    ]);
  });

  it('F8 an HTML page, and a JSON that stops in the middle', async () => {
    const { ask, admin } = await bench();
    admin.faults.add({ match: { times: 1 }, fault: { kind: 'html' } });
    expect(await ask('/assets')).toMatchObject({ status: 502, text: expect.stringMatching(/^<html>/) });
    admin.faults.add({ match: { times: 1 }, fault: { kind: 'truncate', bytes: 30 } });
    const { status, text } = await ask('/assets');
    expect(status).toBe(200);
    expect(text).toHaveLength(30);
    expect(() => JSON.parse(text)).toThrow();
  });

  it('F8 an HTML page after all was done', async () => {
    const { ask, admin } = await bench();
    admin.faults.add({ match: { times: 1 }, fault: { kind: 'html', when: 'after' } });
    expect(await ask('/assets/associate', { json })).toMatchObject({
      status: 502,
      text: expect.stringMatching(/^<html>/),
    });
    expect(admin.truth({ uId }).events).toMatchObject([{ numRequested: 4 }]);
  });

  it('F8 latency holds an answer until the clock has moved', async () => {
    const { ask, admin, clock } = await bench();
    admin.faults.add({ match: { times: 1 }, fault: { kind: 'latency', ms: 5000 } });
    let answered = false;
    const waiting = ask('/users').then(() => {
      answered = true;
    });
    await ask('/assets', { authorization: null });
    await expect.poll(() => admin.faults.list()[0]?.used).toBe(1);
    await clock.advance(4000);
    await ask('/assets', { authorization: null });
    expect(answered).toBe(false);
    await clock.advance(1000);
    await waiting;
  });
});

describe('F8 bent answers', () => {
  const bent = async (fault: Fault, path = '/assignments') => {
    const { ask, admin } = await bench({ pageSize: 20 });
    const plain = (await ask(path)).body as Record<string, unknown>;
    admin.faults.add({ fault });
    return { plain, body: (await ask(path)).body as Record<string, unknown> };
  };

  it('F8 versionId and totalPages change in the middle of a sweep', async () => {
    const version = await bent({ kind: 'versionChanges' });
    expect(version.body.versionId).not.toBe(version.plain.versionId);
    const total = await bent({ kind: 'totalPagesChanges', by: -1 });
    expect(total.body.totalPages).toBe(2);
  });

  it('F8 nextPageIndex as text, a missing list, an unknown field, a patch', async () => {
    expect((await bent({ kind: 'nextPageIndexAsString' })).body.nextPageIndex).toBe('1');
    expect((await bent({ kind: 'missingList' })).body).not.toHaveProperty('assignments');
    expect((await bent({ kind: 'unknownField' })).body).toHaveProperty('someFieldOfTomorrow');
    const { body } = await bent({ kind: 'patch', set: { size: 'many' }, remove: ['uId'] });
    expect(body.size).toBe('many');
    expect(body).not.toHaveProperty('uId');
  });

  it('F8 somebody else claims the library between two calls, and stays', async () => {
    const { ask, admin } = await bench();
    await ask('/client/config', { json: { mdmInfo: { id: 'a1', name: 'Ours', metadata: 'm' } } });
    admin.faults.add({ match: { operation: 'getAssets', times: 1 }, fault: { kind: 'foreignMdmInfo' } });
    expect((await ask('/users')).body.mdmInfo).toMatchObject({ id: 'a1' });
    expect((await ask('/assets')).body.mdmInfo).toMatchObject({ id: 'somebody-else' });
    expect((await ask('/users')).body.mdmInfo).toMatchObject({ id: 'somebody-else' });
  });

  it('F8 limits shrink just before a POST', async () => {
    const { ask, admin } = await bench();
    admin.faults.add({
      match: { operation: 'associateAssets' },
      fault: { kind: 'limits', limits: { maxSerialNumbers: 2 } },
    });
    expect((await ask('/assets/associate', { json })).body.errorNumber).toBe(9702);
    expect((await ask('/service/config')).body.limits).toMatchObject({ maxSerialNumbers: 2, maxAssets: 25 });
  });

  it('F8 an event id that expired is 9708', async () => {
    const { post, ask, admin } = await bench();
    const eventId = await post('/assets/associate', json);
    admin.faults.add({ match: { operation: 'eventStatus' }, fault: { kind: 'error', errorNumber: 9708 } });
    expect((await ask(`/status?eventId=${eventId}`)).body.errorNumber).toBe(9708);
  });

  it('F8 an error of the lookup', async () => {
    const { admin, url } = await bench();
    admin.faults.add({ match: { operation: 'contentMetadataLookup' }, fault: { kind: 'html', status: 503 } });
    expect((await fetch(`${url}/WebObjects/MZStorePlatform.woa/wa/lookup?id=1`)).status).toBe(503);
  });
});

describe('F8 events that go wrong', () => {
  const run = async (plan: Extract<Fault, { kind: 'event' }>['plan'], milliseconds: number) => {
    const tools = await bench({ eventBatchSize: 2 });
    tools.admin.faults.add({ match: { operation: 'associateAssets', times: 1 }, fault: { kind: 'event', plan } });
    const eventId = await tools.post('/assets/associate', json);
    await tools.clock.advance(milliseconds);
    return { ...tools, eventId };
  };
  const names = (rows: AssignmentRow[]) => rows.map((row) => row.serialNumber);

  it('F8 it stays PENDING for ever, and later events go on', async () => {
    const { status, eventId, post, clock } = await run({ stuckAfter: 1 }, 3_600_000);
    expect(await status(eventId)).toMatchObject({ eventStatus: 'PENDING', numRequested: 4, numCompleted: 1 });
    const next = await post('/assets/disassociate', { ...json, serialNumbers: ['S1'] });
    await clock.advance(500);
    expect(await status(next)).toMatchObject({ eventStatus: 'COMPLETE' });
  });

  it('F8 it fails after a part, with any number', async () => {
    const { status, eventId, sweep } = await run({ failAfter: 3, errorNumber: 9644 }, 500);
    expect(await status(eventId)).toMatchObject({
      eventStatus: 'FAILED',
      numCompleted: 3,
      failures: [{ errorNumber: 9644, errorInfo: { serialNumbers: ['S4'] } }],
    });
    expect(names(await sweep(`&adamId=${school.twentyFive}`))).toEqual(['S1', 'S2', 'S3']);
  });

  it('F8 named targets fail', async () => {
    const { sweep } = await run({ failTargets: ['S2'] }, 500);
    expect(names(await sweep(`&adamId=${school.twentyFive}`))).toEqual(['S1', 'S3', 'S4']);
  });
});

it('F8 what was held back is in the journal as soon as the clock was moved', async () => {
  const { ask, admin, clock } = await bench();
  admin.faults.add({ fault: { kind: 'latency', ms: 5000 } });
  const waiting = ask('/users');
  await expect.poll(() => admin.faults.list()[0]?.used).toBe(1);
  await clock.advance(5000);
  expect(admin.journal()).toHaveLength(1);
  await waiting;
});
