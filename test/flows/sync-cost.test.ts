/** What a sync costs: it may grow with what has changed, never with what there is. LICENSES=200000 measures a large library. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { large } from '../../src/simulator/index.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

const licenses = Number(process.env.LICENSES ?? 20_000);
const uId = schoolUnits.own;

let world: World;
let tokenId: bigint;
beforeAll(async () => {
  world = await createWorld();
  const { admin } = world.simulator;
  admin.loadScenario({ scenario: large(1, { licenses, devices: Math.ceil(licenses / 5) }) });
  ({ tokenId } = await uploadToken(world.admin, { file: admin.tokenFile('own'), email: 'it@example.org' }));
}, 60_000);
afterAll(() => world.close());

/** A sync, and how many questions it asked Apple. */
async function measure(name: string, full: boolean): Promise<number> {
  const { admin } = world.simulator;
  await world.clock.advance(660_000);
  admin.clearJournal();
  const started = performance.now();
  const { syncs } = await syncLicenses(world.admin, { tokenIds: [tokenId], full });
  await world.work();
  const seconds = (performance.now() - started) / 1000;
  const task = await world.database.prisma.task.findFirstOrThrow({ where: { id: syncs[0]!.taskId } });
  expect(task).toMatchObject({ state: 'SUCCEEDED', syncMode: full ? 'FULL' : 'CHANGES' });
  const journal = admin.journal({ limit: 100_000 });
  const questions = journal.filter((entry) => /^get(Assets|Assignments|Users)$/.test(String(entry.operation))).length;
  console.log(`${licenses} licenses, ${name}: ${questions} questions to Apple, ${seconds.toFixed(2)} s`);
  return questions;
}

test('F3 a sync of a library that did not change asks three questions, however large it is', async () => {
  const pages = Math.ceil(licenses / 1_000);
  expect(await measure('the first sync', true)).toBeGreaterThan(pages);
  expect(await measure('read whole, nothing changed', true)).toBeGreaterThan(pages);
  expect(await measure('changes only, nothing changed', false)).toBe(3);
  const [gone] = world.simulator.admin.truth({ uId }).assignments;
  world.simulator.admin.unassign({ uId, ...gone! });
  expect(await measure('changes only, one license taken back elsewhere', false)).toBeLessThan(10);
}, 600_000);
