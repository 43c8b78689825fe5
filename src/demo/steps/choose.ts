/** Which app goes to which devices: decided by the data, as a person would. @module */
import { DemoDevicesDocument, type DemoDevicesQuery } from '../../generated/operations/graphql.ts';
import { readAll } from '../client.ts';
import { DemoFailure } from '../failure.ts';
import { done, type Run } from '../step.ts';
import { tame } from '../terminal/text.ts';
import { readHolders, readNumbers } from './read-app.ts';
import type { DemoApp } from './show-apps.ts';
import { awaitOthers, tidyUp } from './tidy-up.ts';

/** An app and the devices that shall have it. */
export interface Chosen {
  app: DemoApp;
  serialNumbers: string[];
}

type DemoDevice = DemoDevicesQuery['devices']['edges'][number]['node'];

/** Lowest system that can hold device licenses. */
const lowest = '9.0';

/**
 * The app with the fewest seats that are enough, so that its counts are seen to move, and that many devices which can
 * run it. Licenses that an interrupted run left there are taken back when they are in the way.
 */
export async function choose(run: Run, apps: readonly DemoApp[]): Promise<Chosen> {
  const { client, options, screen, report } = run;
  const families = ['IPAD', 'IPHONE'] as const;
  const devices = await readAll(
    async (after) => (await client.ask(DemoDevicesDocument, { first: 100, after, families: [...families] })).devices,
  );
  await awaitOthers(run);
  const app = await chooseApp(apps, options.devices, async ({ id }) => (await readHolders(run, id)).length);
  const able = devices.filter((device) => canHold(device, app)).map(({ serialNumber }) => serialNumber);
  let serialNumbers = await chooseDevices(run, app, able);
  if (serialNumbers.length < Math.min(options.devices, able.length) && (await tidyUp(run, app, able)))
    serialNumbers = await chooseDevices(run, app, able);
  if (serialNumbers.length === 0)
    throw new DemoFailure('NO_DEVICES', `No device on the list can get a license of ${app.name ?? app.adamId}.`, [
      'It takes iPads or iPhones with iOS 9.0 or newer, and a free license. npm start brings a simulator with both.',
    ]);
  report.chosen = { adamId: app.adamId, name: app.name, devices: serialNumbers.length };
  done(screen, `${tame(app.name ?? app.adamId)} (${app.adamId}) for ${serialNumbers.length} iPads and iPhones`);
  return { app, serialNumbers };
}

/** As many devices without a license of the app as are wanted and as there are free licenses. */
async function chooseDevices(run: Run, app: DemoApp, able: readonly string[]): Promise<string[]> {
  const { available } = await readNumbers(run, app.id);
  const holders = new Set(await readHolders(run, app.id));
  const free = Math.min(run.options.devices, available ?? Number.POSITIVE_INFINITY);
  return able.filter((serialNumber) => !holders.has(serialNumber)).slice(0, free);
}

/**
 * The app with the fewest seats of which enough are free, or would be without the licenses that Russet gave out, which
 * `given` counts; so an interrupted run finds its app again. The one with the most free seats when none has enough.
 */
export async function chooseApp(
  apps: readonly DemoApp[],
  devices: number,
  given: (app: DemoApp) => Promise<number>,
): Promise<DemoApp> {
  const fitting = apps.filter((app) => app.deviceAssignable && runsOnIos(app));
  const bySize = fitting.filter((app) => seats(app) >= devices).sort((a, b) => seats(a) - seats(b));
  for (const app of bySize) if (free(app) >= devices || free(app) + (await given(app)) >= devices) return app;
  const [most] = fitting.filter((app) => free(app) > 0).sort((a, b) => free(b) - free(a));
  if (most) return most;
  throw new DemoFailure('NO_APP', 'No purchased app has a free license for iPads and iPhones.');
}

function runsOnIos({ platforms }: DemoApp): boolean {
  return platforms.some((platform) => platform.toLowerCase() === 'ios');
}

function seats({ licenses }: DemoApp): number {
  return licenses.total === null ? Number.POSITIVE_INFINITY : Number(licenses.total);
}

function free({ licenses }: DemoApp): number {
  return licenses.available === null ? Number.POSITIVE_INFINITY : Number(licenses.available);
}

/** Whether the device runs a system that can hold a license of the app and run it. */
export function canHold({ family, osVersion }: DemoDevice, { deviceFamilies, minimumOsVersion }: DemoApp): boolean {
  const named = deviceFamilies.map((name) => name.toLowerCase());
  if (named.length > 0 && !named.includes(family.toLowerCase())) return false;
  return osVersion !== null && [lowest, minimumOsVersion ?? lowest].every((needed) => isAtLeast(osVersion, needed));
}

function isAtLeast(version: string, needed: string): boolean {
  const [a, b] = [version, needed].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
