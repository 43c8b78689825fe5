/** Every fault knob, as one row: what is ordered, what is asked, what a client sees. */
import { describe, expect, it } from 'vitest';
import { type Fault, type OptionsPatch, school, schoolUnits } from '../../../src/simulator/index.ts';
import { type Bench, bench, type Reply } from '../support.ts';
import { webhook } from '../webhook.ts';

const uId = schoolUnits.own;
const json = { assets: [{ adamId: school.twentyFive }], serialNumbers: ['S', 'T'] };

const errors: [fault: Extract<Fault, { kind: 'error' }>, status: number, retryAfter: string | null][] = [
  ...[9601, 9621, 9625, 9722].map((errorNumber): [Extract<Fault, { kind: 'error' }>, number, null] => [
    { kind: 'error', errorNumber },
    401,
    null,
  ]),
  [{ kind: 'error', errorNumber: 9622 }, 200, null],
  [{ kind: 'error', errorNumber: 9637 }, 403, null],
  [{ kind: 'error', errorNumber: 9645 }, 403, null],
  [{ kind: 'error', errorNumber: 9646 }, 429, null],
  [{ kind: 'error', errorNumber: 9646, retryAfter: 5 }, 429, '5'],
  [{ kind: 'error', errorNumber: 9729, retryAfter: 30 }, 503, '30'],
  [{ kind: 'error', errorNumber: 9729, retryAfterDate: 30 }, 503, 'Tue, 24 Nov 2026 08:00:30 GMT'],
  [{ kind: 'error', errorNumber: 9603 }, 500, null],
  ...Array.from({ length: 26 }, (_, index) => 9700 + index)
    .filter((errorNumber) => errorNumber !== 9722)
    .map((errorNumber): [Extract<Fault, { kind: 'error' }>, number, null] => [
      { kind: 'error', errorNumber },
      400,
      null,
    ]),
  [{ kind: 'error', errorNumber: 9728 }, 400, null],
];

it.each(errors)('F8 knob: %j is HTTP %i', async (fault, status, retryAfter) => {
  const { ask, admin } = await bench();
  admin.faults.add({ fault });
  const reply = await ask('/assets/associate', { json });
  expect(reply).toMatchObject({ status, body: { errorNumber: fault.errorNumber } });
  expect(reply.headers.get('retry-after')).toBe(retryAfter);
  expect(admin.truth({ uId }).events).toEqual([]);
});

/** What is ordered before a second page of assignments is read, and what shows. */
const sweeps: [name: string, fault: Fault, sees: (page: Reply, before: Reply) => void][] = [
  [
    'versionId changes in mid-sweep',
    { kind: 'versionChanges' },
    (page, before) => expect(page.body.versionId).not.toBe(before.body.versionId),
  ],
  [
    'totalPages changes in mid-sweep',
    { kind: 'totalPagesChanges', by: 2 },
    (page, before) => expect(page.body.totalPages).toBe(before.body.totalPages! + 2),
  ],
  ['nextPageIndex is text', { kind: 'nextPageIndexAsString' }, (page) => expect(page.body.nextPageIndex).toBe('2')],
  ['a list is missing', { kind: 'missingList' }, (page) => expect(page.body).not.toHaveProperty('assignments')],
  ['an unknown field', { kind: 'unknownField' }, (page) => expect(page.body).toHaveProperty('someFieldOfTomorrow')],
  [
    'an HTML body',
    { kind: 'html', status: 503 },
    (page) => expect([page.status, page.text.slice(0, 6)]).toEqual([503, '<html>']),
  ],
  ['truncated JSON', { kind: 'truncate', bytes: 40 }, (page) => expect(() => JSON.parse(page.text)).toThrow()],
  [
    'a foreign mdmInfo between two calls',
    { kind: 'foreignMdmInfo' },
    (page) => expect(page.body.mdmInfo).toMatchObject({ id: 'somebody-else' }),
  ],
];

it.each(sweeps)('F8 knob: %s', async (_, fault, sees) => {
  const { ask, admin } = await bench({ pageSize: 5 });
  admin.faults.add({ match: { operation: 'getAssignments', pageIndex: 1 }, fault });
  const before = await ask('/assignments');
  sees(await ask('/assignments?pageIndex=1'), before);
});

