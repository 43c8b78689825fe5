import type { Tx } from '../../db/transaction.ts';
import type { Scope } from '../actor.ts';
import type { Context } from '../context.ts';
import type { Seen } from './look.ts';

/** What a plan started. */
export interface StartedPlan {
  /** Null when it is done with the transaction. */
  taskId: bigint | null;
  /** The installs that follow it; null where none do. */
  installsTaskId: bigint | null;
}

/** One kind of plan: how its request is read, done and looked at. */
export interface Planned {
  /** Needed to plan it, and to apply the plan. */
  right: Scope;
  /** The request that is kept. Throws INVALID_INPUT. */
  parse(input: unknown): object;
  /** Does it inside the transaction and gives its tasks. */
  start(context: Context, tx: Tx, request: object): Promise<StartedPlan>;
  /** Sees beforehand what the task will do by and by; absent where the task shows it at once. */
  survey?(context: Context, tx: Tx, request: object): Promise<Seen>;
  /** What follows the transaction. */
  after?(context: Context, request: object, taskId: bigint | null): Promise<void>;
}
