/** S59–S64: every reason of `updateDecision`, each from real rows, and each the first where it is what decides. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { sql, transaction } from '../../../src/db/transaction.ts';
import { availabilityReasons, isTried } from '../../../src/domain/update/availability.ts';
import { mayBeBehind, readBehind } from '../../../src/domain/update/behind.ts';
import { pauseUpdates } from '../../../src/domain/update/pause.ts';
import type { PolicyInput } from '../../../src/domain/update/policy-input.ts';
import { readUpdateDecision } from '../../../src/domain/update/read-decision.ts';
import { setUpdatePolicy } from '../../../src/domain/update/set-policy.ts';
import { createFleet, type Fleet } from './fleet.ts';

let fleet: Fleet;
const prisma = () => fleet.database.prisma;
beforeAll(async () => {
  fleet = await createFleet();
});
afterAll(() => fleet.close());

const hour = 3_600_000;
const day = 24 * hour;
interface Pair {
  deviceId: bigint;
  appId: bigint;
}
interface Like {
  device?: Parameters<Fleet['devices']>[1];
  store?: Parameters<Fleet['app']>[1];
  /** What the device has; the store has version 2. */
  version?: string | null;
  hasUpdate?: boolean | null;
}

/** An app on a device for which the store has another version, with a license: what a case changes decides. */
async function pair({ device = {}, store = {}, version = '1', hasUpdate = null }: Like = {}): Promise<Pair> {
  const [deviceId] = await fleet.devices(1, device);
  const appId = await fleet.app('2', store);
  await fleet.install(appId, [deviceId!], version, hasUpdate);
  return { deviceId: deviceId!, appId };
}
/** A policy for the app alone, so that cases leave nothing to each other. */
const ruled = ({ appId }: Pair, policy: PolicyInput = { mode: 'IMMEDIATELY' }) =>
  setUpdatePolicy(fleet.admin, { appId, ...policy });
const why = async ({ deviceId, appId }: Pair) =>
  (await readUpdateDecision(preparedRows(fleet.database.pool), fleet.organizationId, {
    deviceId,
    appId,
    now: fleet.clock.now(),
  }))!;
const told = async (one: Pair) => {
  const { verdict, willUpdate, reasons } = await why(one);
  return { verdict, willUpdate, codes: reasons.map(({ code, confidence }) => `${code} ${confidence}`) };
};
/** Asked, answered, and as the fate says. */
async function run(fate?: Parameters<Fleet['answer']>[0]) {
  await fleet.clock.advance(1_000);
  await fleet.step();
  await fleet.answer(() => null);
  await fleet.step();
  if (fate) {
    await fleet.answer(fate);
    await fleet.step();
  }
}
const seen = (appId: bigint, ago: number) =>
  prisma().$executeRaw(
    sql`UPDATE app_metadata SET version_seen_at = ${new Date(fleet.clock.now().getTime() - ago)} WHERE app_id = ${appId}` as never,
  );

const later = (milliseconds: number) => new Date(fleet.clock.now().getTime() + milliseconds);
/** As windows have it; the organization's zone is UTC. */
const timeOf = (at: Date) => at.toISOString().slice(11, 16);

