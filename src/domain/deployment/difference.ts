/**
 * Where what deployments want differs from what is: for each app and way of giving it, in which parts of the devices. One
 * statement a part, for all apps together; nothing is changed by it.
 * @module
 */
import { type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { lackingPairs, type Source } from './give.ts';
import { inBulk } from './in-bulk.ts';
import { uninstalledPairs } from './install.ts';
import { unwantedLicenses } from './take-back.ts';
import type { DeviceRange } from './wanted.ts';

/** Something that differs, and the parts of the devices in which it does. */
export interface Difference<What> {
  what: What;
  ranges: DeviceRange[];
}

/** All that differs. */
export interface Differences {
  /** Devices lack an app; the urgent ones first. */
  lacking: Difference<Source>[];
  /** Devices have a license of an app, and lack the app. */
  uninstalled: Difference<Source>[];
  /** Devices have a license of an app and shall have none. */
  unwanted: Difference<{ appId: bigint }>[];
}

/** Pairs of app and device that one statement compares: as many as the server can in its memory. */
const pairsAtOnce = 100_000;
/** Most devices of a part in which something is asked for. */
const rangeSize = 20_000;

/** Finds all differences of the organization. */
export async function findDifferences(context: Context): Promise<Differences> {
  const { apps, withNone, withInstall } = await countDeployed(context);
  const size = sizeFor(apps);
  const lacking = collect<Source>(size);
  const uninstalled = collect<Source>(size);
  const unwanted = collect<{ appId: bigint }>(size);
  if (apps > 0) {
    for await (const range of deviceRanges(context, size)) {
      for (const source of await sourcesOf(context, lackingPairs(context, null, range))) lacking.add(source, range);
      if (withInstall > 0)
        for (const source of await sourcesOf(context, uninstalledPairs(context, null, range)))
          uninstalled.add(source, range);
      for (const app of withNone > 0 ? await unwantedApps(context, range) : []) unwanted.add(app, range);
    }
  }
  return {
    lacking: lacking.all().sort((a, b) => inTurn(a.what, b.what)),
    uninstalled: uninstalled.all().sort((a, b) => inTurn(a.what, b.what)),
    unwanted: unwanted.all(),
  };
}

/** The urgent ones first; among equals those that may come from any token. */
function inTurn(a: Source, b: Source): number {
  const anyFirst = Number(a.tokenId !== null) - Number(b.tokenId !== null);
  return b.priority - a.priority || anyFirst || Number(a.appId - b.appId);
}

interface Deployed {
  apps: number;
  /** Deployments of these modes. */
  withNone: number;
  withInstall: number;
}

/** Devices of a part, so that a statement compares no more pairs than it may. */
const sizeFor = (apps: number): number =>
  Math.max(100, Math.min(rangeSize, Math.floor(pairsAtOnce / Math.max(apps, 1))));

/** How large a part of the devices may be for one statement about all deployed apps. */
export const partSize = async (context: Context): Promise<number> => sizeFor((await countDeployed(context)).apps);

async function countDeployed({ prisma, actor }: Context): Promise<Deployed> {
  const [row] = await prisma.$queryRaw<Deployed[]>(sql`
    SELECT count(DISTINCT app_id)::int AS apps, (count(*) FILTER (WHERE mode = 'NONE'))::int AS "withNone",
      (count(*) FILTER (WHERE mode = 'LICENSE_AND_INSTALL'))::int AS "withInstall"
    FROM deployment WHERE organization_id = ${actor.organizationId}`);
  return row!;
}

/** All devices of the organization, in parts. The last has no end, so that new ones are in it. */
export async function* deviceRanges({ prisma, actor }: Context, size: number): AsyncGenerator<DeviceRange> {
  for (let after: bigint | null = 0n; after !== null; ) {
    const rows: { id: bigint }[] = await prisma.$queryRaw(sql`
      SELECT id FROM device WHERE organization_id = ${actor.organizationId} AND id > ${after} ORDER BY id OFFSET ${size - 1} LIMIT 1`);
    const to: bigint | null = rows[0]?.id ?? null;
    yield { after, to };
    after = to;
  }
}

/** The sources of these pairs. */
function sourcesOf(context: Context, pairs: Sql): Promise<Source[]> {
  return transaction(context, (tx) =>
    inBulk(
      tx,
      sql`
      SELECT DISTINCT w.app_id AS "appId", w.token_id AS "tokenId", w.priority, w.mode = 'LICENSE_AND_INSTALL' AS install FROM (${pairs}) w`,
    ),
  );
}

function unwantedApps(context: Context, range: DeviceRange): Promise<{ appId: bigint }[]> {
  return transaction(context, (tx) =>
    inBulk(tx, sql`SELECT DISTINCT u.app_id AS "appId" FROM (${unwantedLicenses(context, null, range)}) u`),
  );
}

/** Gathers parts by what differs in them; neighbors become one, up to so many devices as are asked for in one go. */
function collect<What extends object>(size: number) {
  const most = Math.floor(rangeSize / size);
  const found = new Map<string, Difference<What> & { joined: number }>();
  return {
    add(what: What, range: DeviceRange): void {
      const key = Object.values(what).join(' ');
      const known = found.get(key);
      const last = known?.ranges.at(-1);
      if (!known || !last) found.set(key, { what, ranges: [{ ...range }], joined: 1 });
      else if (last.to === range.after && known.joined < most) {
        last.to = range.to;
        known.joined++;
      } else {
        known.ranges.push({ ...range });
        known.joined = 1;
      }
    },
    all: () => [...found.values()],
  };
}
