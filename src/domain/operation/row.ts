/** Operations on apps, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import type { AppOperationKind, AppOperationState } from '../../generated/prisma/enums.ts';
import { type CommandRow, commandColumns } from '../command/row.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import type { OperationCause } from './cause.ts';

/** One operation. */
export interface OperationRow {
  id: bigint;
  kind: AppOperationKind;
  state: AppOperationState;
  taskId: bigint;
  deviceId: bigint;
  appId: bigint;
  licenseId: bigint | null;
  releaseLicense: boolean;
  attempts: number;
  takeOver: boolean;
  targetVersion: string | null;
  versionBefore: string | null;
  dueAt: Date | null;
  deadlineAt: Date | null;
  notAfter: Date | null;
  cause: OperationCause | null;
  createdAt: Date;
  changedAt: Date;
  endedAt: Date | null;
}

/** Whose operations. */
export type OperationOwner = 'device' | 'app' | 'task';

const columns = sql`p.id, p.kind::text AS kind, p.state::text AS state, p.task_id AS "taskId", p.device_id AS "deviceId", p.app_id AS "appId",
  p.license_id AS "licenseId", p.release_license AS "releaseLicense", p.attempts, p.take_over AS "takeOver", p.target_version AS "targetVersion",
  p.version_before AS "versionBefore", p.due_at AS "dueAt", p.deadline_at AS "deadlineAt", p.not_after AS "notAfter", p.cause,
  p.created_at AS "createdAt", p.changed_at AS "changedAt", p.ended_at AS "endedAt"`;

/** A command of operation `o` left for its device: an attempt that was taken back before was none. */
export const wasTold: Sql = sql`EXISTS (SELECT 1 FROM device_command c
  WHERE c.organization_id = o.organization_id AND c.operation_id = o.id AND c.sent_at IS NOT NULL)`;

const owners: Record<OperationOwner, Sql> = {
  device: sql`n.device_id`,
  app: sql`n.app_id`,
  task: sql`n.task_id`,
};

/** The operations with these ids. */
export function readOperations(
  reader: Rows,
  organizationId: bigint,
  operationIds: readonly bigint[],
): Promise<OperationRow[]> {
  return reader.rows<OperationRow>(sql`
    SELECT ${columns} FROM app_operation p WHERE p.organization_id = ${organizationId} AND p.id = ANY (${ids(operationIds)})`);
}

/** The same page of the operations of each owner, oldest first, in one statement; only those in `states`, unless null. */
export async function listOperationsOf(
  reader: Rows,
  organizationId: bigint,
  owner: OperationOwner,
  ownerIds: readonly bigint[],
  window: IdWindow,
  states: readonly AppOperationState[] | null,
): Promise<Map<bigint, OperationRow[]>> {
  const rows = await reader.rows<OperationRow & Owned>(sql`
    SELECT o.id AS "ownerId", ${columns} FROM unnest(${ids(ownerIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM app_operation n WHERE n.organization_id = ${organizationId} AND ${owners[owner]} = o.id
        ${among(states)} ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) p ORDER BY p.id`);
  return byOwner(rows);
}

/** How many each owner has, in these states. */
export async function countOperationsOf(
  reader: Rows,
  organizationId: bigint,
  owner: OperationOwner,
  ownerIds: readonly bigint[],
  states: readonly AppOperationState[] | null,
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT ${owners[owner]} AS "ownerId", count(*) AS count FROM app_operation n
    WHERE n.organization_id = ${organizationId} AND ${owners[owner]} = ANY (${ids(ownerIds)}) ${among(states)} GROUP BY 1`);
  return countsByOwner(rows);
}

// No index of its own, which every step of every operation would pay for: the 10 that failed of a task's 100,000 are found in 16 ms.
const among = (states: readonly AppOperationState[] | null): Sql =>
  states === null ? nothing : sql`AND n.state = ANY (${texts(states)}::"AppOperationState"[])`;

/** The commands that were made for each operation, oldest first: its history. */
export async function listCommandsOfOperations(
  reader: Rows,
  organizationId: bigint,
  operationIds: readonly bigint[],
): Promise<(CommandRow & { operationId: bigint })[]> {
  return reader.rows<CommandRow & { operationId: bigint }>(sql`
    SELECT c.operation_id AS "operationId", ${commandColumns} FROM device_command c
    WHERE c.organization_id = ${organizationId} AND c.operation_id = ANY (${ids(operationIds)}) ORDER BY c.id`);
}