type Availability = [
  number: string,
  reason: keyof typeof availabilityReasons,
  verdict: string,
  codes: string[],
  make: () => Promise<Pair>,
];
const availabilities: Availability[] = [
  ['S59', 'DEVICE_OFFERS', 'AVAILABLE', ['DEVICE_OFFERS FACT'], () => pair({ hasUpdate: true })],
  ['S59', 'VERSION_DIFFERS', 'AVAILABLE', ['VERSION_DIFFERS LIKELY'], () => pair()],
  ['S59', 'CURRENT', 'CURRENT', ['CURRENT FACT'], () => pair({ version: '2' })],
  ['S51', 'IN_HOUSE', 'NOT_FOR_THIS_DEVICE', ['IN_HOUSE FACT'], () => pair({ version: '0', hasUpdate: true })],
  [
    'S61',
    'OS_TOO_OLD',
    'NOT_FOR_THIS_DEVICE',
    ['OS_TOO_OLD FACT'],
    () => pair({ store: { minimumOs: '17.10' }, device: { osVersion: '17.4.1' } }),
  ],
  [
    'S61',
    'DEVICE_FAMILY',
    'NOT_FOR_THIS_DEVICE',
    ['DEVICE_FAMILY FACT'],
    () => pair({ store: { families: ['ipad'] }, device: { family: 'IPHONE' } }),
  ],
  ['S61', 'PLATFORM', 'NOT_FOR_THIS_DEVICE', ['PLATFORM FACT'], () => pair({ store: { platform: 'appletvos' } })],
  ['S62', 'STOREFRONT', 'NOT_FOR_THIS_DEVICE', ['STOREFRONT FACT'], () => pair({ store: { storefront: 'DE' } })],
  [
    'S59',
    'INSTALLING',
    'UNKNOWN',
    ['INSTALLING FACT'],
    async () => {
      const one = await pair();
      await prisma().installedApp.updateMany({ where: one, data: { installing: true } });
      return one;
    },
  ],
  ['S59', 'VERSION_UNKNOWN', 'UNKNOWN', ['VERSION_UNKNOWN FACT'], () => pair({ version: null })],
  ['S61', 'FAMILY_UNKNOWN', 'UNKNOWN', ['FAMILY_UNKNOWN FACT'], () => pair({ device: { family: 'UNKNOWN' } })],
  [
    'S59',
    'NO_TOKEN',
    'UNKNOWN',
    ['NO_TOKEN FACT'],
    async () => {
      const one = await pair();
      await prisma().license.deleteMany({ where: { appId: one.appId } });
      await prisma().licensePool.deleteMany({ where: { appId: one.appId } });
      return one;
    },
  ],
  [
    'S59',
    'NO_METADATA',
    'UNKNOWN',
    ['NO_METADATA FACT'],
    async () => {
      const one = await pair();
      await prisma().appMetadata.deleteMany({ where: { appId: one.appId } });
      return one;
    },
  ],
  [
    'S63',
    'NOT_OFFERED',
    'UNKNOWN',
    ['NOT_OFFERED LIKELY', 'STAGED_ROLLOUT GUESS'],
    async () => {
      const one = await pair({ hasUpdate: false });
      await seen(one.appId, 3 * day);
      return one;
    },
  ],
  [
    'S63',
    'NOT_OFFERED',
    'UNKNOWN',
    ['NOT_OFFERED LIKELY'],
    async () => {
      const one = await pair({ hasUpdate: false });
      await seen(one.appId, 8 * day);
      return one;
    },
  ],
  [
    'S63',
    'NOT_LOOKED_YET',
    'UNKNOWN',
    ['NOT_LOOKED_YET LIKELY', 'STAGED_ROLLOUT GUESS'],
    () => pair({ hasUpdate: false }),
  ],
];

describe('what is available', () => {
  test.each(availabilities)('%s %s is %s: %j', async (_number, reason, verdict, codes, make) => {
    const one = await make();
    const found = await told(one);
    expect(found).toMatchObject({ verdict, willUpdate: false });
    expect(found.codes.filter((code) => code !== 'NO_POLICY FACT' && code !== 'NO_LICENSE FACT')).toEqual(codes);
    expect((await why(one)).availability).toMatchObject({ reason });
  });

  test('S59 S61 S62 S63 every reason of availability has its case: system and family, storefront, what is not offered yet', () => {
    const tested = new Set(availabilities.map(([, reason]) => reason));
    for (const reason of ['OS_TOO_OLD', 'DEVICE_FAMILY', 'STOREFRONT', 'NOT_OFFERED'] as const)
      expect(tested).toContain(reason);
    expect(Object.keys(availabilityReasons).filter((reason) => !tested.has(reason as never))).toEqual([]);
  });

  test('S59 two devices, one app, one moment: different answers, and the store is not taken for all', async () => {
    const appId = await fleet.app('2', { minimumOs: '17' });
    const [fits] = await fleet.devices(1, { osVersion: '17.4' });
    const [old] = await fleet.devices(1, { osVersion: '16.7' });
    const [mute] = await fleet.devices(1);
    await fleet.install(appId, [fits!, old!], '1');
    await fleet.install(appId, [mute!], null);
    const verdicts = [];
    for (const deviceId of [fits!, old!, mute!]) verdicts.push((await why({ deviceId, appId })).verdict);
    expect(verdicts).toEqual(['AVAILABLE', 'NOT_FOR_THIS_DEVICE', 'UNKNOWN']);
  });
});

