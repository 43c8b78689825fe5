/** Installs with licenses of Apple's simulator: the license first, the command after it, the seat back when it fails. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { giveApp, type TestApp, taskOf } from '../license/support.ts';
import { createHands, type Hands } from './hands.ts';

let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
beforeEach(() => {
  hands.act = () => 'INSTALL';
  hands.installs.length = 0;
});
afterAll(() => hands.close());

const app = (spec: Parameters<typeof giveApp>[2] = {}) => giveApp(hands.world, hands.tokenId, spec);
const operations = (of: TestApp) =>
  hands.world.database.prisma.appOperation.findMany({ where: { appId: of.id }, orderBy: { id: 'asc' } });

describe('S28 installs', () => {
  test('S28 one mutation: each device gets its license first, then its command, and its app list ends it', async () => {
    const one = await app();
    const deviceIds = await hands.devices(3);
    const { taskIds } = await associateLicenses(hands.world.admin, {
      appIds: [one.id],
      target: { deviceIds },
      install: true,
    });
    expect(taskIds).toHaveLength(2);
    await hands.ended(...taskIds);
    expect(await taskOf(hands.world, taskIds[0]!)).toMatchObject({ kind: 'ASSOCIATE', outcome: 'ALL', completed: 3n });
    expect(await taskOf(hands.world, taskIds[1]!)).toMatchObject({
      kind: 'INSTALL',
      outcome: 'ALL',
      completed: 3n,
      failed: 0n,
    });
    expect(hands.installs).toHaveLength(3);
    expect((await operations(one)).map((row) => [row.state, row.attempts])).toEqual(Array(3).fill(['DONE', 1]));
  });
});
