/** What can be planned, each by the verb that does it. @module */
import { type AssociateInput, associationInput, startAssociation } from '../license/associate.ts';
import { type RevokeInput, revocationInput, startRevoke } from '../license/revoke.ts';
import { parseInput } from '../parse.ts';
import { type Retirement, type RetireUsersInput, retirementInput, startRetirement } from '../vpp-user/retire.ts';
import type { Planned } from './planned.ts';
import { type TokenRemovalInput, tokenRemoval } from './token-removal.ts';

/** What each kind is planned with: the input of its verb. An idempotency key means nothing in a plan. */
export interface PlanInputs {
  ASSOCIATION: AssociateInput;
  REVOCATION: RevokeInput;
  TOKEN_REMOVAL: TokenRemovalInput;
  USER_RETIREMENT: RetireUsersInput;
}

/** The kinds of plans. */
export type PlanKind = keyof PlanInputs;

/** How each kind is done. */
export const planned: Record<PlanKind, Planned> = {
  ASSOCIATION: {
    right: 'licenses:write',
    parse: (input) => withoutKey(parseInput(associationInput, input)),
    start: (context, tx, request) => startAssociation(context, tx, request as Parameters<typeof startAssociation>[2]),
  },
  REVOCATION: {
    right: 'licenses:write',
    parse: (input) => withoutKey(parseInput(revocationInput, input)),
    start: (context, tx, request) => startRevoke(context, tx, request as Parameters<typeof startRevoke>[2]),
  },
  TOKEN_REMOVAL: tokenRemoval,
  USER_RETIREMENT: {
    right: 'users:write',
    parse: (input) => withoutKey(parseInput(retirementInput, input)),
    start: (context, tx, request) => startRetirement(context, tx, request as Retirement),
  },
};

function withoutKey({ idempotencyKey: _key, ...request }: { idempotencyKey?: unknown }): object {
  return request;
}
