import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AppleFailure, type MetadataSource } from '../../../src/domain/ports.ts';
import { createWorld, type World } from '../../support/world.ts';

const day = 86_400_000;
let world: World;
let lookup: ReturnType<typeof vi.fn<MetadataSource['lookup']>>;

beforeAll(async () => {
  world = await createWorld({ settings: { metadataApps: 7 } });
  lookup = vi.fn(world.services.metadata.lookup);
  world.services.metadata = { lookup };
  await world.library();
});
afterAll(() => world.close());

const asked = () => lookup.mock.calls.flatMap(([query]) => query.adamIds);
const appsOfToken = () => world.database.prisma.app.count({ where: { organizationId: world.organizationId } });

test('S13 a first sync asks for every app, however many; then nothing is due until a day has passed', async () => {
  expect(new Set(asked()).size).toBe(await appsOfToken());
  lookup.mockClear();
  await world.clock.advance(2 * 3_600_000);
  // Only the new apps that no storefront knew are tried again.
  await world.work();
  const known = await world.database.prisma.app.findMany({ where: { name: { not: null } }, select: { adamId: true } });
  expect(asked().filter((adamId) => known.some((app) => app.adamId === adamId))).toEqual([]);
});

test('S13 old metadata is asked for again without a sync, a bounded number at a time, until all were', async () => {
  lookup.mockClear();
  await world.clock.advance(day);
  const total = await appsOfToken();
  const seen = new Set<string>();
  for (let run = 0; run < Math.ceil(total / 7) + 1; run++) {
    lookup.mockClear();
    await world.work();
    expect(asked().length).toBeLessThanOrEqual(7);
    for (const adamId of asked()) seen.add(adamId);
    await world.clock.advance(600_000);
  }
  expect(seen.size).toBe(total);
});

test('S13 §15 a source that asks to wait is asked again when it allows it, not at the next schedule and not before', async () => {
  await world.clock.advance(2 * day);
  lookup.mockRejectedValueOnce(new AppleFailure('RATE_LIMITED', 'busy', { retryAfter: 1_200_000 }));
  lookup.mockClear();
  await world.work();
  expect(lookup).toHaveBeenCalledTimes(1);
  await world.clock.advance(1_199_999);
  await world.work();
  expect(lookup).toHaveBeenCalledTimes(1);
  await world.clock.advance(1);
  await world.work();
  expect(lookup).toHaveBeenCalledTimes(2);
});

test('S13 what was known last stays when the store knows it no more, and when it does not answer', async () => {
  const before = await world.database.prisma.app.findMany({
    select: { adamId: true, name: true, iconUrl: true },
    orderBy: { id: 'asc' },
  });
  lookup.mockResolvedValue([]);
  await world.clock.advance(2 * day);
  await world.work();
  lookup.mockRejectedValue(new Error('a defect'));
  await world.clock.advance(2 * day);
  await expect(world.work()).rejects.toThrow('a defect');
  // It is not tried again and again.
  lookup.mockClear();
  await world.work();
  expect(lookup).not.toHaveBeenCalled();
  expect(
    await world.database.prisma.app.findMany({
      select: { adamId: true, name: true, iconUrl: true },
      orderBy: { id: 'asc' },
    }),
  ).toEqual(before);
});
