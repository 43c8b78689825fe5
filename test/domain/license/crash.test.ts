/** The worker dies at every step, once; the next one goes on. Twice: with Apple taking a repeat as success, and as a failure. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Failpoint } from '../../../src/domain/context.ts';
import { writeLicenses } from '../../../src/domain/license/write-licenses.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  callsOf,
  crashAt,
  expectSound,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  revoke,
  taskOf,
  workThroughCrashes,
} from './support.ts';

const points: Failpoint[] = ['claimed', 'before-call', 'after-call', 'polling', 'settling', 'done'];
/** Each write goes in two calls, and the worker dies in the first or in the second. */
const cases = points.flatMap((point) => [1, 2].map((nth) => ({ point, nth })));

for (const repeat of ['success', 'failure'] as const) {
  describe(`a repeat is ${repeat} at Apple`, () => {
    let world: World;
    let token: bigint;
    beforeAll(async () => {
      const simulator = {
        repeatAssociate: repeat,
        disassociateUnassigned: repeat,
        limits: { maxSerialNumbers: 4, maxRequestPerSecond: 100_000 },
      };
      world = await createWorld({ simulator });
      token = await world.library('own');
    });
    afterEach(() => expectSound(world));
    afterAll(() => world.close());

    for (const { point, nth } of cases) {
      test(`F12 killed at "${point}" (${nth}): each device gets exactly one license, and gives back exactly one`, async () => {
        const app = await giveApp(world, token, { total: 8 });
        const devices = await makeDevices(world, 8);
        const taskId = await associate(world, app, devices);
        const died = crashAt(world, point, nth);
        await workThroughCrashes(world);
        expect(died()).toBe(true);
        expect(await taskOf(world, taskId)).toMatchObject({
          state: 'SUCCEEDED',
          outcome: 'ALL',
          completed: 8n,
          failed: 0n,
        });
        expect(await liveOf(world, app)).toHaveLength(8);
        expect(await holdersAtApple(world, token, app)).toHaveLength(8);

        const back = await revoke(world, app, devices);
        const diedAgain = crashAt(world, point, nth);
        await workThroughCrashes(world);
        expect(diedAgain()).toBe(true);
        expect(await taskOf(world, back)).toMatchObject({
          state: 'SUCCEEDED',
          outcome: 'ALL',
          completed: 8n,
          failed: 0n,
        });
        expect(await holdersAtApple(world, token, app)).toEqual([]);
      });
    }

    test('F12 two writers at once: the newer claim goes on, the older one writes nothing more', async () => {
      const app = await giveApp(world, token, { total: 12 });
      const taskId = await associate(world, app, await makeDevices(world, 12));
      const key = { organizationId: world.organizationId, tokenId: token };
      const { associate: send } = world.services.apple;
      let overtaken = false;
      world.services.apple.associate = async (...call) => {
        if (overtaken) return send(...call);
        overtaken = true;
        // The first writer hangs in its call while another takes over and does everything.
        await writeLicenses(world.services, key, 'newer');
        return send(...call);
      };
      await writeLicenses(world.services, key, 'older');
      world.services.apple.associate = send;
      await world.settle();
      expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 12n, failed: 0n });
      expect(await holdersAtApple(world, token, app)).toHaveLength(12);
    });

    test.each([
      ['ten seconds', 60_000, 11_000],
      ['half the time after which a successor looks at Apple', 1_000, 600],
    ])(
      'F12 a worker that was frozen between writing down and sending for %s does not send',
      async (_, wait, frozen) => {
        world.services.settings = { ...world.services.settings, unknownOutcomeWait: wait };
        const app = await giveApp(world, token, { total: 3 });
        const taskId = await associate(world, app, await makeDevices(world, 3));
        world.simulator.admin.clearJournal();
        world.services.failpoint = (point) => {
          if (point !== 'before-call') return;
          world.services.failpoint = () => {};
          void world.clock.advance(frozen);
        };
        await writeLicenses(world.services, { organizationId: world.organizationId, tokenId: token }, 'frozen');
        expect(callsOf(world, 'associateAssets')).toEqual([]);
        await world.settle();
        expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n });
        expect(callsOf(world, 'associateAssets')).toHaveLength(1);
      },
    );
  });
}
