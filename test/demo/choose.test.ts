import { describe, expect, it } from 'vitest';
import { canHold, chooseApp } from '../../src/demo/steps/choose.ts';
import type { DemoApp } from '../../src/demo/steps/show-apps.ts';

function app(adamId: string, total: number | null, facts: Partial<DemoApp> = {}): DemoApp {
  return {
    ...{ id: adamId, adamId, name: adamId, status: 'RELEASE', deviceAssignable: true, platforms: ['iOS'] },
    ...{ deviceFamilies: ['iphone', 'ipad'], minimumOsVersion: null },
    licenses: { total, available: total, used: 0 } as DemoApp['licenses'],
    ...facts,
  };
}

describe('the app that the demo chooses', () => {
  const choose = async (apps: DemoApp[], devices: number, given: Record<string, number> = {}) =>
    (await chooseApp(apps, devices, async ({ adamId }) => given[adamId] ?? 0)).adamId;
  const used = (total: number, available: number) => ({
    licenses: { total, available, used: total - available } as DemoApp['licenses'],
  });

  it('has the fewest seats that are enough', async () => {
    const apps = [app('big', 700), app('unlimited', null), app('right', 300), app('small', 25)];
    expect(await choose(apps, 250)).toBe('right');
  });

  it('is for devices, and for iOS', async () => {
    const apps = [
      app('book', 300, { deviceAssignable: false }),
      app('tv', 300, { platforms: ['tvOS'] }),
      app('big', 700),
    ];
    expect(await choose(apps, 250)).toBe('big');
  });

  it('has free seats, or such as an earlier run left behind', async () => {
    const apps = [app('right', 300, used(300, 50)), app('big', 700)];
    expect(await choose(apps, 250)).toBe('big');
    expect(await choose(apps, 250, { right: 250 })).toBe('right');
  });

  it('has the most free seats when none has enough', async () => {
    const apps = [app('one', 1), app('some', 25), app('more', 30, used(30, 2))];
    expect(await choose(apps, 250)).toBe('some');
    await expect(choose([app('none', 30, used(30, 0))], 250)).rejects.toThrow(/No purchased app/);
  });
});

describe('the devices that the demo chooses', () => {
  const device = (osVersion: string | null, family: 'IPAD' | 'IPHONE' = 'IPAD') => ({
    serialNumber: 'S',
    family,
    osVersion,
  });

  it('S4 run iOS 9.0 or newer, compared as numbers', () => {
    expect(canHold(device('8.4.1'), app('a', 1))).toBe(false);
    expect(canHold(device('9.0'), app('a', 1))).toBe(true);
    expect(canHold(device('10.0'), app('a', 1))).toBe(true);
    expect(canHold(device(null), app('a', 1))).toBe(false);
  });

  it('can run the app', () => {
    expect(canHold(device('16.7'), app('a', 1, { minimumOsVersion: '17.0' }))).toBe(false);
    expect(canHold(device('17'), app('a', 1, { minimumOsVersion: '17.0' }))).toBe(true);
    expect(canHold(device('17.0', 'IPHONE'), app('a', 1, { deviceFamilies: ['ipad'] }))).toBe(false);
  });
});
