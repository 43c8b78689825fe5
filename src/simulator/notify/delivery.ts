/** One notification on its way to a client: what it says, when it is due, and what became of each attempt. @module */
import type { EventTask } from '../apple/events.ts';

/** Kinds of notification that Apple names; anything may be sent by hand. */
export const notificationTypes = [
  'ASSET_COUNT',
  'ASSET_MANAGEMENT',
  'USER_MANAGEMENT',
  'USER_ASSOCIATED',
  'SUBSCRIPTION_MANAGEMENT',
  'SUBSCRIPTION_COUNT',
] as const;

/** What a notification is about, before it is put in its envelope. */
export interface Draft {
  uId: string;
  type: string;
  /** Fields of `notification`; rows of assignments are kept apart, because they are many. */
  fields: Record<string, unknown>;
  /** Finished tasks, written out as `assignments` when it is sent. */
  tasks?: readonly EventTask[];
  /** Where it goes, when that was fixed as it was queued. */
  address?: { url: string; token: string };
  /** Whether the body has a field nobody knows. */
  unknownField?: boolean;
}

/** One try to hand it over. */
export interface Attempt {
  /** ISO time by the simulator's clock. */
  at: string;
  /** HTTP status of the answer. */
  status?: number;
  /** Why there was no answer. */
  error?: string;
}

/** `dropped` never leaves the house: a misfortune, or a library that has no URL any more. */
export type DeliveryState = 'waiting' | 'sending' | 'delivered' | 'failed' | 'dropped';

/** A notification with its fate. */
export interface Delivery extends Draft {
  /** Rises by one; the name of the delivery. */
  n: number;
  /** The same for a repeated message unless a misfortune gives it a new one. */
  notificationId: string;
  createdAt: number;
  dueAt: number;
  /** Order among those due at the same moment. */
  place: number;
  state: DeliveryState;
  attempts: Attempt[];
}

/** The JSON that is sent. */
export interface NotificationBody {
  notification: Record<string, unknown>;
  notificationId: string;
  notificationType: string;
  uId: string;
  [later: string]: unknown;
}

/** Writes a delivery out. */
export function bodyOf(delivery: Delivery): NotificationBody {
  const { fields, tasks, notificationId, type, uId, unknownField } = delivery;
  const assignments = tasks && { assignments: tasks.map(assignmentOf) };
  return {
    notification: { ...fields, ...assignments },
    notificationId,
    notificationType: type,
    uId,
    ...(unknownField ? { someFieldOfTomorrow: { since: 'tomorrow' } } : {}),
  };
}

function assignmentOf({ asset, target }: EventTask): object {
  return { ...asset, [target.kind]: target.id };
}
