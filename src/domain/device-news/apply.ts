/** Brings what was told of devices into the rows. A block is applied whole or not at all, and only by who holds the claim. @module */
import { ids, sql, type Tx, texts } from '../../db/transaction.ts';
import { type ConnectionClaim, underConnectionClaim } from '../command/claim.ts';
import { doubtQueued, type Repeat } from '../command/doubt.ts';
import type { EndedCommand } from '../command/ended.ts';
import { noteDelivered, noteNotNow } from '../command/not-now.ts';
import { answerKey, endCommands, endOpen, findAnswered, type Verdict } from '../command/settle.ts';
import { unpark } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { lockDeviceList } from '../device/lock-list.ts';
import { factsOf } from '../enrollment/fold.ts';
import { mergeEnrollments } from '../enrollment/merge.ts';
import type { Merged } from '../enrollment/merged.ts';
import type { DeviceNews } from '../mdm-ports.ts';
import { advanceOperations } from '../operation/advance.ts';
import { confirmOperations } from '../operation/confirm.ts';
import { wakeOperations } from '../operation/start.ts';
import { wakeUpdates } from '../update/wake.ts';
import { mergeLists } from './merge-lists.ts';
import { type DueNews, markApplied, type Placed, readDue } from './read-due.ts';
import { applySingly } from './set-aside.ts';

/** Applies everything that is due. True when it applied something. */
export async function applyNews(context: Context, claim: ConnectionClaim): Promise<boolean> {
  const due = await readDue(context, claim);
  if (due.length === 0) return false;
  await applySingly(context, claim, due, (rows) => applyBlock(context, claim, rows));
  return true;
}

async function applyBlock(context: Context, claim: ConnectionClaim, due: readonly DueNews[]): Promise<void> {
  const writesDevices = due.some(tellsOfDevice) || (await anyGone(context, claim, due));
  return underConnectionClaim(
    context,
    claim,
    async (tx) => {
      const told = new Map<string, { at: number; news: DeviceNews }[]>();
      for (const { enrollmentId, at, news } of due)
        told.set(enrollmentId, [...(told.get(enrollmentId) ?? []), { at, news }]);
      const { byName, gaveWay } = await mergeEnrollments(context, tx, claim, told);
      const placed = due.map((row) => ({ ...row, enrollment: byName.get(row.enrollmentId)! }));
      const lost = await loseCommands(context, tx, [...byName.values()], gaveWay);
      const ended = [...lost, ...(await settle(context, tx, claim, placed))];
      await advanceOperations(context, tx, ended);
      const devices = await mergeLists(context, tx, claim, placed, ended);
      await confirmOperations(context, tx, devices);
      await wakeReturned(context, tx, [...byName.values()]);
      await wakeUpdates(tx, claim.organizationId, [...devices, ...ended.flatMap(({ deviceId }) => deviceId ?? [])]);
      await markApplied(tx, claim.organizationId, due, 'APPLIED', context.clock.now());
    },
    writesDevices ? (tx) => lockDeviceList(context, tx) : undefined,
  );
}

/** What a device says of itself is written to the list, and a goodbye gives the list its say back. */
const tellsOfDevice = ({ news }: DueNews) =>
  factsOf(news) !== null || news.kind === 'AUTHENTICATED' || news.kind === 'CHECKED_OUT';

