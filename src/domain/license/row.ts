/** A license as it is read, with what it is about where that is asked for. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, join, nothing, type Sql, sql } from '../../db/transaction.ts';
import type { LicenseSource, LicenseState } from '../../generated/prisma/enums.ts';
import { type AppRow, appShape } from '../app/row.ts';
import { type DeviceRow, deviceShape } from '../device/row.ts';
import { type TokenRow, tokenShape, tokenTables } from '../token/row.ts';
import { type VppUserRow, vppUserShape } from '../vpp-user/row.ts';

/** One holding period of one seat. */
export interface LicenseRow {
  id: bigint;
  appId: bigint;
  tokenId: bigint;
  deviceId: bigint | null;
  vppUserId: bigint | null;
  taskId: bigint | null;
  serialNumber: string | null;
  clientUserId: string | null;
  state: LicenseState;
  source: LicenseSource;
  startedAt: Date;
  opening: boolean;
  changedAt: Date;
  endedAt: Date | null;
  endReason: string | null;
  allocation: object | null;
}

const licenseShape = shape<LicenseRow>({
  fields: {
    id: 'l.id',
    appId: 'l.app_id',
    tokenId: 'l.token_id',
    deviceId: 'l.device_id',
    vppUserId: 'l.vpp_user_id',
    taskId: 'l.task_id',
    serialNumber: 'l.serial_number',
    clientUserId: 'l.client_user_id',
    state: 'l.state',
    source: 'l.source',
    startedAt: 'l.started_at',
    opening: 'l.opening',
    changedAt: 'l.changed_at',
    endedAt: 'l.ended_at',
    endReason: 'l.end_reason',
    allocation: 'l.allocation',
  },
  bigints: ['id', 'appId', 'tokenId', 'deviceId', 'vppUserId', 'taskId'],
  moments: ['startedAt', 'changedAt', 'endedAt'],
});

/** What is read along with licenses. */
export interface LicenseParts {
  app?: boolean;
  token?: boolean;
  holder?: boolean;
}

/** What was read along; absent where it was not asked for. */
export interface LicenseRelations {
  app?: AppRow;
  token?: TokenRow;
  device?: DeviceRow;
  vppUser?: VppUserRow;
}

/** A license and what was read along with it. */
export type LicenseWithParts = LicenseRow & LicenseRelations;

/** Something that many licenses share. */
interface Part {
  name: keyof LicenseRelations;
  key: 'appId' | 'tokenId' | 'deviceId' | 'vppUserId';
  columns: Sql;
  tables: Sql;
  revive(json: object): object;
}

const parts: Record<keyof LicenseParts, Part[]> = {
  app: [
    {
      name: 'app',
      key: 'appId',
      columns: once(sql`l.app_id`, appShape.json, sql`app`),
      tables: sql`JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id`,
      revive: appShape.revive,
    },
  ],
  token: [
    {
      name: 'token',
      key: 'tokenId',
      columns: once(sql`l.token_id`, tokenShape.json, sql`token`),
      tables: sql`JOIN (${tokenTables}) ON t.organization_id = l.organization_id AND t.id = l.token_id`,
      revive: tokenShape.revive,
    },
  ],
  holder: [
    {
      name: 'device',
      key: 'deviceId',
      columns: once(sql`l.device_id`, deviceShape.json, sql`device`),
      tables: sql`LEFT JOIN device d ON d.organization_id = l.organization_id AND d.id = l.device_id`,
      revive: deviceShape.revive,
    },
    {
      name: 'vppUser',
      key: 'vppUserId',
      columns: once(sql`l.vpp_user_id`, vppUserShape.json, sql`"vppUser"`),
      tables: sql`LEFT JOIN vpp_user u ON u.organization_id = l.organization_id AND u.id = l.vpp_user_id`,
      revive: vppUserShape.revive,
    },
  ],
};

/** What many licenses share travels once, with the first of them. */
function once(key: Sql, json: Sql, name: Sql): Sql {
  return sql`CASE WHEN row_number() OVER (PARTITION BY ${key} ORDER BY l.id) = 1 AND ${key} IS NOT NULL THEN ${json} END AS ${name}`;
}

/** Reads licenses `l` of `source`, a FROM item of that alias; `rest` is the WHERE and what follows. */
export async function readLicenseRows<Extra extends object>(
  reader: Rows,
  wanted: LicenseParts,
  { source, extra, rest }: { source: Sql; extra?: Sql; rest: Sql },
): Promise<(LicenseWithParts & Extra)[]> {
  const asked = (Object.keys(parts) as (keyof LicenseParts)[]).flatMap((name) => (wanted[name] ? parts[name] : []));
  const columns = [licenseShape.columns, ...(extra ? [extra] : []), ...asked.map((part) => part.columns)];
  const tables =
    asked.length > 0
      ? join(
          asked.map((part) => part.tables),
          ' ',
        )
      : nothing;
  const rows = await reader.rows<LicenseRow & Extra & Record<string, object | null>>(
    sql`SELECT ${join(columns)} FROM ${source} ${tables} ${rest}`,
  );
  for (const part of asked) spread(rows, part);
  return rows as (LicenseWithParts & Extra)[];
}

function spread(rows: (LicenseRow & Record<string, unknown>)[], { name, key, revive }: Part): void {
  const known = new Map<bigint, object>();
  for (const row of rows) if (row[name]) known.set(row[key]!, revive(row[name] as object));
  for (const row of rows) row[name] = (row[key] === null ? undefined : known.get(row[key])) ?? undefined;
}

/** The licenses with these ids, in no order. */
export function readLicenses(
  reader: Rows,
  organizationId: bigint,
  licenseIds: readonly bigint[],
): Promise<LicenseWithParts[]> {
  return readLicenseRows(
    reader,
    {},
    {
      source: sql`license l`,
      rest: sql`WHERE l.organization_id = ${organizationId} AND l.id = ANY (${ids(licenseIds)})`,
    },
  );
}
