/** Brings what was told of enrollments into their rows, set-wise. Called by the holder of the connection's claim alone. @module */
import { json, moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { EnrollmentState } from '../../generated/prisma/enums.ts';
import type { ConnectionClaim } from '../command/claim.ts';
import type { Context } from '../context.ts';
import type { DeviceFacts } from '../mdm-ports.ts';
import { type DatedNews, type FactTimes, factsOf, fold, type Known, queueLostAt, stateOf, unknown } from './fold.ts';
import { joinDevices } from './join-devices.ts';
import { forgetApps } from './let-go.ts';
import type { Merged, MergedEnrollments } from './merged.ts';
import { jitter } from './schedule.ts';

interface Row {
  id: bigint;
  enrollmentId: string;
  state: EnrollmentState;
  deviceId: bigint | null;
  known: Known;
}

/** Merges all messages of a block. Gives the enrollments by the id that the MDM server calls them by. */
export async function mergeEnrollments(
  context: Context,
  tx: Tx,
  claim: ConnectionClaim,
  told: ReadonlyMap<string, readonly DatedNews[]>,
): Promise<MergedEnrollments> {
  const rows = await readRows(tx, claim, [...told.keys()].sort());
  const merged = new Map<string, Merged>();
  const folded = [...told].map(([enrollmentId, news]) => {
    const row = rows.get(enrollmentId);
    const before = row?.known ?? unknown(news[0]!.news.type);
    const known = fold(before, news);
    const lost = queueLostAt(known);
    const anew = row !== undefined && lost !== null && lost !== queueLostAt(before);
    const tells =
      !row || row.deviceId === null || row.state === 'GONE' || news.some((one) => factsOf(one.news) !== null);
    return { enrollmentId, row, known, tells, state: stateOf(known), anew, lostAt: anew ? new Date(lost) : null };
  });
  const written = await write(context, tx, claim, folded);
  for (const { enrollmentId, row, known, state, lostAt, tells } of folded) {
    const id = row?.id ?? written.get(enrollmentId)!;
    const returns = row?.state === 'GONE' && state !== 'GONE';
    merged.set(enrollmentId, {
      id,
      enrollmentId,
      deviceId: returns ? null : (row?.deviceId ?? null),
      state,
      before: row?.state ?? null,
      lostAt,
      known,
      tells,
    });
  }
  const gaveWay = await joinDevices(context, tx, claim, [...merged.values()]);
  const left = folded.filter(({ row, known, state }) => row && state !== 'GONE' && saidGoodbye(row.known, known));
  await forgetApps(
    tx,
    claim.organizationId,
    left.map(({ row }) => row!.id),
  );
  return { byName: merged, gaveWay };
}

/** It left and was back before Russet heard of either. */
const saidGoodbye = (before: Known, known: Known) => known.checkedOutAt !== before.checkedOutAt;

async function readRows(
  tx: Tx,
  { organizationId, connectionId }: ConnectionClaim,
  names: readonly string[],
): Promise<Map<string, Row>> {
  const rows = await tx.$queryRaw<
    (Omit<Row, 'known'> &
      Record<string, unknown> & { type: 'DEVICE' | 'USER'; facts: DeviceFacts; toldAt: FactTimes })[]
  >(sql`
    SELECT e.id, e.enrollment_id AS "enrollmentId", e.state::text AS state, e.device_id AS "deviceId", e.type::text AS type,
      e.authenticated_at AS "authenticatedAt", e.enrolled_at AS "enrolledAt", e.reachable_at AS "reachableAt",
      e.checked_out_at AS "checkedOutAt", e.last_seen_at AS "seenAt", e.informed_at AS "informedAt", e.told_at AS "toldAt",
      jsonb_strip_nulls(jsonb_build_object('serialNumber', d.serial_number, 'awaitingConfiguration', e.awaiting_configuration,
        'timeZone', e.time_zone, 'storeAccountHash', e.store_account_hash, 'storeAccountActive', e.store_account_active)) AS facts
    FROM enrollment e LEFT JOIN device d ON d.organization_id = e.organization_id AND d.id = e.device_id
    WHERE e.organization_id = ${organizationId} AND e.connection_id = ${connectionId} AND e.enrollment_id = ANY (${texts(names)})
    ORDER BY e.id FOR NO KEY UPDATE OF e`);
  const millis = (value: unknown) => (value as Date | null)?.getTime() ?? null;
  return new Map(
    rows.map(({ id, enrollmentId, state, deviceId, type, facts, toldAt, ...times }) => [
      enrollmentId,
      {
        id,
        enrollmentId,
        state,
        deviceId,
        known: {
          type,
          facts,
          toldAt,
          authenticatedAt: millis(times.authenticatedAt),
          enrolledAt: millis(times.enrolledAt),
          reachableAt: millis(times.reachableAt),
          checkedOutAt: millis(times.checkedOutAt),
          seenAt: millis(times.seenAt),
          informedAt: millis(times.informedAt),
        },
      },
    ]),
  );
}

/** Questions to an enrollment that is new, or began anew, are spread over this many milliseconds. */
const firstQuestions = 60_000;

async function write(
  context: Context,
  tx: Tx,
  { organizationId, connectionId }: ConnectionClaim,
  folded: readonly {
    enrollmentId: string;
    known: Known;
    state: EnrollmentState;
    anew: boolean;
    row: Row | undefined;
  }[],
): Promise<Map<string, bigint>> {
  const now = context.clock.now();
  const iso = (millis: number | null) => (millis === null ? null : new Date(millis).toISOString());
  const items = folded.map(({ enrollmentId, known, state, anew, row }) => ({
    name: enrollmentId,
    type: known.type,
    state,
    again: anew,
    ask: known.type === 'DEVICE' && state === 'ENROLLED' && (row === undefined || anew || row.state !== 'ENROLLED'),
    gone: state === 'GONE' ? iso(known.checkedOutAt) : null,
    authenticated: iso(known.authenticatedAt),
    enrolled: iso(known.enrolledAt),
    reachable: iso(known.reachableAt),
    out: iso(known.checkedOutAt),
    // A sign of life of any kind is one; the state tells them apart by their own columns.
    seen: iso(known.seenAt),
    informed: iso(known.informedAt),
    told: known.toldAt,
    waiting: known.facts.awaitingConfiguration ?? null,
    zone: known.facts.timeZone ?? null,
    account: known.facts.storeAccountHash ?? null,
    active: known.facts.storeAccountActive ?? null,
  }));
  const at = moment(now);
  const spread = sql`make_interval(secs => ${firstQuestions / 1000}::float8 * ${jitter(sql`hashtext(n.name)`)})`;
  const due = sql`${at} + ${spread}`;
  const firstDue = sql`CASE WHEN n.ask THEN ${due} END`;
  const rows = await tx.$queryRaw<{ id: bigint; name: string }[]>(sql`
    WITH n AS (
      SELECT * FROM jsonb_to_recordset(${json(items)}) AS n(name text, type text, state text, again boolean, ask boolean, gone timestamptz,
        authenticated timestamptz, enrolled timestamptz, reachable timestamptz, out timestamptz, seen timestamptz, informed timestamptz, told jsonb,
        waiting boolean, zone text, account text, active boolean)
    ), known AS (
      UPDATE enrollment e SET state = n.state::"EnrollmentState", generation = e.generation + n.again::int, gone_at = n.gone,
        device_id = CASE WHEN e.state = 'GONE' AND n.state <> 'GONE' THEN NULL ELSE e.device_id END,
        authenticated_at = n.authenticated, enrolled_at = n.enrolled, reachable_at = n.reachable, checked_out_at = n.out, last_seen_at = n.seen,
        informed_at = n.informed, told_at = n.told, awaiting_configuration = n.waiting, time_zone = n.zone, store_account_hash = n.account, store_account_active = n.active,
        information_due_at = CASE WHEN n.ask THEN ${due} WHEN n.state = 'GONE' THEN NULL ELSE e.information_due_at END,
        list_due_at = CASE WHEN n.ask THEN ${due} WHEN n.state = 'GONE' THEN NULL ELSE e.list_due_at END
      FROM n WHERE e.organization_id = ${organizationId} AND e.connection_id = ${connectionId} AND e.enrollment_id = n.name
      RETURNING e.id, e.enrollment_id AS name
    ), made AS (
      INSERT INTO enrollment AS e (organization_id, connection_id, enrollment_id, type, state, gone_at, authenticated_at, enrolled_at, reachable_at, checked_out_at,
        last_seen_at, informed_at, told_at, awaiting_configuration, time_zone, store_account_hash, store_account_active, information_due_at, list_due_at)
      SELECT ${organizationId}, ${connectionId}, n.name, n.type::"EnrollmentType", n.state::"EnrollmentState", n.gone, n.authenticated, n.enrolled, n.reachable,
        n.out, n.seen, n.informed, n.told, n.waiting, n.zone, n.account, n.active, ${firstDue}, ${firstDue}
      FROM n WHERE NOT EXISTS (SELECT 1 FROM enrollment k WHERE k.organization_id = ${organizationId} AND k.connection_id = ${connectionId} AND k.enrollment_id = n.name)
      ORDER BY n.name RETURNING e.id, e.enrollment_id AS name
    )
    SELECT id, name FROM known UNION ALL SELECT id, name FROM made`);
  return new Map(rows.map((row) => [row.name, row.id]));
}
