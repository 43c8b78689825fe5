/** Seats of subscriptions for the load: a library that has them, and linked people. @module */
import { eventually } from '../../support/eventually.ts';
import { endOfTask, startSync } from '../../support/process-steps.ts';
import type { ApiProcess, Processes } from '../../support/processes.ts';

/** What seats are given of, and to whom: global ids. */
export interface LoadSeats {
  subscriptionIds: string[];
  vppUserIds: string[];
}

const parentAdamId = '8000000001';
const adamIds = ['8000000011', '8000000012'];
/** More people than seats of one kind. */
const people = 16;
const renewing = 9;
const expiring = 4;

/** Enables the library, buys, links people, and reads all of it. A worker is running. */
export async function stockSeats(
  processes: Processes,
  api: ApiProcess,
  tokenId: string,
  uId: string,
): Promise<LoadSeats> {
  const { simulator, db } = processes;
  const { result } = await api.ask<{ result: { declaration?: string; code?: string } }>(
    `mutation ($input: EnableSeatSubscriptionsInput!) { result: enableSeatSubscriptions(input: $input) {
      ... on EnableSeatSubscriptionsPayload { declaration } ... on UserError { code } } }`,
    { input: { tokenId } },
  );
  if (result.code) throw new Error(`seats were not enabled: ${result.code}`);
  for (const adamId of adamIds) await simulator.buySubscription({ uId, adamId, parentAdamId, renewing, expiring });
  const names = Array.from({ length: people }, (_, index) => `seated-${index}`);
  for (const clientUserId of names) await simulator.setUser({ uId, clientUserId, status: 'Associated' });
  const task = await endOfTask(api, await startSync(api, tokenId));
  if (task.state !== 'SUCCEEDED') throw new Error(`the sync of seats ended as ${JSON.stringify(task)}`);
  const ids = async (type: string, sql: string, values: unknown[]) =>
    (await db.query<{ id: string }>(sql, values)).rows.map(({ id }) => Buffer.from(`${type}:${id}`).toString('base64'));
  const subscriptions = () =>
    ids('SeatSubscription', 'SELECT id FROM seat_subscription WHERE total_renewing = $1 ORDER BY id', [renewing]);
  await eventually(async () => (await subscriptions()).length === adamIds.length, 20_000);
  return {
    subscriptionIds: await subscriptions(),
    vppUserIds: await ids('VppUser', 'SELECT id FROM vpp_user WHERE client_user_id = ANY ($1) ORDER BY id', [names]),
  };
}
