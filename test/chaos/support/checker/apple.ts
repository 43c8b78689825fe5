/** Apple's side: never more than was bought, and exactly what we believe. @module */
import type { Evidence } from './evidence.ts';

/** At every look and at the end: seats taken are at most seats bought. */
export function neverMoreThanBought({ truths, overruns = [] }: Evidence): string[] {
  const atTheEnd = truths.flatMap(({ uId, assets }) =>
    assets
      .filter((asset) => !asset.unlimited && asset.assigned > asset.total)
      .map(({ adamId, total, assigned }) => ({ library: uId, adamId, total, assigned })),
  );
  return [...overruns, ...atTheEnd].map(
    ({ library, adamId, total, assigned }) =>
      `Apple has given ${assigned} licenses of ${adamId} in library ${library}, which bought ${total}`,
  );
}

/** Our live licenses are Apple's, by library, asset and holder. */
export async function appleAgrees({ truths, rows }: Evidence): Promise<string[]> {
  const ours = await rows<{ key: string; state: string; id: string }>(
    `SELECT l.id, l.state, concat_ws(' ', t.u_id, l.adam_id, l.pricing_param, coalesce(l.serial_number, l.client_user_id)) AS key
     FROM license l JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id WHERE l.ended_at IS NULL`,
  );
  const here = new Map(ours.map((row) => [row.key, row]));
  const there = new Set(
    truths.flatMap(({ uId, assignments }) =>
      assignments.map((row) => [uId, row.adamId, row.pricingParam, row.serialNumber ?? row.clientUserId].join(' ')),
    ),
  );
  const missing = [...there]
    .filter((key) => !here.has(key))
    .map((key) => `Apple has ${key}, and we have no live license of it`);
  const surplus = ours
    .filter((row) => !there.has(row.key))
    .map((row) => `License ${row.id} (${row.key}) is ${row.state} here, and Apple does not have it`);
  const underWay = ours
    .filter((row) => row.state !== 'CONFIRMED')
    .map((row) => `License ${row.id} (${row.key}) is still ${row.state} after the quiet`);
  return [...missing, ...surplus, ...underWay];
}
