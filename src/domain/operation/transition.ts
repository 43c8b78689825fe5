/**
 * The one way in which operations change their state: set-wise, from the states that the rule allows. Locks operations only,
 * in the order of their ids; they come behind licenses and commands, and before jobs.
 * @module
 */
import { ids, json, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { AppOperationKind, AppOperationState } from '../../generated/prisma/enums.ts';
import type { Move } from './after-answer.ts';
import { endsOperation, type OperationRule, operationRules } from './rules.ts';

/** An operation that was moved. */
export interface MovedOperation {
  id: bigint;
  kind: AppOperationKind;
  state: AppOperationState;
  deviceId: bigint;
}

/** Locks the operations that `which` names as `o`, in the order of their ids. */
export async function lockOperations(tx: Tx, organizationId: bigint, which: Sql): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM app_operation o WHERE o.organization_id = ${organizationId} AND (${which}) ORDER BY o.id FOR NO KEY UPDATE`);
}

/** Does the steps; operations in another state than the rule's are passed over. */
export async function moveOperations(
  tx: Tx,
  organizationId: bigint,
  moves: readonly Move[],
  now: Date,
): Promise<MovedOperation[]> {
  if (moves.length === 0) return [];
  await lockOperations(tx, organizationId, sql`o.id = ANY (${ids(moves.map((move) => move.id))})`);
  return tx.$queryRaw<MovedOperation[]>(sql`
    UPDATE app_operation o SET state = m.state::"AppOperationState", changed_at = ${moment(now)}, due_at = m.due, deadline_at = m.deadline,
      cause = CASE WHEN m.told THEN m.cause ELSE o.cause END, take_over = o.take_over OR m.take_over,
      command_id = coalesce(m.command, o.command_id), attempts = o.attempts + (m.command IS NOT NULL)::int,
      ended_at = CASE WHEN m.ends THEN ${moment(now)} END
    FROM jsonb_to_recordset(${json(moves.map(asRow))}) AS m(id bigint, state text, froms text[], kinds text[], ends boolean, told boolean,
      cause jsonb, due timestamptz, deadline timestamptz, take_over boolean, command bigint)
    WHERE o.organization_id = ${organizationId} AND o.id = m.id AND o.state::text = ANY (m.froms)
      AND (m.kinds IS NULL OR o.kind::text = ANY (m.kinds))
    RETURNING o.id, o.kind::text AS kind, o.state::text AS state, o.device_id AS "deviceId"`);
}

function asRow({ id, step, cause, dueAt, deadlineAt, takeOver, commandId }: Move) {
  const rule: OperationRule = operationRules[step];
  return {
    id,
    state: rule.to,
    froms: rule.from,
    kinds: rule.kinds ?? null,
    ends: endsOperation(step),
    told: cause !== undefined || step === 'CONFIRM',
    cause: cause ?? null,
    due: dueAt ?? null,
    deadline: deadlineAt ?? null,
    take_over: takeOver ?? false,
    command: commandId ?? null,
  };
}
