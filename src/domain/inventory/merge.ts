/** Brings what devices say of their apps in, set-wise: what is known and unchanged is not written. @module */
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { DeviceApp, ManagedApp } from '../mdm-ports.ts';

/** What one device said. */
export interface ToldApps {
  deviceId: bigint;
  apps: readonly DeviceApp[];
  /** The whole list: what it does not name is gone. Else only these were asked for, or just what is named is known. */
  covers: 'ALL' | readonly string[];
  /** Of these more is known than the whole list says: they stay as they are. */
  except?: readonly string[];
}

/** What one device said of its managed apps. */
export interface ToldManaged {
  deviceId: bigint;
  apps: readonly ManagedApp[];
  covers: 'ALL' | readonly string[];
}

/** How many rows were written, and on which devices something changed. */
export interface MergedApps {
  written: number;
  removed: number;
}

/**
 * Compares the lists with what is known, each device once, and writes the differences. Which app a bundle id is, the store says,
 * or a device that installed it: of some apps no store tells.
 */
export async function mergeApps(
  tx: Tx,
  organizationId: bigint,
  told: readonly ToldApps[],
  now: Date,
): Promise<MergedApps> {
  if (told.length === 0) return { written: 0, removed: 0 };
  const rows = told.flatMap(({ deviceId, apps }) => unique(apps).map((app) => ({ deviceId, app })));
  const column = <T>(read: (row: (typeof rows)[number]) => T) => rows.map(read);
  // Named apart, so that only their rows are read: by the pairs alone the server would look through everybody's.
  const devices = ids([...new Set(told.map((one) => one.deviceId))]);
  const removed = await removeGone(tx, organizationId, told);
  if (rows.length === 0) return { written: 0, removed };
  const written = await tx.$executeRaw(sql`
    WITH t AS (
      SELECT t.*, a.app_id FROM unnest(${ids(column((row) => row.deviceId))}, ${column((row) => row.app.bundleId)}::text[], ${column((row) => row.app.name)}::text[],
        ${column((row) => row.app.version)}::text[], ${column((row) => row.app.shortVersion)}::text[], ${column((row) => row.app.externalVersionId)}::text[],
        ${column((row) => row.app.hasUpdate)}::boolean[], ${column((row) => row.app.deviceLicense)}::boolean[], ${column((row) => row.app.installing)}::boolean[])
        AS t(device_id, bundle_id, name, version, short_version, external_version_id, has_update, device_license, installing)
      LEFT JOIN (
        SELECT bundle_id, min(app_id) AS app_id FROM (
          SELECT bundle_id, app_id FROM app_metadata WHERE organization_id = ${organizationId}
          UNION ALL SELECT bundle_id, id FROM app WHERE organization_id = ${organizationId}
        ) k WHERE bundle_id IS NOT NULL GROUP BY 1
      ) a USING (bundle_id)
    )
    INSERT INTO installed_app AS i (organization_id, device_id, bundle_id, app_id, name, version, short_version, external_version_id, has_update, device_license, installing, changed_at)
    SELECT ${organizationId}, t.device_id, t.bundle_id, t.app_id, t.name, t.version, t.short_version, t.external_version_id, t.has_update, t.device_license, t.installing, ${moment(now)}
    FROM t LEFT JOIN installed_app k
      ON k.organization_id = ${organizationId} AND k.device_id = ANY (${devices}) AND k.device_id = t.device_id AND k.bundle_id = t.bundle_id
    WHERE k.bundle_id IS NULL OR (k.app_id, k.name, k.version, k.short_version, k.external_version_id, k.has_update, k.device_license, k.installing)
      IS DISTINCT FROM (coalesce(t.app_id, k.app_id), t.name, t.version, t.short_version, t.external_version_id, t.has_update, t.device_license, t.installing)
    ORDER BY t.device_id, t.bundle_id
    ON CONFLICT (organization_id, device_id, bundle_id) DO UPDATE SET app_id = coalesce(excluded.app_id, i.app_id), name = excluded.name, version = excluded.version,
      short_version = excluded.short_version, external_version_id = excluded.external_version_id, has_update = excluded.has_update,
      device_license = excluded.device_license, installing = excluded.installing, changed_at = excluded.changed_at`);
  return { written, removed };
}

