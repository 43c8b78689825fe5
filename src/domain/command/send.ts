/** Gives commands to the MDM server. What is sent is written down before, and nothing is sent inside a transaction. @module */
import { randomUUID } from 'node:crypto';
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import { chunk } from '../../lib/chunk.ts';
import type { Context } from '../context.ts';
import { type Enqueued, type MdmAccess, MdmFailure, maxBatch } from '../mdm-ports.ts';
import { openAccess } from './access.ts';
import { isBlocked, noteAnswered, noteFailure } from './block.ts';
import { type ConnectionClaim, underConnectionClaim } from './claim.ts';
import type { OnEnded } from './ended.ts';
import { type Batch, pickReady, type Ready, writeDown } from './pick.ts';
import { pushAgain } from './push.ts';
import { revealRequest } from './reveal.ts';
import { endCommands } from './settle.ts';

/** Most commands that are written down at once. */
const round = 1_000;
/** Calls under way at a time. */
const lanes = 4;
/** Milliseconds after which a command is sent again of which nobody heard what became of it. */
const unheardAfter = 60_000;
/** Waits of a command whose repeat the server refused, in milliseconds. */
const repeatWaits = { base: unheardAfter, factor: 2, cap: 3_600_000 };
/** Most devices of a batch, by how often its commands were refused with it before: the last ones go alone. */
const sizes = [maxBatch, 10, 1];

/** A batch on its way. */
interface Outgoing extends Batch {
  /** It left before, and the server may have it: it keeps its CommandUUID whatever happens, or it would run twice. */
  repeated: boolean;
}

/** Sends what is due and wakes devices. True when there may be more. Stops quietly while the server is out of reach. */
export async function sendCommands(context: Context, claim: ConnectionClaim, onEnded: OnEnded): Promise<boolean> {
  if (claim.kind !== 'NANOMDM' || (await isBlocked(context, claim))) return false;
  const access = await openAccess(context, claim);
  const batches: Outgoing[] = [
    ...(await unheard(context, claim)).map((batch) => ({ ...batch, repeated: true })),
    ...(await nextBatches(context, claim)).map((batch) => ({ ...batch, repeated: false })),
  ];
  try {
    for (const [index, together] of chunk(batches, lanes).entries()) {
      const outcomes = await Promise.allSettled(together.map((batch) => send(context, claim, access, batch, onEnded)));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (!failed) continue;
      const untried = batches.slice((index + 1) * lanes).filter(({ repeated }) => !repeated);
      if (failed.reason instanceof MdmFailure)
        await takeBack(
          context,
          claim,
          untried.flatMap(({ commands }) => commands),
        );
      throw failed.reason;
    }
    const pushed = await pushAgain(context, claim, access);
    return batches.length > 0 || pushed;
  } catch (error) {
    if (!(error instanceof MdmFailure)) throw error;
    await noteFailure(context, claim, error);
    return false;
  }
}

/** Commands whose sender died, or heard nothing, by their CommandUUID: the server takes each of those once. */
async function unheard(context: Context, claim: ConnectionClaim): Promise<Batch[]> {
  const now = context.clock.now();
  const rows = await context.prisma.$queryRaw<(Ready & { uuid: string })[]>(sql`
    SELECT c.id, c.uuid::text AS uuid, e.enrollment_id AS "enrollmentId", e.type::text AS type, c.request, c.sends FROM device_command c
    JOIN enrollment e ON e.organization_id = c.organization_id AND e.id = c.enrollment_id
    WHERE c.organization_id = ${claim.organizationId} AND c.connection_id = ${claim.connectionId} AND c.ended_at IS NULL AND c.state = 'SENT'
      AND c.due_at <= ${moment(now)} AND e.state <> 'GONE' ORDER BY c.id LIMIT ${round}`);
  const batches = new Map<string, Batch>();
  for (const { uuid, ...command } of rows) {
    const batch = batches.get(uuid) ?? { uuid, request: command.request, commands: [] };
    batches.set(uuid, batch);
    batch.commands.push(command);
  }
  return [...batches.values()];
}

function nextBatches(context: Context, claim: ConnectionClaim): Promise<Batch[]> {
  return underConnectionClaim(context, claim, async (tx) => {
    const batches = gather(await pickReady(context, tx, claim, round));
    const dueAt = new Date(context.clock.now().getTime() + unheardAfter);
    if (batches.length > 0)
      await writeDown(context, tx, claim.organizationId, batches, { state: 'SENT', dueAt, leasedUntil: null });
    return batches;
  });
}

/** The same requests together. */
export function gather(ready: readonly Ready[], most: readonly number[] = sizes): Batch[] {
  const groups = new Map<string, Ready[]>();
  const met = new Map<string, number>();
  for (const command of ready) {
    const request = `${Math.min(command.sends, most.length - 1)} ${JSON.stringify(command.request)}`;
    // The same to the same device a second time needs a CommandUUID of its own.
    const times = met.get(`${command.enrollmentId} ${request}`) ?? 0;
    met.set(`${command.enrollmentId} ${request}`, times + 1);
    const key = `${times} ${request}`;
    const group = groups.get(key);
    if (group) group.push(command);
    else groups.set(key, [command]);
  }
  return [...groups.values()].flatMap((group) =>
    chunk(group, most[Math.min(group[0]!.sends, most.length - 1)]!).map((commands) => ({
      uuid: randomUUID(),
      request: commands[0]!.request,
      commands,
    })),
  );
}

