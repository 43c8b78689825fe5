/** Ends commands. Whatever ends one goes through here, so that its device is free for the next and its planner is told. @module */
import { ids, json, moment, nothing, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { askForApps, askWhat, jitter } from '../enrollment/schedule.ts';
import type { DeviceRequest, DeviceRequestKind, DeviceResult } from '../mdm-ports.ts';
import type { EndedCommand, EndState } from './ended.ts';
import { unpark } from './wake.ts';

/** What is said of one command. */
export interface Verdict {
  commandId: bigint;
  state: EndState;
  result?: DeviceResult | null;
  /** Why the MDM server, or whoever leased it, did not take it, or forgot it. */
  refusal?: string | null;
  at: Date;
}

/** Milliseconds from the end of an app command to the question how it stands now. */
const lookAfter = 15_000;

interface Row {
  id: bigint;
  enrollmentId: bigint;
  deviceId: bigint | null;
  operationId: bigint | null;
  appId: bigint | null;
  kind: DeviceRequestKind;
  request: DeviceRequest;
  late: boolean;
}

/**
 * Ends these commands; ones that have ended stay as they are, but for an answer to one that was given up. Each command
 * is named once. Gives those that changed.
 */
export async function endCommands(context: Context, tx: Tx, verdicts: readonly Verdict[]): Promise<EndedCommand[]> {
  if (verdicts.length === 0) return [];
  const { organizationId } = context.actor;
  const items = verdicts.map(({ commandId, state, result, refusal, at }) => ({
    id: commandId,
    state,
    at,
    answer: answerOf(result ?? null, refusal ?? null),
  }));
  const rows = await tx.$queryRaw<Row[]>(sql`
    WITH v AS (
      SELECT * FROM jsonb_to_recordset(${json(items)}) AS v(id bigint, state text, at timestamptz, answer jsonb)
    ), before AS MATERIALIZED (
      SELECT c.id, c.ended_at IS NOT NULL AS late FROM device_command c
      WHERE c.organization_id = ${organizationId} AND c.id = ANY (${ids(verdicts.map((verdict) => verdict.commandId))})
      ORDER BY c.id FOR NO KEY UPDATE
    )
    UPDATE device_command c SET state = v.state::"DeviceCommandState", ended_at = coalesce(c.ended_at, v.at), answer = v.answer, due_at = NULL, leased_until = NULL, forgotten_at = NULL
    FROM v JOIN before b ON b.id = v.id
    WHERE c.organization_id = ${organizationId} AND c.id = v.id
      AND (NOT b.late OR (c.state IN ('TIMED_OUT', 'LOST') AND v.state IN ('ACKNOWLEDGED', 'FAILED', 'MALFORMED')))
    RETURNING c.id, c.enrollment_id AS "enrollmentId", c.device_id AS "deviceId", c.operation_id AS "operationId", c.app_id AS "appId",
      c.kind::text AS kind, c.request, b.late`);
  const byId = new Map(verdicts.map((verdict) => [verdict.commandId, verdict]));
  const ended = rows.map((row): EndedCommand => {
    const { state, result, refusal, at } = byId.get(row.id)!;
    return { ...row, state, result: result ?? null, refusal: refusal ?? null, at };
  });
  await followUp(context, tx, ended);
  return ended;
}

/** What is kept of an answer: app lists and facts have rows of their own. */
function answerOf(result: DeviceResult | null, refusal: string | null): object | null {
  if (refusal !== null) return { refusal };
  if (!result) return null;
  const { errors, app, invitation } = result;
  return { errors, ...(app && { app }), ...(invitation !== undefined && { invitation }) };
}

const isApp = ({ kind }: EndedCommand) => kind === 'INSTALL_APP' || kind === 'REMOVE_APP';

async function followUp(context: Context, tx: Tx, ended: readonly EndedCommand[]): Promise<void> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const apps = ended.filter(isApp).map((one) => one.enrollmentId);
  await unpark(tx, organizationId, [...new Set(apps)], now);
  const answered = ended.filter((one) => isApp(one) && (one.state === 'ACKNOWLEDGED' || one.state === 'FAILED'));
  await askForApps(
    tx,
    organizationId,
    answered.map((one) => one.enrollmentId),
    new Date(now.getTime() + lookAfter),
  );
  await askAgain(context, tx, ended, 'LIST_INSTALLED_APPS', sql`list_due_at`, context.settings.inventoryEvery);
  await askAgain(context, tx, ended, 'DEVICE_INFORMATION', sql`information_due_at`, context.settings.informationEvery);
  const forgotten = ended.filter(({ state, refusal }) => state === 'LOST' && refusal !== null);
  const asked = (kinds: readonly DeviceRequestKind[]) =>
    forgotten.filter(({ kind }) => kinds.includes(kind)).map(({ enrollmentId }) => enrollmentId);
  await askForApps(tx, organizationId, asked(['LIST_INSTALLED_APPS', 'LIST_MANAGED_APPS']), now);
  await askWhat(tx, organizationId, asked(['DEVICE_INFORMATION']), now);
}

