/** Whether a request of a holder installs the app too, beside giving its license. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type PairFacts, readPairs } from '../install/facts.ts';
import { refusalOf } from '../install/judge.ts';
import type { Holder } from './holder.ts';

/** The apps that can be installed on the holder's device now, once they are licensed: it is enrolled, and lacks them. */
export async function readInstallable(
  context: Context,
  tx: Tx,
  holder: Holder,
  appIds: readonly bigint[],
): Promise<Set<bigint>> {
  if (holder.kind === 'USER') return new Set();
  const facts = await readPairs(
    context,
    tx,
    appIds.map((appId) => ({ appId, deviceId: holder.id })),
  );
  const can = (one: PairFacts) => !one.installed && !one.revoking && refusalOf(one, {}) === null;
  return new Set(facts.filter(can).map(({ appId }) => appId));
}

/** Whether the app is being installed for the holder. */
export async function isInstalling(tx: Tx, organizationId: bigint, holder: Holder, appId: bigint): Promise<boolean> {
  if (holder.kind === 'USER') return false;
  const rows = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM app_operation WHERE organization_id = ${organizationId} AND device_id = ${holder.id} AND app_id = ${appId}
      AND kind = 'INSTALL' AND ended_at IS NULL`);
  return rows.length > 0;
}