describe('F8 knobs of writes', () => {
  it('F8 knob: latency', async () => {
    const { ask, admin, clock } = await bench();
    admin.faults.add({ fault: { kind: 'latency', ms: 3000 } });
    const waiting = ask('/users');
    await expect.poll(() => admin.faults.list()[0]!.used).toBe(1);
    await clock.advance(3000);
    expect((await waiting).status).toBe(200);
  });

  it('F8 knob: the connection is cut after the POST was applied', async () => {
    const { ask, admin, clock, asset } = await bench();
    admin.faults.add({ match: { method: 'POST' }, fault: { kind: 'reset', when: 'after' } });
    await expect(ask('/assets/associate', { json })).rejects.toThrow();
    await clock.advance(500);
    expect((await asset(school.twentyFive)).assignedCount).toBe(2);
  });

  it('F8 knob: limits shrink while it runs', async () => {
    const { ask, admin } = await bench();
    admin.faults.add({ match: { nth: 2, method: 'POST' }, fault: { kind: 'limits', limits: { maxSerialNumbers: 1 } } });
    expect((await ask('/assets/associate', { json })).status).toBe(200);
    expect((await ask('/assets/associate', { json })).body.errorNumber).toBe(9702);
  });

  const event = async (plan: Extract<Fault, { kind: 'event' }>['plan'], milliseconds: number) => {
    const { post, admin, clock, status } = await bench();
    admin.faults.add({ match: { method: 'POST' }, fault: { kind: 'event', plan } });
    const eventId = await post('/assets/associate', json);
    await clock.advance(milliseconds);
    return status(eventId);
  };

  it('F8 knob: FAILED with partial numCompleted', async () => {
    expect(await event({ failAfter: 1 }, 1000)).toMatchObject({
      eventStatus: 'FAILED',
      numRequested: 2,
      numCompleted: 1,
    });
  });

  it('F8 knob: PENDING without end', async () => {
    expect(await event({ stuckAfter: 0 }, 86_000_000)).toMatchObject({ eventStatus: 'PENDING', numCompleted: 0 });
  });

  it('F8 knob: an event id that expired', async () => {
    const { post, ask, admin, clock } = await bench({ eventRetentionMs: 1000 });
    const eventId = await post('/assets/associate', json);
    await clock.advance(5000);
    expect((await ask(`/status?eventId=${eventId}`)).body.errorNumber).toBe(9708);
    admin.faults.add({ match: { operation: 'eventStatus' }, fault: { kind: 'error', errorNumber: 9708 } });
    expect((await ask(`/status?eventId=${await post('/assets/associate', json)}`)).body.errorNumber).toBe(9708);
  });

  it('F8 knob: counts that lag', async () => {
    const { post, clock, asset } = await bench({ countLagSeconds: 20 });
    await post('/assets/associate', json);
    await clock.advance(1000);
    expect((await asset(school.twentyFive)).assignedCount).toBe(0);
    await clock.advance(20_000);
    expect((await asset(school.twentyFive)).assignedCount).toBe(2);
  });
});

describe('F8 knobs of notifications', () => {
  /** Four purchases, told of under `options`. */
  const told = async (options: OptionsPatch, milliseconds = 1000) => {
    const [hook, tools] = [
      await webhook(),
      await bench({ allowHttpNotificationUrl: true, notificationConcurrency: 1, ...options }),
    ];
    const config = { notificationUrl: hook.url, notificationAuthToken: 's', notificationTypes: ['ASSET_COUNT'] };
    await tools.ask('/client/config', { json: config });
    hook.arrivals.length = 0;
    for (const count of [1, 2, 3, 4]) tools.admin.purchase({ uId, adamId: school.twentyFive, count });
    await tools.admin.advance(milliseconds);
    return { ...tools, hook, deltas: hook.of('ASSET_COUNT').map((body) => body.notification.countDelta) };
  };

  it('F8 knob: delayed', async () => {
    expect((await told({ notificationDelayMs: 5000 }, 4999)).deltas).toEqual([]);
    expect((await told({ notificationDelayMs: 5000 }, 5000)).deltas).toHaveLength(4);
    expect((await told({ notificationMisfortunes: { late: 1 } }, 60_000)).deltas).toEqual([]);
  });

  it('F8 knob: duplicated with the same id', async () => {
    const { hook } = await told({ notificationMisfortunes: { duplicate: 1 } });
    expect([hook.arrivals.length, new Set(hook.arrivals.map(({ body }) => body.notificationId)).size]).toEqual([8, 4]);
  });

  it('F8 knob: duplicated with a new id', async () => {
    const { hook } = await told({ notificationMisfortunes: { duplicateNewId: 1 } });
    expect([hook.arrivals.length, new Set(hook.arrivals.map(({ body }) => body.notificationId)).size]).toEqual([8, 8]);
  });

  it('F8 knob: reordered', async () => {
    expect((await told({ notificationMisfortunes: { reorder: 1 } })).deltas).toEqual([2, 3, 4, 1]);
  });

  it('F8 knob: dropped', async () => {
    const { deltas, admin } = await told({ notificationMisfortunes: { drop: 1 } });
    expect(deltas).toEqual([]);
    expect(admin.deliveries({ state: 'dropped' })).toHaveLength(4);
  });

  const strays: [name: string, misfortune: 'unknownType' | 'unknownEvent' | 'negativeCount', type: string][] = [
    ['an unknown notification type', 'unknownType', 'SOMETHING_OF_TOMORROW'],
    ['an event that nobody started', 'unknownEvent', 'ASSET_MANAGEMENT'],
    ['a negative countDelta', 'negativeCount', 'ASSET_COUNT'],
  ];

  it.each(strays)('F8 knob: %s', async (_, misfortune, type) => {
    const { hook } = await told({ notificationMisfortunes: { [misfortune]: 1 } });
    const extra = hook.of(type).filter((body) => !([1, 2, 3, 4] as unknown[]).includes(body.notification.countDelta));
    expect(extra).toHaveLength(4);
  });

  it('F8 knob: an unknown field', async () => {
    const { hook } = await told({ notificationMisfortunes: { unknownField: 1 } });
    for (const { body } of hook.arrivals) expect(body).toHaveProperty('someFieldOfTomorrow');
  });
});

it('F8 the journal and the control are under a path that Apple does not use', async () => {
  const tools: Bench = await bench();
  await tools.ask('/users');
  const response = await fetch(`${tools.url}/_admin/journal`);
  expect(await response.json()).toMatchObject([{ operation: 'getUsers', status: 200 }]);
});
