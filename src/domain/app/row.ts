/** An app as it is read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';
import type { AppStatus, ProductType } from '../../generated/prisma/enums.ts';

/** One app of the organization's own store. The flat metadata is that of the first token's storefront and first platform. */
export interface AppRow {
  id: bigint;
  adamId: string;
  productType: ProductType;
  status: AppStatus;
  firstSeenAt: Date;
  name: string | null;
  bundleId: string | null;
  iconUrl: string | null;
  version: string | null;
  minimumOsVersion: string | null;
  artistName: string | null;
  /** Decimal number with two digits. */
  price: string | null;
  priceFormatted: string | null;
  currency: string | null;
  storeUrl: string | null;
  platforms: string[];
  deviceFamilies: string[];
  metadataAt: Date | null;
}

/** Reads table `a`. */
export const appShape = shape<AppRow>({
  fields: {
    id: 'a.id',
    adamId: 'a.adam_id',
    productType: 'a.product_type',
    status: 'a.status',
    firstSeenAt: 'a.first_seen_at',
    name: 'a.name',
    bundleId: 'a.bundle_id',
    iconUrl: 'a.icon_url',
    version: 'a.version',
    minimumOsVersion: 'a.minimum_os_version',
    artistName: 'a.artist_name',
    price: 'a.price::text',
    priceFormatted: 'a.price_formatted',
    currency: 'a.currency',
    storeUrl: 'a.store_url',
    platforms: 'to_json(a.platforms)',
    deviceFamilies: 'to_json(a.device_families)',
    metadataAt: 'a.metadata_at',
  },
  bigints: ['id'],
  moments: ['firstSeenAt', 'metadataAt'],
});

/** The apps with these ids, in no order. */
export function readApps(reader: Rows, organizationId: bigint, appIds: readonly bigint[]): Promise<AppRow[]> {
  return reader.rows<AppRow>(sql`
    SELECT ${appShape.columns} FROM app a WHERE a.organization_id = ${organizationId} AND a.id = ANY (${ids(appIds)})`);
}

/** The app with Apple's id; null when the organization has none such. */
export async function findApp(reader: Rows, organizationId: bigint, adamId: string): Promise<AppRow | null> {
  const [row] = await reader.rows<AppRow>(sql`
    SELECT ${appShape.columns} FROM app a WHERE a.organization_id = ${organizationId} AND a.adam_id = ${adamId}`);
  return row ?? null;
}
