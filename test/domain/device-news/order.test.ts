/** News of devices come late, twice and in any order: what they lead to is what they lead to in order. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fold, stateOf, unknown } from '../../../src/domain/enrollment/fold.ts';
import { joinLists, neverListed } from '../../../src/domain/inventory/lists.ts';
import type { DeviceApp, DeviceNews, DeviceRequest } from '../../../src/domain/mdm-ports.ts';
import { createDeviceWorld, type DeviceWorld, type Organization } from '../command/support.ts';

const seed = Number(process.env.NEWS_SEED ?? Math.floor(Math.random() * 1_000_000_000));
const histories = Number(process.env.NEWS_HISTORIES ?? 15);
let world: DeviceWorld;
let org: Organization;
beforeAll(async () => {
  console.log(`NEWS_SEED=${seed}`);
  world = await createDeviceWorld();
  org = await world.organization();
});
afterAll(() => world.close());

const bundles = ['a', 'b', 'c'] as const;
const apps = fc.uniqueArray(fc.tuple(fc.constantFrom(...bundles), fc.integer({ min: 1, max: 3 })), {
  selector: ([name]) => name,
});
const flag = fc.boolean();
/** One thing that a device does, without its name and time. */
const event = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('LIST' as const), apps }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('SOME' as const),
      asked: fc.subarray([...bundles], { minLength: 1 }),
      apps,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('MANAGED' as const), apps: fc.subarray([...bundles]) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('TOLD' as const), apps, complete: flag }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('FACTS' as const),
      zone: fc.option(fc.constantFrom('Europe/Zurich', 'UTC')),
      os: fc.option(fc.constantFrom('17', '18')),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('BEGINS' as const), os: fc.constantFrom('17', '18', '26') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('REACHABLE' as const), waiting: fc.option(flag), fresh: flag }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('IDLE' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('GOODBYE' as const) }) },
);
type Event = typeof event extends fc.Arbitrary<infer One> ? One : never;
const history = fc
  .array(event, { minLength: 2, maxLength: 9 })
  .map((rest): Event[] => [{ kind: 'BEGINS', os: '17' }, ...rest]);

const appOf = ([bundleId, version]: readonly [string, number]): DeviceApp => ({
  ...{
    bundleId,
    name: bundleId,
    version: String(version),
    shortVersion: String(version),
    externalVersionId: String(version),
  },
  ...{ hasUpdate: false, deviceLicense: true, installing: false, downloadFailed: false },
});

/** What is asked of a device so that an event is its answer. */
function requestOf(one: Event): DeviceRequest | null {
  if (one.kind === 'LIST') return { kind: 'LIST_INSTALLED_APPS', bundleIds: null };
  if (one.kind === 'SOME') return { kind: 'LIST_INSTALLED_APPS', bundleIds: one.asked };
  if (one.kind === 'MANAGED') return { kind: 'LIST_MANAGED_APPS', bundleIds: null };
  return one.kind === 'FACTS' ? { kind: 'DEVICE_INFORMATION' } : null;
}

function newsOf(one: Event, enrollmentId: string, at: string, commandUuid: string): DeviceNews {
  const head = { enrollmentId, type: 'DEVICE' as const, at };
  const answered = { ...head, kind: 'ANSWERED' as const, commandUuid, status: 'ACKNOWLEDGED' as const };
  switch (one.kind) {
    case 'LIST':
      return { ...answered, result: { errors: [], apps: one.apps.map(appOf) } };
    case 'SOME':
      return {
        ...answered,
        result: { errors: [], apps: one.apps.filter(([name]) => one.asked.includes(name)).map(appOf) },
      };
    case 'MANAGED':
      return {
        ...answered,
        result: {
          errors: [],
          managedApps: one.apps.map((bundleId) => ({ bundleId, status: 'Managed', externalVersionId: '1' })),
        },
      };
    case 'TOLD':
      return { ...head, kind: 'INVENTORY', apps: one.apps.map(appOf), complete: one.complete, facts: null };
    case 'FACTS':
      return {
        ...answered,
        result: {
          errors: [],
          facts: { ...(one.zone && { timeZone: one.zone }), ...(one.os && { osVersion: one.os }) },
        },
      };
    case 'BEGINS':
      return {
        ...head,
        kind: 'AUTHENTICATED',
        facts: { serialNumber: enrollmentId, osVersion: one.os, modelName: 'iPad' },
      };
    case 'REACHABLE':
      return { ...head, kind: 'REACHABLE', fresh: one.fresh, awaitingConfiguration: one.waiting };
    case 'IDLE':
      return { ...head, kind: 'IDLE' };
    case 'GOODBYE':
      return { ...head, kind: 'CHECKED_OUT' };
  }
}

const shuffled = <T>(items: readonly T[], random: () => number): T[] =>
  items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);

/** Some of it twice, all of it in any order, in parcels of any size. */
const arrivals = <T>(items: readonly T[], random: () => number): T[][] => {
  const all = shuffled([...items, ...items.filter(() => random() < 0.3)], random);
  const parcels: T[][] = [];
  while (all.length > 0) parcels.push(all.splice(0, 1 + Math.floor(random() * 3)));
  return parcels;
};
const random = fc
  .infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }))
  .map((stream) => () => stream.next().value as number);