const changed =
  (change: (one: Pair) => Promise<unknown>, like: Like = {}) =>
  async () => {
    const one = await pair(like);
    await ruled(one);
    await change(one);
    return one;
  };
const tomorrow = () => {
  const names = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
  return names[new Date(fleet.clock.now().getTime() + day).getUTCDay()]!;
};

type Decided = [number: string, code: string, willUpdate: boolean, make: () => Promise<Pair>, also?: string];
const decisions: Decided[] = [
  ['S64', 'NOT_INSTALLED', false, changed((one) => prisma().installedApp.deleteMany({ where: one }))],
  ['S51', 'NO_LICENSE', false, changed(({ appId }) => prisma().license.deleteMany({ where: { appId } }))],
  ['S61', 'MAC_NOT_DRIVEN', false, changed(async () => {}, { device: { family: 'MAC' }, store: { platform: 'osx' } })],
  [
    'S64',
    'NOT_ENROLLED',
    false,
    changed(({ deviceId }) => prisma().enrollment.updateMany({ where: { deviceId }, data: { state: 'GONE' } })),
  ],
  ['S64', 'NO_POLICY', false, () => pair()],
  [
    'S57',
    'POLICY_NEVER',
    false,
    async () => {
      const one = await pair();
      await ruled(one, { mode: 'NEVER' });
      return one;
    },
  ],
  [
    'S60',
    'STUCK',
    false,
    async () => {
      const one = await pair();
      await ruled(one, { mode: 'IMMEDIATELY', maxAttempts: 1, pauseAtPercent: null });
      await run(() => 'FAILED');
      return one;
    },
  ],
  [
    'S60',
    'STUCK',
    false,
    async () => {
      const one = await pair();
      await ruled(one, { mode: 'IMMEDIATELY', maxAttempts: 1, pauseAtPercent: null });
      await run(() => 'UNCHANGED');
      await fleet.clock.advance(7 * hour);
      await fleet.answer();
      await fleet.step();
      return one;
    },
    'APP_IN_USE GUESS',
  ],
  [
    'S64',
    'PAUSED',
    false,
    changed(async ({ appId }) => {
      await fleet.step();
      const { id } = await prisma().updateRollout.findFirstOrThrow({ where: { appId } });
      await pauseUpdates(fleet.admin, { rolloutId: id });
    }),
  ],
  [
    'S64',
    'OTHER_OPERATION',
    true,
    changed(async ({ deviceId, appId }) => {
      const at = fleet.clock.now();
      const task = await prisma().task.findFirstOrThrow();
      await prisma().appOperation.create({
        data: {
          organizationId: fleet.organizationId,
          kind: 'INSTALL',
          state: 'READY',
          taskId: task.id,
          deviceId,
          appId,
          createdAt: at,
          changedAt: at,
        },
      });
    }),
  ],
  ['S64', 'UNDER_WAY', true, changed(() => run())],
  [
    'S64',
    'RING_NOT_OPEN',
    true,
    async () => {
      const one = await pair();
      const [first] = await fleet.devices(1);
      await fleet.install(one.appId, [first!], '1');
      const at = { createdAt: fleet.clock.now(), updatedAt: fleet.clock.now() };
      const group = await prisma().deviceGroup.create({
        data: { organizationId: fleet.organizationId, name: 'Pilots', kind: 'STATIC', ...at },
      });
      await prisma().deviceGroupMember.create({
        data: { organizationId: fleet.organizationId, groupId: group.id, deviceId: first! },
      });
      await ruled(one, { mode: 'IMMEDIATELY', rings: [{ deviceGroupId: group.id, soakHours: 24 }] });
      await fleet.step();
      return one;
    },
  ],
  [
    'S64',
    'STAGGERED',
    true,
    changed(async (one) => {
      await fleet.step();
      await prisma().updateItem.updateMany({
        where: one,
        data: { state: 'WAITING', dueAt: new Date(fleet.clock.now().getTime() + hour) },
      });
    }),
  ],
  ['S64', 'DEVICE_SILENT', true, changed(() => fleet.step())],
  [
    'S64',
    'WAITS_FOR_PLACE',
    true,
    async () => {
      const one = await pair();
      const [other] = await fleet.devices(1);
      await ruled(one, { mode: 'IMMEDIATELY', maxInFlight: 1 });
      await prisma().installedApp.updateMany({ where: one, data: { installing: true } });
      await fleet.install(one.appId, [other!], '1');
      await run();
      await prisma().installedApp.updateMany({ where: one, data: { installing: false } });
      await prisma().updateWake.create({ data: { organizationId: fleet.organizationId, deviceId: one.deviceId } });
      await fleet.step();
      await fleet.answer(() => null);
      await fleet.step();
      return one;
    },
  ],
  [
    'S64',
    'DEVICE_BUSY',
    true,
    async () => {
      const first = await pair();
      const one = { ...first, appId: await fleet.app('2') };
      await fleet.install(one.appId, [one.deviceId], '1');
      for (const each of [first, one]) await ruled(each);
      await run();
      return one;
    },
  ],
  [
    'S56',
    'WINDOW_CLOSES',
    true,
    async () => {
      const one = await pair();
      const [opens, closes] = [later(60_000), later(60_000 + 2 * hour)];
      const days = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
      const window = { day: days[opens.getUTCDay()]!, startsAt: timeOf(opens), endsAt: timeOf(closes) };
      await ruled(one, { mode: 'SCHEDULED', windows: [window] });
      await fleet.clock.advance(2 * 60_000);
      await fleet.step();
      await fleet.clock.advance(2 * hour - 10 * 60_000);
      return one;
    },
  ],
  ['S60', 'BACK_OFF', true, changed(() => run(() => 'FAILED'))],
  [
    'S55',
    'OUTSIDE_WINDOW',
    true,
    async () => {
      const one = await pair();
      await ruled(one, { mode: 'SCHEDULED', windows: [{ day: tomorrow(), startsAt: '20:00', endsAt: '22:00' }] });
      return one;
    },
  ],
  ['S64', 'NEXT_STEP', true, changed(async () => {})],
];

