/** Rows of GET assets and GET assignments in our words (fact sheet §6 and §7). @module */
import { z } from 'zod';
import type { AssetRow, AssignmentRow } from '../domain/ports.ts';
import { userStatus } from './users.ts';
import { id, list, optional, wholeNumber } from './wire.ts';

/** What Apple shows as total of an asset without limit (fact sheet §6). */
export const unlimitedTotal = 2147483647;

/** A negative or broken count reads as absent; it then follows from the other two. */
const count = optional(wholeNumber.pipe(z.int().min(0)));

const wireAsset = z.object({
  adamId: id,
  pricingParam: optional(z.string()),
  productType: optional(z.string()),
  assignedCount: count,
  availableCount: count,
  retiredCount: count,
  totalCount: count,
  // Nothing is done with an asset that Apple does not say is possible: absent means false.
  deviceAssignable: optional(z.boolean()),
  revocable: optional(z.boolean()),
  supportedPlatforms: optional(z.array(z.string())),
});

type WireAsset = z.output<typeof wireAsset>;

/** The array of assets; `totalCount` 2147483647 marks an unlimited one. */
export const assetRows = list(wireAsset.transform((asset) => toAssetRow(asset, asset.totalCount === unlimitedTotal)));

/** The array of assets that are unlimited by the very list they stand in. */
export const unlimitedAssetRows = list(wireAsset.transform((asset) => toAssetRow(asset, true)));

function toAssetRow(asset: WireAsset, unlimited: boolean): AssetRow {
  return {
    adamId: asset.adamId,
    pricingParam: asset.pricingParam ?? 'STDQ',
    productType: asset.productType?.toLowerCase() === 'book' ? 'BOOK' : 'APP',
    ...(unlimited
      ? { total: unlimitedTotal, assigned: asset.assignedCount ?? 0, available: null }
      : countsOf(asset.totalCount, asset.assignedCount, asset.availableCount)),
    retired: asset.retiredCount ?? 0,
    unlimited,
    deviceAssignable: asset.deviceAssignable ?? false,
    revocable: asset.revocable ?? false,
    supportedPlatforms: asset.supportedPlatforms ?? [],
  };
}

/** total = assigned + available, retired not counted (fact sheet §6). What Apple says stays as it is, even if it does not add up. */
function countsOf(total: number | null, assigned: number | null, available: number | null) {
  const rest = (of: number | null, part: number | null) => Math.max(0, (of ?? 0) - (part ?? 0));
  return {
    total: total ?? (assigned ?? 0) + (available ?? 0),
    assigned: assigned ?? rest(total, available),
    available: available ?? rest(total, assigned),
  };
}

const wireAssignment = z.object({
  adamId: id,
  pricingParam: optional(z.string()),
  serialNumber: optional(id),
  clientUserId: optional(id),
  userStatus,
  idHash: optional(z.string()),
});

/** The array of assignments. A row without a holder is left out: it says nothing about anybody. */
export const assignmentRows = list(wireAssignment).transform((rows) =>
  rows
    .filter((row) => row.serialNumber !== null || row.clientUserId !== null)
    .map(
      (row): AssignmentRow => ({
        adamId: row.adamId,
        pricingParam: row.pricingParam ?? 'STDQ',
        serialNumber: row.serialNumber,
        clientUserId: row.serialNumber === null ? row.clientUserId : null,
        ...(row.userStatus === null ? {} : { user: { status: row.userStatus, idHash: row.idHash } }),
      }),
    ),
);
