/** Brings what Apple told of one library into the rows. May come twice, and on two machines: each step checks under its locks. @module */
import { type Tx, transaction } from '../../db/transaction.ts';
import { InterruptedError } from '../../lib/interrupted.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { lockGates } from '../license/lock-gates.ts';
import type { AppleNews } from '../ports.ts';
import { hearOfSeats } from '../seat/hear.ts';
import type { TokenKey } from '../token/gate.ts';
import { mergeVppUsers } from '../vpp-user/merge.ts';
import { applyWrites } from './apply-writes.ts';
import { type DueNotification, markApplied, type NotificationOutcome, readDue, type Told } from './read-due.ts';
import { hintSeats } from './seat-hint.ts';
import { applySingly } from './set-aside.ts';

/** Applies everything that is due for the token. */
export async function applyNotifications(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const context = systemContext(services, token.organizationId, 'notifications', correlationId);
  for (;;) {
    const due = await readDue(context, token);
    if (due.length === 0) return;
    await applyDue(context, token, due);
    context.logger.debug({ tokenId: String(token.tokenId), notifications: due.length }, 'notifications applied');
  }
}

/** All of them together; and when that meets an error of our own, what is left of them piece by piece. */
async function applyDue(context: Context, token: TokenKey, due: readonly DueNotification[]): Promise<void> {
  try {
    await applyBlock(context, token, due);
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    const left = await readDue(context, token);
    await applySingly(context, token, left, (rows) => applyBlock(context, token, rows));
  }
}

async function applyBlock(context: Context, token: TokenKey, all: readonly DueNotification[]): Promise<void> {
  const { uId } = await context.prisma.token.findUniqueOrThrow({
    where: { organizationId_id: { organizationId: token.organizationId, id: token.tokenId } },
    select: { uId: true },
  });
  const due = all.filter((row) => row.uId === null || row.uId === uId);
  const of = <Kind extends AppleNews['kind']>(kind: Kind) =>
    due.filter((row): row is Told<Kind> => row.news.kind === kind);
  await passOver(
    context,
    token,
    all.filter((row) => !due.includes(row)),
    'OTHER_LIBRARY',
  );
  await passOver(context, token, of('OTHER'), 'IGNORED');
  await passOver(context, token, of('UNREADABLE'), 'UNREADABLE');
  await mark(context, token, of('TEST'), 'TEST');
  await applySeats(context, token, of('SEATS'));
  await applySeatNews(context, token, of('SEAT_NEWS'));
  await applyUsers(context, token, of('USERS'));
  await applyWrites(context, token, of('WRITE'));
}

function mark(
  context: Context,
  { organizationId }: TokenKey,
  rows: readonly DueNotification[],
  outcome: NotificationOutcome,
): Promise<void> {
  return transaction(context, (tx) => markApplied(tx, organizationId, rows, outcome, context.clock.now()));
}

/** One line for each kind, however many come. */
async function passOver(
  context: Context,
  token: TokenKey,
  rows: readonly DueNotification[],
  outcome: NotificationOutcome,
): Promise<void> {
  if (rows.length === 0) return;
  const reasons = rows.flatMap(({ news }) => (news.kind === 'UNREADABLE' ? news.reason : []));
  context.logger.warn(
    {
      tokenId: String(token.tokenId),
      outcome,
      types: [...new Set(rows.map((row) => row.type))],
      notifications: rows.length,
      ...(reasons.length > 0 ? { reasons: [...new Set(reasons)] } : {}),
    },
    'notifications were stored and not applied',
  );
  await mark(context, token, rows, outcome);
}

/** A count is a hint: by how many it moved is not added to anything, the asset is read. */
async function applySeats(context: Context, token: TokenKey, rows: readonly Told<'SEATS'>[]): Promise<void> {
  if (rows.length === 0) return;
  await transaction(context, async (tx) => {
    const now = context.clock.now();
    await markApplied(tx, token.organizationId, rows, 'READ_AGAIN', now);
    await hintSeats(
      tx,
      token,
      rows.map((row) => row.news.adamId),
      now,
    );
  });
}

/** Seats of subscriptions are read whole, and a write that did it is asked about now. */
async function applySeatNews(context: Context, token: TokenKey, rows: readonly Told<'SEAT_NEWS'>[]): Promise<void> {
  if (rows.length === 0) return;
  await transaction(context, async (tx) => {
    const now = context.clock.now();
    await markApplied(tx, token.organizationId, rows, 'READ_AGAIN', now);
    const eventIds = rows.flatMap(({ news }) => news.eventId ?? []);
    await hearOfSeats(tx, token, eventIds, now);
  });
}

/** The one place where notifications reach VPP users. A refused change of a user changes nothing. */
async function applyUsers(context: Context, token: TokenKey, rows: readonly Told<'USERS'>[]): Promise<void> {
  if (rows.length === 0) return;
  await transaction(context, async (tx) => {
    const told = rows.flatMap(({ news }) => (news.failure === null ? news.users : []));
    // A removal waits for the gate, or has ended: then nothing is known of its people any more.
    await lockGates(tx, token.organizationId, [token.tokenId]);
    await markApplied(tx, token.organizationId, rows, 'APPLIED', context.clock.now());
    if (!(await isPresent(tx, token))) return;
    await mergeVppUsers(context, tx, token, told, 'HINT');
  });
}

async function isPresent(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<boolean> {
  const token = await tx.token.findUnique({
    where: { organizationId_id: { organizationId, id: tokenId } },
    select: { removedAt: true },
  });
  return token?.removedAt === null;
}
