/** The answers below `/subscriptions`. @module */
import { type Answer, type Call, unitOf } from '../apple/call.ts';
import { enveloped } from '../apple/envelope.ts';
import { subscriptionPairsOf } from './body.ts';
import type { SeatCounts, Subscription, SubscriptionBook } from './book.ts';
import { pageByCursor } from './cursor.ts';
import { seatRow } from './shapes.ts';

/** Answers `POST /subscriptions/enable` and `/disable`. */
export function switchSubscriptions(call: Call, enabled: boolean): Answer {
  unitOf(call).book.enabled = enabled;
  call.world.changes++;
  return enveloped(call, { subscriptionManagement: enabled });
}

/** Answers `GET /subscriptions`. */
export function listSubscriptions(call: Call): Answer {
  const { book } = unitOf(call);
  const rows = [...book.subscriptions.values()].filter((one) => isWanted(call, book, one.adamId));
  return paged(call, 'subscriptions', rows, (one) => subscriptionRow(book, one));
}

/** Answers `GET /subscriptions/assignments`. */
export function listSubscriptionAssignments(call: Call): Answer {
  const { book } = unitOf(call);
  const who = call.query.get('clientUserId');
  const rows = book
    .seats()
    .filter((seat) => isWanted(call, book, seat.adamId) && (who ?? seat.clientUserId) === seat.clientUserId);
  return paged(call, 'assignments', rows, seatRow);
}

/** Answers `GET /subscriptions/admins`. */
export function listSubscriptionAdmins(call: Call): Answer {
  const { book, users } = unitOf(call);
  const withState = call.query.get('includeUserState') === 'true';
  const rows = book.admins().filter((admin) => isWanted(call, book, admin.adamId));
  return paged(call, 'admins', rows, ({ adamId, clientUserId }) => {
    const user = withState ? users.current(clientUserId) : undefined;
    const state = user ? { ...(user.idHash ? { idHash: user.idHash } : {}), userStatus: user.status } : {};
    return { adamId: Number(adamId), clientUserId, ...state };
  });
}

/** Answers `POST /subscriptions/admins/add` and `/remove`, at once. */
export function changeSubscriptionAdmins(call: Call, present: boolean): Answer {
  const unit = unitOf(call);
  for (const admin of subscriptionPairsOf(call)) unit.book.setAdmin(admin, present);
  call.world.changes++;
  return enveloped(call, { versionId: unit.version('subscriptions') });
}

function subscriptionRow(book: SubscriptionBook, subscription: Subscription): object {
  const { adamId, parentAdamId, status, periodEnd, total } = subscription;
  const counts: Record<'assigned' | 'available' | 'total', SeatCounts> = {
    assigned: book.assigned(adamId),
    available: book.available(subscription),
    total,
  };
  const periodEndDate = new Date(periodEnd).toISOString().slice(0, 10);
  return { parentAdamId: Number(parentAdamId), adamId: Number(adamId), status, periodEndDate, counts };
}

function isWanted({ query }: Call, book: SubscriptionBook, adamId: string): boolean {
  const ids = query.getAll('adamId').flatMap((text) => text.split(','));
  const parent = query.get('parentAdamId');
  if (ids.length > 0 && !ids.includes(adamId)) return false;
  return parent === null || book.subscriptions.get(adamId)?.parentAdamId === parent;
}

function paged<Row>(call: Call, name: string, rows: readonly Row[], describe: (row: Row) => object): Answer {
  const { page, next } = pageByCursor(call, rows);
  return enveloped(call, { [name]: page.map(describe), ...next, versionId: unitOf(call).version('subscriptions') });
}