/** A device that names an app twice has it once: the last word counts. */
function unique(apps: readonly DeviceApp[]): DeviceApp[] {
  return [...new Map(apps.map((app) => [app.bundleId, app])).values()];
}

/** Deletes what whole lists do not name, and what was asked for by name and is not there. */
async function removeGone(tx: Tx, organizationId: bigint, told: readonly ToldApps[]): Promise<number> {
  const whole = told.filter((one) => one.covers === 'ALL');
  const named = told.flatMap(({ deviceId, apps, covers }) => {
    const present = new Set(apps.map((app) => app.bundleId));
    return covers === 'ALL'
      ? []
      : covers.filter((bundleId) => !present.has(bundleId)).map((bundleId) => ({ deviceId, bundleId }));
  });
  const present = whole.flatMap(({ deviceId, apps, except = [] }) =>
    [...apps.map(({ bundleId }) => bundleId), ...except].map((bundleId) => ({ deviceId, bundleId })),
  );
  let removed = 0;
  if (whole.length > 0)
    removed += await tx.$executeRaw(sql`
      DELETE FROM installed_app i USING (
        SELECT k.device_id, k.bundle_id FROM installed_app k WHERE k.organization_id = ${organizationId} AND k.device_id = ANY (${ids(whole.map((one) => one.deviceId))})
          AND NOT EXISTS (SELECT 1 FROM unnest(${ids(present.map((row) => row.deviceId))}, ${present.map((row) => row.bundleId)}::text[]) AS p(device_id, bundle_id)
                          WHERE p.device_id = k.device_id AND p.bundle_id = k.bundle_id)
        ORDER BY k.device_id, k.bundle_id FOR UPDATE
      ) o WHERE i.organization_id = ${organizationId} AND i.device_id = o.device_id AND i.bundle_id = o.bundle_id`);
  if (named.length > 0)
    removed += await tx.$executeRaw(sql`
      DELETE FROM installed_app i USING unnest(${ids(named.map((row) => row.deviceId))}, ${named.map((row) => row.bundleId)}::text[]) AS n(device_id, bundle_id)
      WHERE i.organization_id = ${organizationId} AND i.device_id = n.device_id AND i.bundle_id = n.bundle_id`);
  return removed;
}

/** Notes how managed apps stand, on the apps that the device has; one that a whole list leaves out is not managed. */
export async function mergeManaged(
  tx: Tx,
  organizationId: bigint,
  told: readonly ToldManaged[],
  now: Date,
): Promise<number> {
  if (told.length === 0) return 0;
  const rows = told.flatMap(({ deviceId, apps }) =>
    [...new Map(apps.map((app) => [app.bundleId, app])).values()].map((app) => ({ deviceId, ...app })),
  );
  const asked = told.flatMap(({ deviceId, covers }): { deviceId: bigint; bundleId: string | null }[] =>
    covers === 'ALL' ? [{ deviceId, bundleId: null }] : covers.map((bundleId) => ({ deviceId, bundleId })),
  );
  return tx.$executeRaw(sql`
    WITH t AS (
      SELECT * FROM unnest(${ids(rows.map((row) => row.deviceId))}, ${rows.map((row) => row.bundleId)}::text[], ${rows.map((row) => row.status)}::text[]) AS t(device_id, bundle_id, status)
    ), asked AS (
      SELECT * FROM unnest(${ids(asked.map((row) => row.deviceId))}, ${asked.map((row) => row.bundleId)}::text[]) AS a(device_id, bundle_id)
    )
    UPDATE installed_app i SET managed_status = n.status, changed_at = ${moment(now)} FROM (
      SELECT k.device_id, k.bundle_id, t.status FROM installed_app k
      LEFT JOIN t ON t.device_id = k.device_id AND t.bundle_id = k.bundle_id
      WHERE k.organization_id = ${organizationId} AND k.device_id = ANY (${ids([...new Set(told.map((one) => one.deviceId))])})
        AND k.managed_status IS DISTINCT FROM t.status AND (t.bundle_id IS NOT NULL OR EXISTS (
        SELECT 1 FROM asked a WHERE a.device_id = k.device_id AND (a.bundle_id IS NULL OR a.bundle_id = k.bundle_id)))
    ) n WHERE i.organization_id = ${organizationId} AND i.device_id = n.device_id AND i.bundle_id = n.bundle_id`);
}