async function send(
  context: Context,
  claim: ConnectionClaim,
  access: MdmAccess,
  batch: Outgoing,
  onEnded: OnEnded,
): Promise<void> {
  context.failpoint('before-call');
  const names = [...new Set(batch.commands.map((command) => command.enrollmentId))];
  const { uuid } = batch;
  const request = await revealRequest(context, batch.request);
  if (request === 'CLOSED' || request === 'LATER') return leave(context, claim, batch, request, onEnded);
  try {
    const outcome = await context.mdm.enqueue(access, { uuid, request, push: claim.push }, names);
    context.failpoint('after-call');
    await keep(context, claim, batch, outcome, onEnded);
  } catch (error) {
    if (!(error instanceof MdmFailure)) throw error;
    // Only "REFUSED" is about what was sent; a wrong path, a redirect or a foreign page tell of the server.
    if (error.kind === 'REJECTED' && error.problem === 'REFUSED') {
      const refusal = { accepted: false, pushProblem: null, refusal: error.message };
      return keep(context, claim, batch, new Map(names.map((name) => [name, refusal])), onEnded);
    }
    // Of unknown outcome, now or before: the commands stay SENT, and go out again under the same CommandUUID.
    if (error.kind !== 'UNKNOWN_OUTCOME' && !batch.repeated) await takeBack(context, claim, batch.commands);
    throw error;
  }
}

/** What can't leave: for good, or until what is missing can be read. */
function leave(
  context: Context,
  claim: ConnectionClaim,
  { commands }: Batch,
  why: 'CLOSED' | 'LATER',
  onEnded: OnEnded,
): Promise<void> {
  return underConnectionClaim(context, claim, async (tx) => {
    if (why === 'LATER') return putOff(context, tx, claim, commands);
    const at = context.clock.now();
    const ended = commands.map(({ id }) => ({ commandId: id, state: 'CANCELLED' as const, at }));
    await onEnded(tx, await endCommands(context, tx, ended));
  });
}

/** The server did not get them: they wait as before, and it counts as no send. */
async function takeBack(context: Context, claim: ConnectionClaim, commands: readonly Ready[], sent = 0): Promise<void> {
  if (commands.length === 0) return;
  return underConnectionClaim(context, claim, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE device_command SET state = 'PLANNED', uuid = NULL, sent_at = NULL, due_at = ${moment(context.clock.now())}, sends = sends - 1 + ${sent}
      WHERE organization_id = ${claim.organizationId} AND id = ANY (${ids(commands.map((command) => command.id))}) AND state = 'SENT'`);
  });
}

/** Refused the second time, it may have been taken the first: it is asked again, until its deadline ends it. */
async function putOff(context: Context, tx: Tx, claim: ConnectionClaim, commands: readonly Ready[]): Promise<void> {
  if (commands.length === 0) return;
  const now = context.clock.now().getTime();
  const due = commands.map(({ sends }) => new Date(now + backoff(sends + 1, repeatWaits)).toISOString());
  await tx.$executeRaw(sql`
    UPDATE device_command c SET sends = c.sends + 1, due_at = v.due
    FROM unnest(${ids(commands.map((command) => command.id))}, ${due}::timestamptz[]) AS v(id, due)
    WHERE c.organization_id = ${claim.organizationId} AND c.id = v.id AND c.state = 'SENT'`);
}

async function keep(
  context: Context,
  claim: ConnectionClaim,
  { commands, request, repeated }: Outgoing,
  outcome: ReadonlyMap<string, Enqueued>,
  onEnded: OnEnded,
): Promise<void> {
  const of = (command: Ready) => outcome.get(command.enrollmentId);
  const refused = commands.filter((command) => of(command)?.accepted === false);
  const taken = commands.filter((command) => of(command)?.accepted);
  if (refused.length > 0) {
    const fields = { kind: request.kind, devices: refused.length, refusal: of(refused[0]!)!.refusal };
    context.logger.warn(fields, 'the MDM server did not take a command');
  }
  // One device that the server does not know can spoil a whole batch: each gets another chance in a smaller one.
  const again = !repeated && commands.length > 1 && taken.length === 0 ? refused : [];
  if (again.length > 0) await takeBack(context, claim, again, 1);
  await underConnectionClaim(context, claim, async (tx) => {
    await noteAnswered(context, tx, claim);
    await noteTaken(context, tx, claim, taken, (command) => of(command)?.pushProblem ?? null);
    if (repeated) return putOff(context, tx, claim, refused);
    const ended = await endCommands(
      context,
      tx,
      refused
        .filter((command) => !again.includes(command))
        .map((command) => ({
          commandId: command.id,
          state: 'REFUSED',
          refusal: of(command)!.refusal ?? 'the MDM server did not take it',
          at: context.clock.now(),
        })),
    );
    if (ended.length > 0) await onEnded(tx, ended);
  });
}

/** The server has them. One that was answered meanwhile, or that has said NotNow, is past this. */
async function noteTaken(
  context: Context,
  tx: Tx,
  claim: ConnectionClaim,
  taken: readonly Ready[],
  problem: (command: Ready) => string | null,
): Promise<void> {
  if (taken.length === 0) return;
  const { mostPushes, pushAgainAfter } = context.settings;
  const again = claim.push && mostPushes > 0 ? new Date(context.clock.now().getTime() + pushAgainAfter) : null;
  await tx.$executeRaw(sql`
    UPDATE device_command SET state = 'QUEUED', due_at = ${moment(again)}
    WHERE organization_id = ${claim.organizationId} AND id = ANY (${ids(taken.map((command) => command.id))}) AND state = 'SENT'`);
  const unpushed = taken.filter((command) => problem(command) !== null);
  if (unpushed.length > 0)
    context.logger.warn(
      { devices: unpushed.length, problem: problem(unpushed[0]!) },
      'devices could not be woken; they are tried again',
    );
}
