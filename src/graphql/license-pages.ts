/** Pages of the licenses of many devices or apps of one answer, gathered into one statement. @module */
import DataLoader from 'dataloader';
import type { GraphQLResolveInfo } from 'graphql';
import type { Rows } from '../db/rows.ts';
import type { IdWindow } from '../domain/id-window.ts';
import { countLicensesOf, type LicenseOwners, listLicensesOf } from '../domain/license/list.ts';
import type { LicenseParts, LicenseWithParts } from '../domain/license/row.ts';
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

/** Makes them. Owners that are asked for the same page are read together. */
export function createLicensePages(rows: Rows, organizationId: bigint): LicensePages {
  interface Asked {
    owner: Owner;
    window: IdWindow;
    parts: LicenseParts;
  }
  const pages = new DataLoader<Asked, LicenseWithParts[]>(
    (asked) =>
      together(asked, keyOfPage, async (group, owners) => {
        const { window, parts } = group[0]!;
        const found = await listLicensesOf(rows, owners, window, parts);
        return (id) => found.get(id) ?? [];
      }),
    { cache: false },
  );
  const counts = new DataLoader<{ owner: Owner }, bigint>(
    (asked) =>
      together(
        asked,
        ({ owner }) => keyOfOwner(owner),
        async (_group, owners) => {
          const found = await countLicensesOf(rows, owners);
          return (id) => found.get(id) ?? 0n;
        },
      ),
    { cache: false },
  );

  /** Reads each group of questions that differ in nothing but the owner's id with one statement. */
  async function together<Question extends { owner: Owner }, Answer>(
    asked: readonly Question[],
    keyOf: (question: Question) => string,
    read: (group: Question[], owners: LicenseOwners) => Promise<(id: bigint) => Answer>,
  ): Promise<Answer[]> {
    const keys = asked.map(keyOf);
    const answers = new Map<string, (id: bigint) => Answer>();
    for (const key of new Set(keys)) {
      const group = asked.filter((_question, index) => keys[index] === key);
      const { kind, tokenId, asOf } = group[0]!.owner;
      const ownerIds = [...new Set(group.map(({ owner }) => owner.id))];
      answers.set(key, await read(group, { organizationId, kind, tokenId, asOf, ownerIds }));
    }
    return asked.map(({ owner }, index) => answers.get(keys[index]!)!(owner.id));
  }

  return {
    page: (owner, window, parts) => pages.load({ owner, window, parts }),
    count: (owner) => counts.load({ owner }),
  };
}

const keyOfOwner = ({ kind, tokenId, asOf }: Owner) => `${kind} ${tokenId} ${asOf?.getTime()}`;
const keyOfPage = ({ owner, window, parts }: { owner: Owner; window: IdWindow; parts: LicenseParts }) =>
  `${keyOfOwner(owner)} ${window.after} ${window.before} ${window.limit} ${window.fromEnd} ${parts.app} ${parts.token} ${parts.holder}`;

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