/** One that is gone comes back with whatever it says. Only who holds the claim changes that. */
async function anyGone(context: Context, claim: ConnectionClaim, due: readonly DueNews[]): Promise<boolean> {
  const rows = await context.prisma.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM enrollment WHERE organization_id = ${claim.organizationId} AND connection_id = ${claim.connectionId}
      AND enrollment_id = ANY (${texts([...new Set(due.map((row) => row.enrollmentId))])}) AND state = 'GONE' LIMIT 1`);
  return rows.length > 0;
}

/** Enrolling anew empties the server's queue; of a device that left nothing is heard any more. */
async function loseCommands(
  context: Context,
  tx: Tx,
  merged: readonly Merged[],
  gaveWay: readonly bigint[],
): Promise<EndedCommand[]> {
  const anew = merged.filter((one) => one.lostAt !== null && one.state !== 'GONE');
  const gone = [
    ...merged.filter((one) => one.state === 'GONE' && one.before !== 'GONE').map((one) => one.id),
    ...gaveWay,
  ];
  const lost: EndedCommand[] = [];
  if (anew.length > 0) {
    const cut = sql`unnest(${ids(anew.map((one) => one.id))}, ${anew.map((one) => one.lostAt!.toISOString())}::timestamptz[]) AS x(id, at)`;
    lost.push(
      ...(await endOpen(
        context,
        tx,
        sql`c.state IN ('SENT', 'QUEUED') AND EXISTS (SELECT 1 FROM ${cut} WHERE x.id = c.enrollment_id AND c.sent_at <= x.at)`,
        () => 'LOST',
      )),
    );
  }
  if (gone.length > 0)
    lost.push(
      ...(await endOpen(context, tx, sql`c.enrollment_id = ANY (${ids(gone)})`, ({ sent }) =>
        sent ? 'LOST' : 'CANCELLED',
      )),
    );
  return lost;
}

type Answer = Extract<DeviceNews, { commandUuid: string }>;

/** Settles what is said of commands; of several words about one the first end counts, and a NotNow before it is no news. */
async function settle(
  context: Context,
  tx: Tx,
  { kind }: ConnectionClaim,
  placed: readonly Placed[],
): Promise<EndedCommand[]> {
  const said = placed.flatMap(({ news, at, enrollment }) =>
    'commandUuid' in news ? [{ news: news as Answer, at, uuid: news.commandUuid, enrollmentId: enrollment.id }] : [],
  );
  const known = await findAnswered(tx, context.actor.organizationId, said);
  const verdicts = new Map<bigint, Verdict>();
  const notNow = new Map<bigint, { commandId: bigint; at: Date; times: number }>();
  const delivered: bigint[] = [];
  const repeats: Repeat[] = [];
  for (const { news, at, ...key } of said.sort((a, b) => a.at - b.at)) {
    const command = known.get(answerKey(key));
    if (!command) continue;
    const { id: commandId, answeredAt } = command;
    const when = new Date(at);
    const before = verdicts.get(commandId)?.at ?? answeredAt;
    if (news.kind === 'ANSWERED' && before && before.getTime() !== at)
      repeats.push({ enrollmentId: key.enrollmentId, at: when < before ? before : when });
    if (news.kind === 'NOT_NOW')
      notNow.set(commandId, { commandId, at: when, times: (notNow.get(commandId)?.times ?? 0) + 1 });
    else if (news.kind === 'DELIVERED') delivered.push(commandId);
    else if (!verdicts.has(commandId))
      verdicts.set(
        commandId,
        news.kind === 'REFUSED'
          ? { commandId, state: 'REFUSED', refusal: news.reason, at: when }
          : { commandId, state: news.status, result: news.result, at: when },
      );
  }
  await noteDelivered(context, tx, delivered);
  await noteNotNow(context, tx, [...notNow.values()]);
  const ended = await endCommands(context, tx, [...verdicts.values()]);
  // Of a message that came twice there is one row; another moment means that the device said it again.
  if (kind === 'NANOMDM') await doubtQueued(context, tx, repeats);
  return ended;
}

/** What waited for a device that can be reached now goes on. */
async function wakeReturned(context: Context, tx: Tx, merged: readonly Merged[]): Promise<void> {
  const changed = merged.filter((one) => one.state !== one.before || one.lostAt !== null);
  const reachable = changed.filter((one) => one.state === 'ENROLLED').map((one) => one.id);
  await unpark(tx, context.actor.organizationId, reachable, context.clock.now());
  const devices = changed.flatMap((one) => one.deviceId ?? []);
  if (devices.length > 0) await wakeOperations(context, tx, devices);
}
