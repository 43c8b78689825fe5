import { moment, nothing, type Sql, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { refusalHolds, wantedPairs } from '../deployment/wanted.ts';
import { type Family, storePlatformOf } from '../device/eligibility.ts';
import { NotFoundError } from '../errors.ts';
import { judgeDevice } from '../license/judge.ts';
import { dataOf } from '../license/refusals.ts';
import { resolveDevices } from '../license/world.ts';
import { type AvailabilityRow, availabilityColumns } from '../update/availability.ts';
import type { ExplainFacts } from './facts.ts';
import { type Explained, explainFacts } from './rules.ts';

/** Which pair. */
export interface ExplainInput {
  deviceId: bigint;
  appId: bigint;
}

/** An explanation with what it is about. */
export type Explanation = Explained & ExplainInput & { at: Date };

/** Why an app is on a device, or is not (F4). Throws NOT_FOUND. */
export function explain(context: Context, pair: ExplainInput): Promise<Explanation> {
  requireRight(context, 'licenses:read');
  requireRight(context, 'devices:read');
  return transaction(context, async (tx) => {
    const facts = await readFacts(context, tx, pair);
    return { ...explainFacts(facts), ...pair, at: facts.now };
  });
}

async function readFacts(context: Context, tx: Tx, { deviceId, appId }: ExplainInput): Promise<ExplainFacts> {
  const { organizationId } = context.actor;
  const { devices } = await resolveDevices(context, tx, { deviceIds: [deviceId] });
  const [device] = devices;
  if (!device) throw new NotFoundError('device', [String(deviceId)], ['deviceId']);
  const judged = (await judgeDevice(context, tx, device, [appId])).get(appId)!;
  const { error } = judged;
  const pair = sql`organization_id = ${organizationId} AND device_id = ${deviceId} AND app_id = ${appId}`;
  const one = async <Row>(rows: Promise<Row[]>): Promise<Row | null> => (await rows)[0] ?? null;
  const wanted = wantedPairs(organizationId, [appId], { after: deviceId - 1n, to: deviceId });
  const deployment = await one(
    tx.$queryRaw<{ mode: string }[]>(sql`
      SELECT w.mode::text AS mode FROM (${wanted}) w`),
  );
  const refusal = await one(
    tx.$queryRaw<{ code: string; message: string; retryAt: Date }[]>(sql`
      SELECT r.code, r.message, r.retry_at AS "retryAt" FROM (${wanted}) w
      JOIN deployment_refusal r ON r.organization_id = ${organizationId} AND r.app_id = w.app_id AND r.device_id = w.device_id
      WHERE ${refusalHolds(moment(context.clock.now()))}`),
  );
  return {
    now: context.clock.now(),
    osVersion: device.osVersion,
    family: device.family,
    ...(await readStore(tx, organizationId, appId, device)),
    license: await one(
      tx.$queryRaw<NonNullable<ExplainFacts['license']>[]>(sql`
        SELECT state::text AS state, started_at AS "startedAt", ended_at AS "endedAt", end_reason AS "endReason" FROM license
        WHERE ${pair} ORDER BY ended_at IS NULL DESC, id DESC LIMIT 1`),
    ),
    refusal:
      error && error.code !== 'ALREADY_LICENSED' && error.code !== 'ALREADY_WAITING'
        ? {
            code: error.code,
            message: error.message.replace(/ ?Nothing was associated\./, ''),
            evidence: evidenceOf(dataOf(error)),
          }
        : null,
    wait: await one(
      tx.$queryRaw<NonNullable<ExplainFacts['wait']>[]>(sql`
        SELECT (SELECT count(*)::int FROM license_wait b WHERE b.organization_id = ${organizationId} AND b.app_id = w.app_id
            AND (b.priority > w.priority OR (b.priority = w.priority AND b.id <= w.id))) AS position,
          w.created_at AS since, w.reason, w.message, w.expires_at AS "expiresAt"
        FROM license_wait w WHERE w.organization_id = ${organizationId} AND w.device_id = ${deviceId} AND w.app_id = ${appId}`),
    ),
    deployment: deployment && { ...deployment, refusal },
    enrollment: await one(
      tx.$queryRaw<NonNullable<ExplainFacts['enrollment']>[]>(sql`
        SELECT state::text AS state, last_seen_at AS "lastSeenAt", listed_at AS "listedAt", gone_at AS "goneAt" FROM enrollment
        WHERE organization_id = ${organizationId} AND device_id = ${deviceId} ORDER BY state = 'GONE', id DESC LIMIT 1`),
    ),
    ...(await readDeviceSide(tx, pair, organizationId, { deviceId, appId })),
  };
}

/** What the device told, and what was done there. */
async function readDeviceSide(
  tx: Tx,
  pair: ReturnType<typeof sql>,
  organizationId: bigint,
  { deviceId, appId }: ExplainInput,
): Promise<Pick<ExplainFacts, 'installed' | 'availability' | 'removal' | 'removing' | 'operation' | 'command'>> {
  const [installed = null] = await tx.$queryRaw<NonNullable<ExplainFacts['installed']>[]>(sql`
    SELECT installing, managed_status AS "managedStatus", short_version AS "shortVersion" FROM installed_app WHERE ${pair} ORDER BY installing LIMIT 1`);
  const [availability = null] = await tx.$queryRaw<AvailabilityRow[]>(sql`
    SELECT ${availabilityColumns} FROM app_availability a WHERE a.organization_id = ${organizationId} AND a.device_id = ${deviceId} AND a.app_id = ${appId} LIMIT 1`);
  const [operation = null] = await tx.$queryRaw<NonNullable<ExplainFacts['operation']>[]>(sql`
    SELECT state::text AS state, attempts::int AS attempts, changed_at AS "changedAt", due_at AS "dueAt", ended_at AS "endedAt", cause,
      release_license AND state IN ('FAILED', 'TIMED_OUT', 'CANCELLED') AND EXISTS (
        SELECT 1 FROM license l WHERE l.organization_id = o.organization_id AND l.id = o.license_id AND l.ended_at IS NOT NULL) AS "gaveBack"
    FROM app_operation o WHERE ${pair} AND kind <> 'REMOVE' AND NOT ${removedSince(sql`o`)} ORDER BY id DESC LIMIT 1`);
  const [removal = null] = await tx.$queryRaw<NonNullable<ExplainFacts['removal']>[]>(sql`
    SELECT o.ended_at AS "endedAt", t.kind::text AS "taskKind" FROM app_operation o
    JOIN task t ON t.organization_id = o.organization_id AND t.id = o.task_id
    WHERE o.organization_id = ${organizationId} AND o.device_id = ${deviceId} AND o.app_id = ${appId} AND ${isRemoval(sql`o`)}
      AND NOT EXISTS (SELECT 1 FROM app_operation n WHERE n.organization_id = o.organization_id AND n.device_id = o.device_id
        AND n.app_id = o.app_id AND n.kind <> 'REMOVE' AND n.id > o.id)
    ORDER BY o.id DESC LIMIT 1`);
  const [removing = null] = await tx.$queryRaw<NonNullable<ExplainFacts['removing']>[]>(sql`
    SELECT o.state::text AS state, t.kind::text AS "taskKind", o.attempts::int AS attempts, o.created_at AS since, o.due_at AS "dueAt", o.cause
    FROM app_operation o JOIN task t ON t.organization_id = o.organization_id AND t.id = o.task_id
    WHERE o.organization_id = ${organizationId} AND o.device_id = ${deviceId} AND o.app_id = ${appId} AND o.kind = 'REMOVE' AND o.ended_at IS NULL`);
  const [command = null] = await tx.$queryRaw<NonNullable<ExplainFacts['command']>[]>(sql`
    SELECT state::text AS state, not_nows::int AS "notNows", not_now_at AS "notNowAt", sent_at AS "sentAt", ended_at AS "endedAt", answer
    FROM device_command WHERE ${pair} AND kind = 'INSTALL_APP' ${removal ? sql`AND created_at > ${moment(removal.endedAt)}` : nothing}
    ORDER BY id DESC LIMIT 1`);
  return { installed, availability, removal, removing, operation, command };
}

/** A removal that a device was sent, and that its list showed done; others found nothing to remove. */
const isRemoval = (o: Sql): Sql => sql`${o}.kind = 'REMOVE' AND ${o}.state = 'DONE' AND ${o}.attempts > 0`;

const removedSince = (
  o: Sql,
): Sql => sql`EXISTS (SELECT 1 FROM app_operation r WHERE r.organization_id = ${o}.organization_id
  AND r.device_id = ${o}.device_id AND r.app_id = ${o}.app_id AND r.id > ${o}.id AND ${isRemoval(sql`r`)})`;

/** What the storefronts of the tokens say for such a device. The version that asks least of the system counts. */
async function readStore(
  tx: Tx,
  organizationId: bigint,
  appId: bigint,
  device: { family: Family; osVersion: string | null },
): Promise<Pick<ExplainFacts, 'store' | 'elsewhere'>> {
  const rows = await tx.$queryRaw<(NonNullable<ExplainFacts['store']> & { own: boolean; fitting: boolean })[]>(sql`
    SELECT m.storefront, m.minimum_os_version AS "minimumOsVersion", m.platform = ${storePlatformOf(device.family)} AS fitting,
      coalesce(version_numbers(${device.osVersion}::text) >= version_numbers(m.minimum_os_version), true) AS "fitsSystem",
      fits_family(m.device_families, ${device.family}::"DeviceFamily") AS "fitsFamily",
      EXISTS (SELECT 1 FROM token t JOIN license_pool p ON p.organization_id = t.organization_id AND p.token_id = t.id AND p.app_id = m.app_id
        WHERE t.organization_id = m.organization_id AND t.region = m.storefront AND t.removed_at IS NULL AND p.gone_at IS NULL) AS own
    FROM app_metadata m WHERE m.organization_id = ${organizationId} AND m.app_id = ${appId}
    ORDER BY version_numbers(m.minimum_os_version) NULLS FIRST, m.storefront`);
  const own = rows.filter((row) => row.own && row.fitting);
  const fits = (row: (typeof rows)[number]) => Number(row.fitsSystem) + Number(row.fitsFamily);
  const store = own.sort((a, b) => fits(b) - fits(a))[0] ?? null;
  const elsewhere = rows.some((row) => row.own) ? null : (rows.find((row) => row.fitting)?.storefront ?? null);
  return { store, elsewhere };
}

/** Numbers and words of a refusal; what is no plain value stays out. */
function evidenceOf(data: Record<string, unknown> | null): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data ?? {}).filter(
      ([name, value]) => !name.endsWith('Id') && (typeof value !== 'object' || value instanceof Date),
    ),
  );
}
