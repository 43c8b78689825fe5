/**
 * Whether a device can have a newer version of an app (S59–S63). The comparison itself is the view `app_availability`: one
 * word for each installed store app. Here it is said what each word means.
 * @module
 */
import type { Rows } from '../../db/rows.ts';
import { type Sql, sql } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { Confidence } from './reason.ts';

/** What can be said of an app on a device. */
export type Verdict = 'AVAILABLE' | 'CURRENT' | 'NOT_FOR_THIS_DEVICE' | 'UNKNOWN';

interface Meaning {
  verdict: Verdict;
  confidence: Confidence;
  message: string;
}

const meaning = (verdict: Verdict, confidence: Confidence, message: string): Meaning => ({
  verdict,
  confidence,
  message,
});

/** Every word of the view. */
export const availabilityReasons = {
  DEVICE_OFFERS: meaning('AVAILABLE', 'FACT', 'The device itself says that a newer version is there for it.'),
  VERSION_DIFFERS: meaning(
    'AVAILABLE',
    'LIKELY',
    'The store has another version than the device, for which nothing known stands in its way; the device does not say.',
  ),
  CURRENT: meaning('CURRENT', 'FACT', 'The device has the version of its store.'),
  IN_HOUSE: meaning('NOT_FOR_THIS_DEVICE', 'FACT', 'What is installed is not from the store. Russet never touches it.'),
  OS_TOO_OLD: meaning(
    'NOT_FOR_THIS_DEVICE',
    'FACT',
    'The version of the store needs a newer system than the device runs.',
  ),
  DEVICE_FAMILY: meaning(
    'NOT_FOR_THIS_DEVICE',
    'FACT',
    'The version of the store does not run on this kind of device.',
  ),
  PLATFORM: meaning('NOT_FOR_THIS_DEVICE', 'FACT', "The storefront has the app, and not for the device's platform."),
  STOREFRONT: meaning(
    'NOT_FOR_THIS_DEVICE',
    'FACT',
    "The storefront of the token does not have the app; another country's has it.",
  ),
  INSTALLING: meaning('UNKNOWN', 'FACT', 'The device is still loading the app: which version it has is not known yet.'),
  VERSION_UNKNOWN: meaning('UNKNOWN', 'FACT', 'The device does not say which version it has.'),
  FAMILY_UNKNOWN: meaning('UNKNOWN', 'FACT', 'It is not known what kind of device it is.'),
  NO_TOKEN: meaning('UNKNOWN', 'FACT', 'No token of the organization holds the app, so no storefront was asked.'),
  NO_METADATA: meaning('UNKNOWN', 'FACT', 'No storefront said which version it has.'),
  NOT_OFFERED: meaning(
    'UNKNOWN',
    'LIKELY',
    'The store has another version, and the device has looked since and does not offer it.',
  ),
  NOT_LOOKED_YET: meaning(
    'UNKNOWN',
    'LIKELY',
    'The store has another version. The device does not offer it yet, and it looks about once a day only.',
  ),
} as const satisfies Record<string, Meaning>;

/** A word of the view. */
export type AvailabilityReason = keyof typeof availabilityReasons;

/** Words with which an update is tried: what the device does not offer yet may come, and the number of tries is capped. */
export const triedReasons: readonly AvailabilityReason[] = ['DEVICE_OFFERS', 'VERSION_DIFFERS', 'NOT_LOOKED_YET'];

/** {@link triedReasons} as literals of a statement about view `a`. */
export const isTried: Sql = sql`a.reason IN (${Prisma.raw(triedReasons.map((reason) => `'${reason}'`).join(', '))})`;

/** How an installed store app of a device stands beside the store. External version ids are texts. */
export interface AvailabilityRow {
  deviceId: bigint;
  appId: bigint;
  reason: AvailabilityReason;
  installedVersion: string | null;
  installedName: string | null;
  hasUpdate: boolean | null;
  storefront: string | null;
  storeVersion: string | null;
  storeName: string | null;
  minimumOsVersion: string | null;
  versionSeenAt: Date | null;
  /** What an update is to bring, as attempts are counted by. */
  targetVersion: string | null;
}

/** Columns of an {@link AvailabilityRow}, of view `a`. */
export const availabilityColumns: Sql = sql`a.device_id AS "deviceId", a.app_id AS "appId", a.reason, a.installed_version AS "installedVersion",
  a.installed_name AS "installedName", a.has_update AS "hasUpdate", a.storefront, a.store_version AS "storeVersion", a.store_name AS "storeName",
  a.minimum_os_version AS "minimumOsVersion", a.version_seen_at AS "versionSeenAt", a.target_version AS "targetVersion"`;

/** Where a page of a list of installed apps begins. */
export interface AvailabilityPlace {
  deviceId: bigint;
  appId: bigint;
}

/** Which installed apps are listed. */
export interface AvailabilityFilter {
  organizationId: bigint;
  deviceId: bigint | null;
  appId: bigint | null;
  reasons: readonly string[];
}

/** A page of them, by device and app. */
export async function listAvailability(
  reader: Rows,
  filter: AvailabilityFilter,
  window: { after: AvailabilityPlace | null; before: AvailabilityPlace | null; limit: number; fromEnd: boolean },
): Promise<AvailabilityRow[]> {
  const { after, before, limit, fromEnd } = window;
  const behind = after ? sql`AND (a.device_id, a.app_id) > (${after.deviceId}, ${after.appId})` : sql``;
  const ahead = before ? sql`AND (a.device_id, a.app_id) < (${before.deviceId}, ${before.appId})` : sql``;
  const order = fromEnd ? sql`a.device_id DESC, a.app_id DESC` : sql`a.device_id, a.app_id`;
  const rows = await reader.rows<AvailabilityRow>(sql`
    SELECT ${availabilityColumns} FROM app_availability a WHERE ${matching(filter)} ${behind} ${ahead} ORDER BY ${order} LIMIT ${limit}`);
  return fromEnd ? rows.reverse() : rows;
}

/** How many there are. */
export async function countAvailability(reader: Rows, filter: AvailabilityFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM app_availability a WHERE ${matching(filter)}`,
  );
  return row!.count;
}

function matching({ organizationId, deviceId, appId, reasons }: AvailabilityFilter): Sql {
  const device = deviceId === null ? sql`` : sql`AND a.device_id = ${deviceId}`;
  const app = appId === null ? sql`` : sql`AND a.app_id = ${appId}`;
  return sql`a.organization_id = ${organizationId} AND a.reason = ANY (${[...reasons]}::text[]) ${device} ${app}`;
}
