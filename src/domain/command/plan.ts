/** Writes commands to devices down. Nothing is sent here: the driver of the organization's devices does that. @module */
import { ring } from '../../db/notify.ts';
import { ids, json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import { wakeDevices } from './wake.ts';

/** A command to be. */
export interface NewCommand {
  /** The enrollment's row. */
  enrollmentId: bigint;
  request: DeviceRequest;
  /** The operation that it works for. */
  operationId?: bigint | null;
  /** Of an install or removal: the app. A device has at most one open app command for each. */
  appId?: bigint | null;
  /** Of an install or removal: it is sent only while fewer app commands of the device are under way; {@link mostAtOnce} when absent. */
  atOnce?: number;
  /** Not sent before. */
  dueAt: Date;
  /** Given up then, whatever the device does. */
  deadlineAt: Date;
  /** Not sent from then on: it is CANCELLED instead, for the window that it was planned in has closed. */
  notAfter?: Date | null;
}

/** Most app commands that are under way on one device at a time. */
export const mostAtOnce = 5;

/** What became of one. JOINED: the same question waits to be asked already. */
export type Planned =
  | { outcome: 'PLANNED' | 'JOINED'; commandId: bigint }
  /** An app command for the same app is open, whatever waits included. */
  | { outcome: 'APP_BUSY'; commandId: bigint }
  /** The enrollment is gone. */
  | { outcome: 'GONE'; commandId: null };

/** Kinds that change an app. */
export const appKinds = sql`('INSTALL_APP', 'REMOVE_APP')`;
/** Kinds that only ask. */
export const questionKinds = sql`('LIST_INSTALLED_APPS', 'LIST_MANAGED_APPS', 'DEVICE_INFORMATION')`;

const isAppCommand = ({ request }: NewCommand) => request.kind === 'INSTALL_APP' || request.kind === 'REMOVE_APP';

/** Writes commands down and wakes who sends them. Gives what became of each, in order. */
export async function planCommands(context: Context, tx: Tx, commands: readonly NewCommand[]): Promise<Planned[]> {
  if (commands.length === 0) return [];
  const { organizationId } = context.actor;
  const made = await insert(context, tx, commands);
  const rest = commands.flatMap((_command, index) => (made.has(index) ? [] : [index]));
  const known = rest.length === 0 ? new Map<number, bigint>() : await findOpen(context, tx, commands, rest);
  await wakeDevices(tx, organizationId);
  await ring(tx, { organizationId, kind: 'commands' });
  return commands.map((command, index) => {
    const commandId = made.get(index);
    if (commandId !== undefined) return { outcome: 'PLANNED', commandId };
    const open = known.get(index);
    if (open === undefined) return { outcome: 'GONE', commandId: null };
    return { outcome: isAppCommand(command) ? 'APP_BUSY' : 'JOINED', commandId: open };
  });
}

/** The rows of the commands as a table `g`. */
function given(commands: readonly NewCommand[], which: readonly number[]) {
  const rows = which.map((index) => {
    const { enrollmentId, request, operationId, appId, atOnce, dueAt, deadlineAt, notAfter } = commands[index]!;
    const most = isAppCommand(commands[index]!) ? (atOnce ?? mostAtOnce) : null;
    return { index, enrollmentId, request, operationId, appId, most, dueAt, deadlineAt, notAfter };
  });
  return sql`jsonb_to_recordset(${json(rows)}) AS g(index int, "enrollmentId" bigint, request jsonb, "operationId" bigint, "appId" bigint,
    most smallint, "dueAt" timestamptz, "deadlineAt" timestamptz, "notAfter" timestamptz)`;
}

async function insert(context: Context, tx: Tx, commands: readonly NewCommand[]): Promise<Map<number, bigint>> {
  const now = moment(context.clock.now());
  const all = commands.map((_command, index) => index);
  // The id is drawn beforehand: which input a returned row stands for could not be said otherwise.
  const rows = await tx.$queryRaw<{ index: number; id: bigint }[]>(sql`
    WITH given AS MATERIALIZED (
      SELECT g.*, nextval('device_command_id_seq') AS id, e.connection_id, e.generation, e.device_id FROM ${given(commands, all)}
      JOIN enrollment e ON e.organization_id = ${context.actor.organizationId} AND e.id = g."enrollmentId" AND e.state <> 'GONE'
    ), made AS (
      INSERT INTO device_command (organization_id, id, connection_id, enrollment_id, generation, device_id, kind, request, operation_id, app_id,
        at_once, due_at, deadline_at, not_after, created_at)
      SELECT ${context.actor.organizationId}, id, connection_id, "enrollmentId", generation, device_id, (request ->> 'kind')::"DeviceCommandKind",
        request, "operationId", "appId", most, "dueAt", "deadlineAt", "notAfter", ${now}
      FROM given ORDER BY index ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT g.index, m.id FROM made m JOIN given g ON g.id = m.id`);
  return new Map(rows.map((row) => [row.index, row.id]));
}

/** The open commands that stood in the way. Questions among them are asked as soon as the newer one wanted, and wait as long. */
async function findOpen(
  context: Context,
  tx: Tx,
  commands: readonly NewCommand[],
  which: readonly number[],
): Promise<Map<number, bigint>> {
  const rows = await tx.$queryRaw<{ index: number; id: bigint }[]>(sql`
    SELECT DISTINCT ON (g.index) g.index, c.id FROM ${given(commands, which)}
    JOIN device_command c ON c.organization_id = ${context.actor.organizationId} AND c.enrollment_id = g."enrollmentId" AND c.ended_at IS NULL
      AND CASE WHEN c.kind IN ${appKinds} THEN c.app_id = g."appId" AND g.request ->> 'kind' IN ${appKinds}
               ELSE c.state = 'PLANNED' AND c.request = g.request END
    ORDER BY g.index, c.id`);
  const found = new Map(rows.map((row) => [row.index, row.id]));
  const joined = rows.filter(({ index }) => !isAppCommand(commands[index]!));
  if (joined.length > 0)
    await tx.$executeRaw(sql`
      UPDATE device_command c SET due_at = least(c.due_at, o.due), deadline_at = greatest(c.deadline_at, o.deadline) FROM (
        SELECT i.id, min(g."dueAt") AS due, max(g."deadlineAt") AS deadline
        FROM ${given(
          commands,
          joined.map((row) => row.index),
        )} JOIN unnest(${joined.map((row) => row.index)}::int[], ${ids(joined.map((row) => row.id))}) AS i(index, id) USING (index)
        GROUP BY i.id ORDER BY i.id
      ) o WHERE c.organization_id = ${context.actor.organizationId} AND c.id = o.id AND c.state = 'PLANNED'`);
  return found;
}