describe('why, and why not', () => {
  test.each(decisions)('%s %s comes first, willUpdate %j', async (_number, code, willUpdate, make, also) => {
    const one = await make();
    const decision = await why(one);
    expect(decision.reasons[0], JSON.stringify(decision.reasons)).toMatchObject({ code });
    expect(decision.willUpdate).toBe(willUpdate);
    expect(decision.reasons.every(({ message }) => message.length > 10)).toBe(true);
    if (also) expect((await told(one)).codes).toContain(also);
  });

  test('S64 a device that was not seen for a week is told beside whatever else there is', async () => {
    const one = await pair({ version: '2' });
    await prisma().enrollment.updateMany({
      where: { deviceId: one.deviceId },
      data: { lastSeenAt: new Date(fleet.clock.now().getTime() - 8 * day) },
    });
    expect((await told(one)).codes).toEqual(['CURRENT FACT', 'DEVICE_SILENT LIKELY']);
  });

  test('S60 what failed is tried again after its wait, and a tried one is UPDATED in the end', async () => {
    const one = await pair();
    await ruled(one, { mode: 'IMMEDIATELY', pauseAtPercent: null });
    await run(() => 'FAILED');
    const { nextAt, attempts } = (await why(one)).attempt!;
    expect([attempts, nextAt!.getTime() - fleet.clock.now().getTime()]).toEqual([1, hour]);
    await fleet.clock.advance(hour - 2_000);
    await run();
    expect((await told(one)).codes[0]).toBe('BACK_OFF FACT');
    await run(() => 'DONE');
    await fleet.step();
    expect((await why(one)).attempt).toMatchObject({ attempts: 2, outcome: 'UPDATED', stuckAt: null });
    expect((await told(one)).codes[0]).toBe('CURRENT FACT');
  });

  test('S52 S64 a policy of an app in a group goes before one of the app, a group, and the organization; the rest is told', async () => {
    const one = await pair();
    const at = { createdAt: fleet.clock.now(), updatedAt: fleet.clock.now() };
    const group = await prisma().deviceGroup.create({
      data: { organizationId: fleet.organizationId, name: 'Ward', kind: 'STATIC', ...at },
    });
    await prisma().deviceGroupMember.create({
      data: { organizationId: fleet.organizationId, groupId: group.id, deviceId: one.deviceId },
    });
    const windows = [{ day: 'MONDAY' as const, startsAt: '20:00' }];
    const ofAll = await setUpdatePolicy(fleet.admin, { mode: 'SCHEDULED', windows });
    const ofGroup = await setUpdatePolicy(fleet.admin, { deviceGroupId: group.id, mode: 'IMMEDIATELY' });
    const ofApp = await ruled(one, { mode: 'IMMEDIATELY' });
    const ofBoth = await setUpdatePolicy(fleet.admin, { appId: one.appId, deviceGroupId: group.id, mode: 'NEVER' });
    const decision = await why(one);
    expect([decision.policy!.id, ...decision.passedOver.map(({ id }) => id)]).toEqual([ofBoth, ofApp, ofGroup, ofAll]);
    expect(decision.policy).toMatchObject({ mode: 'NEVER' });
    expect(decision.passedOver[2]).toMatchObject({
      mode: 'SCHEDULED',
      windows: [{ day: 'MONDAY', startsAt: '20:00', endsAt: null }],
    });
    await prisma().updatePolicy.deleteMany({ where: { id: { in: [ofAll, ofGroup] } } });
  });
});

