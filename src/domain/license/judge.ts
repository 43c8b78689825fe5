/** What a request for a license would be told now: the same decision, without locks and without asking for anything. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import { readTrials } from '../app/gate.ts';
import type { Context } from '../context.ts';
import type { DomainError } from '../errors.ts';
import { isUsable } from '../token/state.ts';
import { findVppUsers } from '../vpp-user/find.ts';
import { allocate, setAside } from './allocate.ts';
import { allocateUsers } from './allocate-users.ts';
import type { Applicant, Candidate } from './allocation.ts';
import { readUserHoldings } from './associate-users.ts';
import { readQuotas } from './read-quotas.ts';
import { readQueue } from './wait.ts';
import { lookAtSupply, readApps, readHoldings, type Supply } from './world.ts';

/** Of one app and one holder. */
export interface Judgment {
  appId: bigint;
  /** Null when the license would be given. */
  error: DomainError | null;
  /** Some token that can be used has a free license for such a holder. */
  free: boolean;
  /** Apple never takes the license back. */
  forGood: boolean;
  supply: Supply;
}

/** Of a device, app by app: each as if it were asked for alone. */
export async function judgeDevice(
  context: Context,
  tx: Tx,
  device: Applicant,
  appIds: readonly bigint[],
): Promise<Map<bigint, Judgment>> {
  const apps = await readApps(context, tx, appIds);
  const supply = await lookAtSupply(context, tx, appIds);
  const { ahead, waiting } = await readQueue(context, tx, { appIds }, [device.id]);
  const concerned = [device.id, ...ahead.map((claim) => claim.device.id)];
  const quotas = await readQuotas(context, tx, appIds, concerned, { locked: false });
  const holdings = await readHoldings(context, tx, appIds, [device.id]);
  const trials = await readTrials(context, tx, apps, [device.id]);
  const world = { ...supply, quotas, holdings, trials, ahead, waiting, devices: [device], tokenId: null };
  const judged = apps.map((app): [bigint, Judgment] => {
    const { refusals } = allocate({ ...world, apps: [app] });
    const pools = supply.candidates.filter((pool) => pool.appId === app.id && pool.deviceAssignable);
    return [
      app.id,
      { appId: app.id, error: refusals[0]?.error ?? null, free: pools.some(isFree), forGood: false, supply },
    ];
  });
  return new Map(judged);
}

/** Of a person, app by app, from their own token. */
export async function judgeUser(
  context: Context,
  tx: Tx,
  vppUserId: bigint,
  appIds: readonly bigint[],
): Promise<Map<bigint, Judgment>> {
  const users = await findVppUsers(context, tx, [vppUserId], ['for', 'vppUserId']);
  const apps = await readApps(context, tx, appIds);
  const supply = await lookAtSupply(context, tx, appIds);
  const { ahead } = await readQueue(context, tx, { appIds }, []);
  const waiting = ahead.map(({ device }) => device.id);
  const quotas = waiting.length === 0 ? [] : await readQuotas(context, tx, appIds, waiting, { locked: false });
  const candidates = setAside(apps, { ...supply, quotas }, ahead);
  const holdings = await readUserHoldings(context, tx, { appIds, target: { vppUserIds: [vppUserId] } });
  const forGood = await readIrrevocable(context, tx, appIds);
  const judged = apps.map((app): [bigint, Judgment] => {
    const found = allocateUsers({ apps: [app], users, ...supply, candidates, holdings, named: false });
    const pools = supply.candidates.filter((pool) => pool.appId === app.id && pool.token.id === users[0]!.tokenId);
    const seat = found.grants[0]?.candidate.poolId;
    return [
      app.id,
      {
        appId: app.id,
        error: found.refusals[0]?.error ?? null,
        free: pools.some(isFree),
        forGood: seat !== undefined && forGood.has(seat),
        supply,
      },
    ];
  });
  return new Map(judged);
}

const isFree = ({ gone, free, token }: Candidate): boolean =>
  !gone && isUsable(token.state) && (free === null || free > 0n);

async function readIrrevocable(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM license_pool WHERE organization_id = ${context.actor.organizationId} AND NOT revocable AND app_id = ANY (${ids(appIds)})`);
  return new Set(rows.map((row) => row.id));
}
