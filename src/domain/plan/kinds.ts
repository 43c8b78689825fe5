/** What can be planned, each by the verb that does it. @module */
import { type AssociateInput, associationInput, startPlannedAssociation } from '../license/associate.ts';
import { type RevokeInput, revocationInput, startRevoke } from '../license/revoke.ts';
import { parseInput } from '../parse.ts';
import { type RemovalRequest, type RemoveAppsInput, removalInput, startRemoval } from '../removal/remove-apps.ts';
import { type Retirement, type RetireUsersInput, retirementInput, startRetirement } from '../vpp-user/retire.ts';
import type { Planned, StartedPlan } from './planned.ts';
import { type TokenRemovalInput, tokenRemoval } from './token-removal.ts';

/** What each kind is planned with: the input of its verb. An idempotency key means nothing in a plan. */
export interface PlanInputs {
  ASSOCIATION: AssociateInput;
  REVOCATION: RevokeInput;
  TOKEN_REMOVAL: TokenRemovalInput;
  USER_RETIREMENT: RetireUsersInput;
  APP_REMOVAL: RemoveAppsInput;
}

/** The kinds of plans. */
export type PlanKind = keyof PlanInputs;

/** How each kind is done. */
export const planned: Record<PlanKind, Planned> = {
  ASSOCIATION: {
    right: 'licenses:write',
    parse: (input) => withoutKey(parseInput(associationInput, input)),
    start: (context, tx, request) =>
      startPlannedAssociation(context, tx, request as Parameters<typeof startPlannedAssociation>[2]),
  },
  REVOCATION: {
    right: 'licenses:write',
    parse: (input) => withoutKey(parseInput(revocationInput, input)),
    start: (context, tx, request) => alone(startRevoke(context, tx, request as Parameters<typeof startRevoke>[2])),
  },
  TOKEN_REMOVAL: tokenRemoval,
  USER_RETIREMENT: {
    right: 'users:write',
    parse: (input) => withoutKey(parseInput(retirementInput, input)),
    start: (context, tx, request) => alone(startRetirement(context, tx, request as Retirement)),
  },
  APP_REMOVAL: {
    right: 'devices:write',
    parse: (input) => withoutKey(parseInput(removalInput, input)),
    start: (context, tx, request) => alone(startRemoval(context, tx, request as RemovalRequest)),
  },
};

function withoutKey({ idempotencyKey: _key, ...request }: { idempotencyKey?: unknown }): object {
  return request;
}

const alone = async (taskId: Promise<bigint>): Promise<StartedPlan> => ({ taskId: await taskId, installsTaskId: null });