test('S59 what is current is so by what the store had when it was last read', async () => {
  const one = await pair({ version: '2' });
  const at = new Date('2026-01-02T03:04:00Z');
  await prisma().appMetadata.updateMany({ where: { appId: one.appId }, data: { fetchedAt: at } });
  const [current] = (await why(one)).reasons;
  expect(current!.message).toContain('2026-01-02 03:04 UTC');
  expect(current!.evidence).toContainEqual({ name: 'storeReadAt', value: at.toISOString() });
});

test('S64 a device or an app that is not there is not found', async () => {
  const one = await pair();
  await expect(why({ ...one, deviceId: 999_999n })).rejects.toMatchObject({ code: 'NOT_FOUND', kind: 'device' });
  await expect(why({ ...one, appId: 999_999n })).rejects.toMatchObject({ code: 'NOT_FOUND', kind: 'app' });
});

test('S59 S63 what is tried is among what the counts of versions let through, and what is current is not', async () => {
  // Two platforms with different versions: one of them is never the device's own.
  const { appId } = await pair({ version: '2' });
  const current = await pair({ version: '2' });
  await pair();
  await pair({ hasUpdate: true, store: { platform: 'osx' } });
  // Counts cut what devices say.
  await pair({ version: '1'.repeat(60) });
  await prisma().$executeRaw(
    sql`
    INSERT INTO app_metadata (organization_id, app_id, storefront, platform, external_version_id, device_families, fetched_at)
    SELECT organization_id, app_id, storefront, 'appletvos', '7', '{}', fetched_at FROM app_metadata WHERE app_id = ${appId}` as never,
  );
  const { tried, let_through: through } = await transaction(fleet.services, async (tx) => {
    const behind = await readBehind(tx, fleet.organizationId);
    const [rows] = await tx.$queryRaw<{ tried: string[]; let_through: string[] }[]>(sql`
      SELECT array_agg(a.app_id::text) FILTER (WHERE ${isTried}) AS tried, array_agg(a.app_id::text) FILTER (WHERE ${mayBeBehind(behind!)}) AS let_through
      FROM app_availability a WHERE a.organization_id = ${fleet.organizationId} AND a.family <> 'MAC'`);
    return rows!;
  });
  expect(tried.length).toBeGreaterThan(3);
  expect(tried.filter((one) => !through.includes(one))).toEqual([]);
  expect(through).toContain(String(appId));
  expect(through).not.toContain(String(current.appId));
});
