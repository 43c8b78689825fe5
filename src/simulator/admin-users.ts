/** Control of users: what people do with an invitation. @module */
import type { InvitationOrder, SimulatorAdmin } from './admin-types.ts';
import type { OrganizationalUnit } from './apple/organizational-unit.ts';
import { linkedState } from './apple/user-tasks.ts';
import { idHashOf, type User, userInNotification, userRow } from './apple/users.ts';
import type { World } from './apple/world.ts';
import type { UserSpec } from './scenarios/types.ts';

/** The verbs on users. */
export function userVerbs(world: World): Pick<SimulatorAdmin, 'setUser' | 'users' | 'acceptInvitation'> {
  return {
    setUser: ({ uId, ...spec }) => {
      unitOf(world, uId).users.put(spec);
      world.changes++;
      return spec;
    },
    users: (order) => {
      world.settle();
      return [...world.units.values()]
        .filter((unit) => (order?.uId ?? unit.uId) === unit.uId)
        .flatMap((unit) => unit.users.all().map((user) => ({ uId: unit.uId, ...publicPart(user) })));
    },
    acceptInvitation: (order) => accept(world, order),
  };
}

function accept(world: World, { inviteCode, account }: InvitationOrder): UserSpec & { uId: string } {
  world.settle();
  const { unit, user } = invited(world, inviteCode);
  const holder = unit.users.linkedTo(account);
  if (holder) throw new Error(`${account} is linked to the user ${holder.clientUserId}`);
  const linked = link(world, unit, user, account);
  world.changes++;
  const told = { ...userInNotification(linked), inviteCode };
  world.notify({ uId: unit.uId, type: 'USER_ASSOCIATED', fields: { associatedUsers: [told] } }, world.now());
  return { uId: unit.uId, ...userRow(linked) };
}

/** The account of an earlier record with the same clientUserId revives that one, or takes its place. */
function link(world: World, { users }: OrganizationalUnit, user: User, account: string): User {
  const idHash = idHashOf(account);
  const earlier = users
    .all()
    .find((one) => one.status === 'Retired' && one.clientUserId === user.clientUserId && one.idHash === idHash);
  if (!earlier) return users.change(user, linkedState(account));
  if (world.options.sameAccountAgain === 'replace') {
    users.change(earlier, { status: 'Deleted', idHash: undefined, account: undefined });
    return users.change(user, linkedState(account));
  }
  users.change(user, { status: 'Retired' });
  return users.change(earlier, { ...linkedState(account), ...(user.email === undefined ? {} : { email: user.email }) });
}

function invited(world: World, inviteCode: string): { unit: OrganizationalUnit; user: User } {
  for (const unit of world.units.values()) {
    const user = unit.users.all().find((one) => one.inviteCode === inviteCode && one.status === 'Registered');
    if (user) return { unit, user };
  }
  throw new Error(`no open invitation ${inviteCode}`);
}

function publicPart({ version: _, account: _account, ...user }: User): UserSpec {
  return user;
}

function unitOf(world: World, uId: string): OrganizationalUnit {
  world.settle();
  const unit = world.units.get(uId);
  if (!unit) throw new Error(`no library ${uId}`);
  return unit;
}
