/** Pages of the licenses of many devices, apps or people of one answer, gathered into one statement. @module */
import type { GraphQLResolveInfo } from 'graphql';
import type { Rows } from '../db/rows.ts';
import type { IdWindow } from '../domain/id-window.ts';
import { countLicensesOf, type LicenseOwners, listLicensesOf } from '../domain/license/list.ts';
import type { LicenseParts, LicenseWithParts } from '../domain/license/row.ts';
import { askedAlike } from './asked-alike.ts';
import { idCursor, idWindowOf, type PageArguments, pageOf } from './page.ts';
import { selectedFields } from './selection.ts';

/** Whose licenses. */
export interface Owner {
  kind: LicenseOwners['kind'];
  id: bigint;
  tokenId: bigint | null;
  /** At this moment; null for now. */
  asOf: Date | null;
}

/** What the argument `asOf` of a list of licenses says. */
export const asOfText =
  'Those that were held, or on their way, at this moment; each is shown as it stands now, so its `state` may be one of later.';

/** The pages and counts of one operation. */
export interface LicensePages {
  page(owner: Owner, window: IdWindow, parts: LicenseParts): Promise<LicenseWithParts[]>;
  count(owner: Owner): Promise<bigint>;
}

type Which = Omit<LicenseOwners, 'organizationId' | 'ownerIds'>;
const which = ({ kind, tokenId, asOf }: Owner): Which => ({ kind, tokenId, asOf });

/** Makes them. Owners that are asked for the same page are read together. */
export function createLicensePages(rows: Rows, organizationId: bigint): LicensePages {
  const pages = askedAlike<{ of: Which; window: IdWindow; parts: LicenseParts }, LicenseWithParts[]>(
    (ownerIds, { of, window, parts }) => listLicensesOf(rows, { organizationId, ...of, ownerIds }, window, parts),
    [],
  );
  const counts = askedAlike<Which, bigint>(
    (ownerIds, of) => countLicensesOf(rows, { organizationId, ...of, ownerIds }),
    0n,
  );
  return {
    page: (owner, window, parts) => pages(owner.id, { of: which(owner), window, parts }),
    count: (owner) => counts(owner.id, which(owner)),
  };
}

/** What is to be read along with the licenses of a connection. */
export function licenseParts(info: GraphQLResolveInfo): LicenseParts {
  const fields = selectedFields(info, ['edges', 'node']);
  return { app: fields.has('app'), token: fields.has('token'), holder: fields.has('holder') };
}

/** The connection of an owner's licenses. */
export async function licensePage(pages: LicensePages, owner: Owner, args: PageArguments, info: GraphQLResolveInfo) {
  const window = idWindowOf(args);
  return pageOf(await pages.page(owner, window, licenseParts(info)), window, idCursor);
}