test('S28 what is known of an enrollment follows from what was told, in whatever order and however often', () => {
  fc.assert(
    fc.property(history, random, (events, next) => {
      const told = events.map((one, at) => ({ at, news: newsOf(one, 'U', new Date(at).toISOString(), `${at}`) }));
      const inOrder = told.reduce((known, one) => fold(known, [one]), unknown('DEVICE'));
      const other = arrivals(told, next).reduce((known, some) => fold(known, some), unknown('DEVICE'));
      expect(other).toEqual(inOrder);
      expect(stateOf(other)).toBe(stateOf(inOrder));
    }),
    { seed, numRuns: 500 },
  );
});

test('S28 lists that come together are joined by when they were told', () => {
  const list = fc.record({
    apps,
    covers: fc.oneof(fc.constant('ALL' as const), fc.subarray([...bundles], { minLength: 1 })),
  });
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), random, (lists, next) => {
      const dated = lists.map(({ apps: some, covers }, at) => ({
        ...{ at, covers },
        apps: some.filter(([name]) => covers === 'ALL' || covers.includes(name)).map(appOf),
      }));
      const joined = joinLists(1n, dated, neverListed)!;
      const other = joinLists(1n, arrivals(dated, next).flat(), neverListed)!;
      const sorted = ({ apps: some, covers }: typeof joined) => ({
        apps: [...some].sort((a, b) => (a.bundleId < b.bundleId ? -1 : 1)),
        covers: covers === 'ALL' ? covers : [...covers].sort(),
      });
      expect(sorted(other)).toEqual(sorted(joined));
    }),
    { seed, numRuns: 500 },
  );
});

/**
 * What is known of a device in the end. Not how its managed apps stand: that is noted on apps that were told of before, and
 * asked with every list.
 */
async function outcomeOf(enrollmentId: string): Promise<object> {
  const { prisma } = world.database;
  const found = await prisma.enrollment.findFirstOrThrow({ where: { enrollmentId }, include: { device: true } });
  const {
    state,
    awaitingConfiguration,
    timeZone,
    authenticatedAt,
    enrolledAt,
    reachableAt,
    checkedOutAt,
    lastSeenAt,
    device,
  } = found;
  const where = { deviceId: device!.id };
  const installed = await prisma.installedApp.findMany({ where, orderBy: { bundleId: 'asc' } });
  const commands = await prisma.deviceCommand.findMany({
    where: { enrollmentId: found.id, uuid: { not: null } },
    orderBy: { id: 'asc' },
  });
  return {
    ...{ state, awaitingConfiguration, timeZone, authenticatedAt, enrolledAt, reachableAt, checkedOutAt, lastSeenAt },
    // What one is that left, the list says.
    osVersion: state === 'GONE' ? null : device!.osVersion,
    installed: installed.map(({ bundleId, version }) => [bundleId, version]),
    commands: commands.map((one) => one.state),
  };
}

// Which device it is comes first, for lists of nobody are not kept.
test('S28 devices, apps and commands are the same in the end, in whatever order and however often it was told', async () => {
  const { prisma } = world.database;
  const drawn = fc.sample(fc.tuple(history, random), { numRuns: histories, seed });
  const length = 10;
  const begun = world.clock.now();
  const sentAt = new Date(begun.getTime() - 60_000);
  const plans: { name: string; parcels: DeviceNews[][] }[] = [];
  for (const [number, [events, next]] of drawn.entries())
    for (const kind of ['ORDER', 'OTHER']) {
      const name = `${kind}-${number}`;
      const { id: enrollmentId } = await prisma.enrollment.create({
        data: {
          organizationId: org.organizationId,
          connectionId: org.connectionId,
          enrollmentId: name,
          state: 'ENROLLING',
        },
      });
      const uuids = events.map(() => randomUUID());
      await prisma.deviceCommand.createMany({
        data: events.flatMap((one, at) => {
          const request = requestOf(one);
          if (!request) return [];
          return {
            ...{ organizationId: org.organizationId, connectionId: org.connectionId, enrollmentId, generation: 1 },
            ...{ kind: request.kind, request, state: 'QUEUED' as const, uuid: uuids[at]!, sentAt, createdAt: sentAt },
            deadlineAt: new Date(begun.getTime() + 3_600_000),
          };
        }),
      });
      const told = events.map((one, at) => newsOf(one, name, org.at(at - length), uuids[at]!));
      plans.push({
        name,
        parcels: kind === 'ORDER' ? told.map((one) => [one]) : [[told[0]!], ...arrivals(told, next)],
      });
    }
  for (let round = 0; plans.some(({ parcels }) => parcels.length > round); round++)
    await org.hear(...plans.flatMap(({ parcels }) => parcels[round] ?? []));
  expect(await prisma.deviceNews.count({ where: { appliedAt: null } })).toBe(0);
  for (const [number, [events]] of drawn.entries()) {
    const [inOrder, other] = [await outcomeOf(`ORDER-${number}`), await outcomeOf(`OTHER-${number}`)];
    const order = plans.find(({ name }) => name === `OTHER-${number}`)!.parcels;
    const arrived = order.map((parcel) => parcel.map(({ kind, at }) => `${kind} ${at}`));
    expect(other, JSON.stringify({ seed, events, arrived })).toEqual(inOrder);
  }
}, 120_000);
