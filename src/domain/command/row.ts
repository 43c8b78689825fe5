/** Commands to devices, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import type { DeviceCommandState } from '../../generated/prisma/enums.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import type { DeviceError, DeviceRequestKind } from '../mdm-ports.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';

/** One command. */
export interface CommandRow {
  id: bigint;
  kind: DeviceRequestKind;
  state: DeviceCommandState;
  appId: bigint | null;
  uuid: string | null;
  sends: number;
  createdAt: Date;
  sentAt: Date | null;
  dueAt: Date | null;
  deadlineAt: Date;
  notNows: number;
  notNowAt: Date | null;
  endedAt: Date | null;
  answer: CommandAnswer | null;
}

/** What is kept of an answer. */
export interface CommandAnswer {
  errors?: DeviceError[];
  app?: { state: string | null; rejectionReason: string | null };
  /** Of an invitation: what became of showing it. */
  invitation?: string;
  /** Why the MDM server did not take it. */
  refusal?: string;
}

/** Columns of a {@link CommandRow}, of command `c`. */
export const commandColumns = sql`c.id, c.kind::text AS kind, c.state::text AS state, c.app_id AS "appId", c.uuid::text AS uuid, c.sends,
  c.created_at AS "createdAt", c.sent_at AS "sentAt", c.due_at AS "dueAt", c.deadline_at AS "deadlineAt", c.not_nows AS "notNows",
  c.not_now_at AS "notNowAt", c.ended_at AS "endedAt", c.answer`;

/** The same page of the commands of each device, oldest first, in one statement; only those in `states`, unless null. */
export async function listCommandsOf(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
  window: IdWindow,
  states: readonly DeviceCommandState[] | null,
): Promise<Map<bigint, CommandRow[]>> {
  const rows = await reader.rows<CommandRow & Owned>(sql`
    SELECT o.id AS "ownerId", ${commandColumns}
    FROM unnest(${ids(deviceIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM device_command n WHERE n.organization_id = ${organizationId} AND n.device_id = o.id
        ${among(states)} ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) c ORDER BY c.id`);
  return byOwner(rows);
}

/** How many each device has, in these states. */
export async function countCommandsOf(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
  states: readonly DeviceCommandState[] | null,
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT n.device_id AS "ownerId", count(*) AS count FROM device_command n
    WHERE n.organization_id = ${organizationId} AND n.device_id = ANY (${ids(deviceIds)}) ${among(states)} GROUP BY 1`);
  return countsByOwner(rows);
}

const among = (states: readonly DeviceCommandState[] | null): Sql =>
  states === null ? nothing : sql`AND n.state = ANY (${texts(states)}::"DeviceCommandState"[])`;
