/**
 * A fleet for some days, through the public API and both simulators: installs with 9610, then an update under a cap with
 * kiosks among the devices, while messages come twice, late and in another order. Time is virtual. `FLEET_DEVICES=10000`
 * makes it large. @module
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FleetDay, hour, minute, openFleetDay, second, unlimitedApp } from '../support/fleet-day.ts';

const count = Number(process.env.FLEET_DEVICES ?? 40);
const cap = count >= 1_000 ? 50 : 10;
const seed = Number(process.env.FLEET_SEED ?? Math.floor(Math.random() * 1_000_000));
const limit = 60_000 + count * 500;
let day: FleetDay;
beforeAll(async () => {
  console.log(`${count} devices, at most ${cap} updates at once, FLEET_SEED=${seed}`);
  day = await openFleetDay(count, {
    settings: { inventoryEvery: 7 * 24 * hour, informationEvery: 7 * 24 * hour },
    simulator: {
      seed,
      fleet: { propagationMs: 10 * second, propagationJitterMs: minute },
      mdm: { webhookDuplicate: 0.05, webhookReorder: 0.05 },
    },
  });
}, limit);
afterAll(() => day.close());

const spent = (began: number) => `${Math.round((performance.now() - began) / 1000)} s`;
const task = async (id: string) =>
  (
    await day.ask(
      'query ($id: ID!) { task(id: $id) { outcome requested completed failed failures(first: 1) { totalCount } } }',
      { id },
    )
  ).task;

test(
  'S28 F2 installs: 9610 for a third is shown to nobody, and nothing is sent before its license is confirmed',
  async () => {
    const began = performance.now();
    const { admin } = day.world.simulator;
    const errors = [{ domain: 'ASDServerErrorDomain', code: 9610 }];
    admin.fleet.script({ script: { kind: 'error', errors, chance: 0.3, times: 2, requestType: 'InstallApplication' } });
    admin.fleet.script({ script: { kind: 'notNow', chance: 0.1, times: 1 } });
    const id = await day.installApp();
    await day.until(() => day.ended(id), 10 * second);
    const all = { outcome: 'ALL', requested: count, completed: count, failed: 0, failures: { totalCount: 0 } };
    expect(await task(id)).toEqual(all);
    expect(await day.sentTooEarly()).toBe(0);
    expect(await day.differences()).toEqual([]);
    console.log(`installs: ${JSON.stringify(admin.fleet.state().commands)}, ${spent(began)}`);
  },
  limit,
);

test(
  'S53 S60 F10 an update under a cap: never more at once, all settle, kiosks only as often as allowed, no state differs',
  async () => {
    const began = performance.now();
    const { admin } = day.world.simulator;
    admin.fleet.clearScripts();
    admin.fleet.script({
      serialNumbers: day.serials.filter((_, n) => n % (count >= 1_000 ? 250 : 20) === 7),
      script: { kind: 'kiosk' },
    });
    admin.fleet.script({ script: { kind: 'notNow', chance: 0.1, times: 1 } });
    admin.fleet.act({ share: 0.05, seed: seed + 7, act: { kind: 'goOffline', forMs: 3 * hour, keepsPush: true } });
    const isKiosk = new Set(
      admin.fleet
        .devices()
        .filter(({ scripts }) => scripts.some(({ kind }) => kind === 'kiosk'))
        .map(({ serialNumber }) => serialNumber),
    );
    const from = day.world.clock.now().getTime();
    await day.policy({ mode: 'IMMEDIATELY', maxInFlight: cap, pauseAtPercent: null, maxAttempts: 2 });
    const { externalId } = admin.publishVersion({ adamId: unlimitedApp }).variants[0]!;
    const updated = () =>
      admin.fleet.devices().filter(({ apps }) => apps[0]?.installed?.externalId === externalId).length;
    const broughtTo = async () =>
      (await day.world.database.prisma.updateRollout.aggregate({ _sum: { updated: true } }))._sum.updated;
    const open = () => day.world.database.prisma.appOperation.count({ where: { endedAt: null } });
    const stuck = () => day.world.database.prisma.updateAttempt.count({ where: { stuckAt: { not: null } } });
    await day.until(async () => (await broughtTo()) === count - isKiosk.size, minute);
    // A kiosk works on each try for six hours, and nothing else happens any more; only when it begins is it looked at closely.
    await day.pass(6 * hour, hour);
    await day.until(async () => (await open()) > 0 || (await stuck()) === isKiosk.size, 5 * minute);
    await day.pass(6 * hour, hour);
    await day.until(async () => (await open()) === 0 && (await stuck()) === isKiosk.size, 5 * minute);
    await day.pass(24 * hour);
    const most = await day.mostAtOnce('UPDATE');
    expect(most).toBeLessThanOrEqual(cap);
    // One that was put off was no try.
    const tried = admin.fleet.devices({ seen: true }).map(({ serialNumber, seen }) => {
      const installs = seen!.filter(
        ({ requestType, status }) => requestType === 'InstallApplication' && status !== 'NotNow',
      );
      return isKiosk.has(serialNumber) ? installs.filter(({ at }) => at >= from).length : 0;
    });
    expect(Math.max(...tried)).toBe(2);
    expect(updated()).toBe(count - isKiosk.size);
    expect(await day.differences()).toEqual([]);
    console.log(
      `updates: at most ${most} at once, ${isKiosk.size} kiosks, ${JSON.stringify(admin.fleet.state().commands)}, ${spent(began)}`,
    );
  },
  limit,
);
