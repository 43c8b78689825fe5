import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openInstallation } from '../../../src/domain/installation/open.ts';
import { rewrapSecrets } from '../../../src/domain/installation/rewrap.ts';
import { secretRow } from '../../../src/domain/token/exchange.ts';
import { createKeyRing } from '../../../src/domain/token/key-ring.ts';
import { addTokens } from '../../support/sealed-tokens.ts';
import { createWorld, type World } from '../../support/world.ts';

const older = { id: 'old', bytes: randomBytes(32) };
const newer = { id: 'new', bytes: randomBytes(32) };

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await openInstallation(world.services, [older]);
  await addTokens(world.database, world.organizationId, createKeyRing([older]), 250);
});
afterAll(() => world.close());

const rewrapper = () => ({ ...world.services, correlationId: 'test' });
const tokens = () => world.database.prisma.token.findMany({ orderBy: { id: 'asc' } });

test('§4.2 a token that is renewed while it is rewrapped keeps its new secret; one that nobody can open is told', async () => {
  const { ring } = await openInstallation(world.services, [newer, older]);
  const [renewed, broken] = await tokens();
  const fresh = await createKeyRing([older]).seal('renewed meanwhile', secretRow(renewed!.mdmId));
  const where = (id: bigint) => ({ organizationId_id: { organizationId: world.organizationId, id } });
  await world.database.prisma.token.update({ where: where(broken!.id), data: { secretJwe: `${renewed!.secretJwe}` } });
  // Between opening the old secret and writing the rewrapped one, somebody renews the token.
  let raced = false;
  const racing = {
    ...ring,
    seal: async (secret: string, row: string) => {
      if (!raced && row === secretRow(renewed!.mdmId)) {
        raced = true;
        const data = { secretJwe: fresh.jwe, keyId: fresh.keyId };
        await world.database.prisma.token.update({ where: where(renewed!.id), data });
      }
      return ring.seal(secret, row);
    },
  };
  const reports: number[] = [];
  const unopened = await rewrapSecrets(rewrapper(), racing, ({ left }) => reports.push(left));
  expect(raced).toBe(true);
  expect(unopened).toEqual([{ kind: 'token', id: broken!.id, reason: expect.stringContaining('does not belong') }]);
  expect(reports.at(-1)).toBe(1);
  const [first] = await tokens();
  expect(await createKeyRing([newer]).open(first!.secretJwe!, secretRow(first!.mdmId))).toBe('renewed meanwhile');
  // The installation's secret comes last, when nothing else needs the old key.
  expect((await world.database.prisma.installation.findFirstOrThrow()).keyId).toBe('old');

  await world.database.prisma.token.delete({ where: where(broken!.id) });
  expect(await rewrapSecrets(rewrapper(), ring)).toEqual([]);
  expect((await world.database.prisma.installation.findFirstOrThrow()).keyId).toBe('new');
  await openInstallation(world.services, [newer]);
  // Each token once, by whom and under which key.
  const entries = await world.database.prisma.auditEntry.findMany({ where: { action: 'token.reseal' } });
  expect(new Set(entries.map((entry) => entry.subject)).size).toBe(entries.length);
  expect(entries).toHaveLength((await tokens()).length);
  expect(entries[0]).toMatchObject({ actor: 'system:rotate-key', data: { keyId: 'new' }, correlationId: 'test' });
});
