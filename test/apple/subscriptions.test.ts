import { expect, test } from 'vitest';
import { type Answer, credential, driverWith, envelope } from './support.ts';

const counts = {
  assigned: { renewing: 2, expiring: 1 },
  available: { renewing: 1, expiring: 1 },
  total: { renewing: 3, expiring: 2 },
};
const row = { parentAdamId: 8000000001, adamId: 8000000011, status: 'ACTIVE', periodEndDate: '2026-12-24', counts };

test('F9 numbers become texts, and texts numbers again, exactly', async () => {
  const { library, asked } = await driverWith(({ method }) =>
    method === 'GET'
      ? { json: { ...envelope, subscriptions: [row], nextCursor: 'c-2', versionId: '17' } }
      : { json: { ...envelope, eventId: 'e-1' } },
  );
  const page = await library.readSeatSubscriptions(credential, { cursor: 'c-1', adamId: '8000000011' });
  expect(page).toMatchObject({
    rows: [
      { parentAdamId: '8000000001', adamId: '8000000011', status: 'ACTIVE', periodEndsOn: '2026-12-24', ...counts },
    ],
    nextCursor: 'c-2',
    versionId: '17',
  });
  expect(asked[0]).toMatchObject({ path: '/mdm/v2/subscriptions', query: { cursor: 'c-1', adamId: '8000000011' } });
  const largest = String(Number.MAX_SAFE_INTEGER);
  await library.assignSeats(credential, { adamIds: ['8000000011', largest], clientUserIds: ['u-1'] }, false);
  expect(asked[1]).toMatchObject({
    path: '/mdm/v2/subscriptions/associate',
    body: `{"adamIds":[8000000011,${largest}],"clientUserIds":["u-1"],"renewing":false}`,
  });
  await library.removeSeats(credential, { adamIds: ['8000000011'], clientUserIds: ['u-1'] }, true);
  expect(asked[2]).toMatchObject({
    path: '/mdm/v2/subscriptions/disassociate',
    body: '{"adamIds":[8000000011],"clientUserIds":["u-1"],"deferred":true}',
  });
});

test('F9 an adamId above 2^53 is refused in both directions, never rounded', async () => {
  const above = '9007199254740993';
  const text = JSON.stringify({ ...envelope, subscriptions: [row] }).replace('8000000011', above);
  const { library, asked } = await driverWith((): Answer => ({ text }));
  const refused = { kind: 'REJECTED', message: expect.stringContaining('above 2^53') };
  await expect(library.readSeatSubscriptions(credential, {})).rejects.toMatchObject(refused);
  const write = { adamIds: [above], clientUserIds: ['u-1'] };
  await expect(library.assignSeats(credential, write, true)).rejects.toMatchObject({ kind: 'REJECTED' });
  for (const odd of ['1e3', ' 7', '007', ''])
    await expect(library.assignSeats(credential, { ...write, adamIds: [odd] }, true)).rejects.toMatchObject({
      kind: 'REJECTED',
    });
  expect(asked).toHaveLength(1);
});

test('F9 seats are read by cursor; a lost one, and one that leads in a circle, mean beginning again', async () => {
  const seat = { adamId: 8000000011, clientUserId: 'u-1', renewing: true };
  const { library } = await driverWith(({ query }): Answer => {
    if (query.cursor === 'gone') return { status: 400, json: { errorNumber: 9812, errorMessage: 'x' } };
    return { json: { ...envelope, assignments: query.cursor === 'end' ? [] : [seat], nextCursor: query.cursor } };
  });
  expect(await library.readSeats(credential, { clientUserId: 'u-1' })).toMatchObject({
    rows: [{ adamId: '8000000011', clientUserId: 'u-1', renewing: true }],
    nextCursor: null,
  });
  const lost = { kind: 'SWEEP_LOST' };
  await expect(library.readSeats(credential, { cursor: 'gone' })).rejects.toMatchObject(lost);
  await expect(library.readSeats(credential, { cursor: 'round' })).rejects.toMatchObject(lost);
});

test('F9 the management of seats is declared; 9818 and what an event names are understood', async () => {
  let answer: Answer = { json: { ...envelope, subscriptionManagement: true } };
  const { library, asked } = await driverWith(() => answer);
  expect(await library.setSeatManagement(credential, true)).toMatchObject({ enabled: true });
  expect(asked[0]).toMatchObject({ method: 'POST', path: '/mdm/v2/subscriptions/enable' });
  answer = { status: 400, json: { errorNumber: 9818, errorMessage: 'x' } };
  await expect(library.setSeatManagement(credential, false)).rejects.toMatchObject({ appleErrorNumber: 9818 });
  answer = {
    json: {
      ...envelope,
      eventStatus: 'FAILED',
      failures: [
        { errorNumber: 9709, errorMessage: 'x', errorInfo: { adamIds: [8000000011], clientUserIds: ['u-1'] } },
      ],
    },
  };
  expect((await library.writeStatus(credential, 'e')).failures).toMatchObject([
    { appleErrorNumber: 9709, assets: [{ adamId: '8000000011' }], clientUserIds: ['u-1'] },
  ]);
});