/** A question that ended, however, is asked again after its time; nobody is asked twice at once. */
async function askAgain(
  context: Context,
  tx: Tx,
  ended: readonly EndedCommand[],
  kind: DeviceRequestKind,
  column: Sql,
  every: number,
): Promise<void> {
  const done = ended.filter(
    (one) => one.kind === kind && !('bundleIds' in one.request && one.request.bundleIds !== null),
  );
  if (done.length === 0) return;
  const now = moment(context.clock.now());
  const seed = sql`e.id * 31 + extract(epoch FROM ${now})::bigint`;
  await tx.$executeRaw(sql`
    UPDATE enrollment e SET ${column} = ${now} + make_interval(secs => ${every / 1000}::float8 * (0.75 + 0.5 * ${jitter(seed)})) FROM (
      SELECT id FROM enrollment WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids([...new Set(done.map((one) => one.enrollmentId))])})
        AND state = 'ENROLLED' AND ${column} IS NULL
      ORDER BY id FOR NO KEY UPDATE
    ) o WHERE e.organization_id = ${context.actor.organizationId} AND e.id = o.id`);
}

/** Ends every open command that a condition on `c` names, without an answer; the condition holds under their locks. */
export async function endOpen(
  context: Context,
  tx: Tx,
  where: Sql,
  state: (command: { sent: boolean }) => EndState,
  limit: number | null = null,
  refusal: string | null = null,
): Promise<EndedCommand[]> {
  const rows = await tx.$queryRaw<{ id: bigint; sent: boolean }[]>(sql`
    SELECT c.id, c.state <> 'PLANNED' AS sent FROM device_command c
    WHERE c.organization_id = ${context.actor.organizationId} AND c.ended_at IS NULL AND (${where})
    ORDER BY c.id ${limit === null ? nothing : sql`LIMIT ${limit}`} FOR NO KEY UPDATE OF c`);
  const at = context.clock.now();
  return endCommands(
    context,
    tx,
    rows.map(({ id, sent }) => ({ commandId: id, state: state({ sent }), refusal, at })),
  );
}

/** A command that an answer names. */
export interface Answered {
  id: bigint;
  /** When the device answered it before; null when it did not. */
  answeredAt: Date | null;
}

/** The commands that answers name, by CommandUUID and enrollment; what names none of ours is left out. */
export async function findAnswered(
  tx: Tx,
  organizationId: bigint,
  named: readonly { uuid: string; enrollmentId: bigint }[],
): Promise<Map<string, Answered>> {
  const ours = named.filter(({ uuid }) => isUuid(uuid));
  if (ours.length === 0) return new Map();
  const rows = await tx.$queryRaw<(Answered & { uuid: string; enrollmentId: bigint })[]>(sql`
    SELECT c.id, c.uuid::text AS uuid, c.enrollment_id AS "enrollmentId",
      CASE WHEN c.state IN ('ACKNOWLEDGED', 'FAILED', 'MALFORMED') THEN c.ended_at END AS "answeredAt"
    FROM unnest(${texts(ours.map((one) => one.uuid))}::uuid[], ${ids(ours.map((one) => one.enrollmentId))}) AS n(uuid, enrollment_id)
    JOIN device_command c ON c.organization_id = ${organizationId} AND c.uuid = n.uuid AND c.enrollment_id = n.enrollment_id`);
  return new Map(rows.map((row) => [answerKey(row), row]));
}

/** How an answer names its command. */
export const answerKey = ({ uuid, enrollmentId }: { uuid: string; enrollmentId: bigint }) =>
  `${uuid.toLowerCase()} ${enrollmentId}`;

const isUuid = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** Takes back what was not sent. Gives how many; what has left can't be taken back. */
export async function cancelCommands(context: Context, tx: Tx, commandIds: readonly bigint[]): Promise<EndedCommand[]> {
  return endOpen(context, tx, sql`c.id = ANY (${ids(commandIds)}) AND c.state = 'PLANNED'`, () => 'CANCELLED');
}
