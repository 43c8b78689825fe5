import { ids, json, moment, sql, type Tx } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';
import { InstallationNotConfirmedError } from '../errors.ts';
import { markerState } from '../installation/marker.ts';
import { writeTaskEvent } from './events.ts';

/** The kinds of background work. */
export type TaskKind =
  | 'SYNC'
  | 'ASSOCIATE'
  | 'REVOKE'
  | 'REMOVE_TOKEN'
  | 'CREATE_USERS'
  | 'UPDATE_USERS'
  | 'RETIRE_USERS'
  | 'ASSIGN_SEATS'
  | 'REMOVE_SEATS'
  | 'INSTALL'
  | 'UPDATE'
  | 'REMOVE_APPS';

/** A task to be. */
export interface NewTask {
  kind: TaskKind;
  /** How many items it is about; 0 while that is not known. */
  requested: number;
  tokenIds: readonly bigint[];
  /** What was asked, where the work needs it again. */
  request?: unknown;
  retryOf?: bigint;
  /** False for one that reserves its licenses later, in blocks. */
  reservedAll?: boolean;
  /** When a job of its own has something to do; absent when the tokens' writers carry it. */
  dueAt?: Date;
}

/**
 * Inserts the task, QUEUED. Its first event is written by {@link announceTask} at the end of the transaction.
 * Throws INSTALLATION_NOT_CONFIRMED when somebody asks for a write and the database is another installation's.
 */
export async function startTask(context: Context, tx: Tx, task: NewTask): Promise<bigint> {
  const organizationId = context.actor.organizationId;
  const [row] = await tx.$queryRaw<{ id: bigint; marker: string | null }[]>(sql`
    INSERT INTO task (organization_id, kind, requested, request, actor, correlation_id, retry_of, reserved_all, due_at, created_at)
    VALUES (${organizationId}, ${task.kind}::"TaskKind", ${task.requested}, ${task.request === undefined ? sql`NULL` : json(task.request)},
            ${actorLabel(context.actor)}, ${context.correlationId}, ${task.retryOf ?? null}, ${task.reservedAll ?? true},
            ${moment(task.dueAt ?? null)}, ${moment(context.clock.now())})
    RETURNING id, (SELECT marker FROM installation WHERE installation.id = 1) AS marker`);
  const foreign = markerState(row!.marker, context.settings.installationId) === 'FOREIGN';
  // People are told at once; what Russet begins by itself waits for them.
  if (foreign && task.kind !== 'SYNC' && context.actor.kind === 'API_KEY') throw new InstallationNotConfirmedError();
  const taskId = row!.id;
  await addTaskTokens(
    tx,
    organizationId,
    task.tokenIds.map((tokenId) => ({ taskId, tokenId })),
  );
  return taskId;
}

/** Ties tokens to tasks; ones that are tied already stay. */
export async function addTaskTokens(
  tx: Tx,
  organizationId: bigint,
  ties: readonly { taskId: bigint; tokenId: bigint }[],
): Promise<void> {
  const distinct = [...new Map(ties.map((tie) => [`${tie.taskId}:${tie.tokenId}`, tie])).values()];
  if (distinct.length === 0) return;
  await tx.$executeRaw(sql`
    INSERT INTO task_token (organization_id, task_id, token_id)
    SELECT ${organizationId}, k.task_id, k.token_id
    FROM unnest(${ids(distinct.map((tie) => tie.taskId))}, ${ids(distinct.map((tie) => tie.tokenId))}) AS k(task_id, token_id)
    ON CONFLICT DO NOTHING`);
}

/** Tells that the task exists. */
export function announceTask(context: Context, tx: Tx, taskId: bigint): Promise<void> {
  return writeTaskEvent(tx, { organizationId: context.actor.organizationId, taskId }, context.clock.now());
}
