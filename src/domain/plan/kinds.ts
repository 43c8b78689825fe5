/** What can be planned, each by the verb that does it. @module */
import type { Tx } from '../../db/transaction.ts';
import type { Scope } from '../actor.ts';
import type { Context } from '../context.ts';
import { type AssociateInput, associationInput, startAssociation } from '../license/associate.ts';
import { type RevokeInput, revocationInput, startRevoke } from '../license/revoke.ts';
import { parseInput } from '../parse.ts';

/** What each kind is planned with: the input of its verb. An idempotency key means nothing in a plan. */
export interface PlanInputs {
  ASSOCIATION: AssociateInput;
  REVOCATION: RevokeInput;
}

/** The kinds of plans. */
export type PlanKind = keyof PlanInputs;

/** One kind. */
export interface Planned {
  /** Needed to plan it, and to apply the plan. */
  right: Scope;
  /** The request that is kept. Throws INVALID_INPUT. */
  parse(input: unknown): object;
  /** Does it inside the transaction and gives its task. */
  start(context: Context, tx: Tx, request: object): Promise<bigint>;
}

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
};

function withoutKey({ idempotencyKey: _key, ...request }: { idempotencyKey?: unknown }): object {
  return request;
}
