/** What one task of a user event does: create, update or retire. @module */
import type { SimulatorOptions } from '../options.ts';
import type { Random } from '../random.ts';
import type { EventType, UserOrder } from './events.ts';
import type { OrganizationalUnit } from './organizational-unit.ts';
import { idHashOf, type User } from './users.ts';

/** Where a task happens. */
export interface UserTaskPlace {
  unit: OrganizationalUnit;
  options: SimulatorOptions;
  random: Random;
  at: number;
}

/** Kinds of event about users. */
export type UserEventType = 'CREATE' | 'UPDATE' | 'RETIRE';

/** Whether a kind of event is about users. */
export function isUserEvent(type: EventType): type is UserEventType {
  return type === 'CREATE' || type === 'UPDATE' || type === 'RETIRE';
}

/** Does one task; the answer is an error number, or undefined for success. */
export function runUserTask(place: UserTaskPlace, type: UserEventType, order: UserOrder): number | undefined {
  if (type === 'CREATE') return createUser(place, order);
  const user = place.unit.users.active(order.clientUserId);
  if (!user) return place.options.unknownUserNumber;
  if (type === 'UPDATE') return updateUser(place, user, order);
  retireUser(place, user);
  return undefined;
}

/** A code that an invitation carries. */
export function freshInviteCode(random: Random): string {
  return random.bytes(16).toString('hex');
}

function createUser(place: UserTaskPlace, { clientUserId, email, managedAppleId }: UserOrder): number | undefined {
  const { unit, options, random } = place;
  if (unit.users.active(clientUserId)) return 9716;
  const refused = managedAppleId === undefined ? undefined : whyNotLinked(place, managedAppleId);
  if (refused !== undefined) return refused;
  const retired = unit.users.current(clientUserId);
  const revived = options.recreateRetired === 'revive' && retired?.status === 'Retired' && !retired.idHash;
  const account = linkable(place, managedAppleId);
  const state = account ? linkedState(account) : { status: 'Registered' as const, inviteCode: freshInviteCode(random) };
  if (revived) unit.users.change(retired, { email, ...state });
  else unit.users.add({ clientUserId, ...(email === undefined ? {} : { email }), ...state });
  return undefined;
}

function updateUser(
  place: UserTaskPlace,
  user: User,
  { clientUserId, email, managedAppleId }: UserOrder,
): number | undefined {
  const refused = managedAppleId === undefined ? undefined : whyNotLinked(place, managedAppleId, clientUserId);
  if (refused !== undefined) return refused;
  const account = linkable(place, managedAppleId);
  place.unit.users.change(user, {
    ...(email === undefined ? {} : { email }),
    ...(account ? linkedState(account) : {}),
  });
  return undefined;
}

function retireUser({ unit, options, at }: UserTaskPlace, user: User): void {
  const target = { kind: 'clientUserId' as const, id: user.clientUserId };
  if (options.retireFreesSeats) {
    for (const asset of unit.heldBy(target).filter((held) => held.revocable)) {
      unit.disassociate(asset.adamId, asset.pricingParam, target, at);
    }
    unit.book.takeFrom(user.clientUserId);
  }
  unit.users.change(user, { status: 'Retired' });
}

/** The fields of a user whose account is known. */
export function linkedState(account: string): Pick<User, 'status' | 'idHash' | 'account'> {
  return { status: 'Associated', idHash: idHashOf(account), account };
}

function whyNotLinked({ unit, options }: UserTaskPlace, account: string, ownId?: string): number | undefined {
  if (!unit.manages(account)) return options.foreignManagedAppleId === 'failure' ? 9635 : undefined;
  const holder = unit.users.linkedTo(account);
  return holder && holder.clientUserId !== ownId ? 9641 : undefined;
}

function linkable({ unit }: UserTaskPlace, account: string | undefined): string | undefined {
  return account !== undefined && unit.manages(account) ? account : undefined;
}
