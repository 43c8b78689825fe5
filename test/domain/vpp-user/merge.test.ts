/** The only way of Apple's users into the database. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { transaction } from '../../../src/db/transaction.ts';
import { rewrapInvitations } from '../../../src/domain/installation/rewrap-invitations.ts';
import type { LibraryUser } from '../../../src/domain/ports.ts';
import { createKeyRing } from '../../../src/domain/token/key-ring.ts';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';
import { readInvitations } from '../../../src/domain/vpp-user/invitation.ts';
import { mergeVppUsers } from '../../../src/domain/vpp-user/merge.ts';
import { createWorld, type World } from '../../support/world.ts';

let world: World;
let tokenId: bigint;
beforeAll(async () => {
  world = await createWorld();
  tokenId = await world.library('own');
});
afterAll(() => world.close());

const listed = (clientUserId: string, more: Partial<LibraryUser> = {}): LibraryUser => ({
  clientUserId,
  email: null,
  status: 'REGISTERED',
  inviteCode: `code-of-${clientUserId}`,
  idHash: null,
  ...more,
});
const merge = (rows: LibraryUser[], listing: Parameters<typeof mergeVppUsers>[4]) =>
  transaction(world.services, (tx) =>
    mergeVppUsers(world.services, tx, { organizationId: world.organizationId, tokenId }, rows, listing),
  );
const find = (clientUserId: string) => world.database.prisma.vppUser.findFirstOrThrow({ where: { clientUserId } });

test('S23 notifications in any order and any number end where the last one ends', async () => {
  const told = [
    listed('late'),
    listed('late', { status: 'ASSOCIATED', idHash: 'A' }),
    listed('late', { status: 'RETIRED', idHash: 'A' }),
  ];
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2, 1, 0],
    [0, 2, 1],
  ]) {
    await world.database.prisma.vppUserRecord.deleteMany({ where: { user: { clientUserId: 'late' } } });
    await world.database.prisma.vppUser.deleteMany({ where: { clientUserId: 'late' } });
    for (const at of order) await merge([told[at]!], 'HINT');
    expect(await find('late')).toMatchObject({ status: 'RETIRED', idHash: 'A', inviteJwe: null });
  }
});

test('what is known and unchanged is not written', async () => {
  const rows = [listed('still', { email: 'a@example.org' }), listed('other')];
  await merge(rows, 'PAGE');
  const version = () => world.database.prisma.$queryRaw`
    SELECT xmin::text, client_user_id FROM vpp_user WHERE client_user_id IN ('still', 'other') ORDER BY 2`;
  const before = await version();
  await world.clock.advance(1_000);
  await merge(rows, 'CHANGED');
  expect(await version()).toEqual(before);
});

test('§4.2 open invitations are sealed anew under a new key; one that no key opens is forgotten and read again', async () => {
  await merge([listed('sealed'), listed('lost')], 'PAGE');
  const [sealed, lost] = [await find('sealed'), await find('lost')];
  await world.database.prisma.vppUser.updateMany({
    where: { clientUserId: 'lost' },
    data: { inviteJwe: sealed.inviteJwe },
  });
  const { keyId: _, ...old } = { keyId: sealed.inviteKeyId!, ...world.services };
  const ring = createKeyRing([{ id: 'newest', bytes: randomBytes(32) }]);
  const both = {
    ...ring,
    open: (jwe: string, row: string) => ring.open(jwe, row).catch(() => old.secrets.open(jwe, row)),
  };
  expect(await rewrapInvitations(world.services, both)).toBeGreaterThan(0);
  expect(await find('sealed')).toMatchObject({ inviteKeyId: 'newest' });
  expect(await find('lost')).toMatchObject({ inviteJwe: null });
  const sync = await world.database.prisma.tokenSync.findFirstOrThrow({ where: { tokenId } });
  expect(sync.usersVersion).toBeNull();
  const services = { ...world.services, secrets: createSecretBox(ring, randomBytes(32)) };
  expect(await readInvitations(services, world.organizationId, [sealed.id, lost.id])).toMatchObject([
    { code: 'code-of-sealed' },
    null,
  ]);
});

test('S23 a retirement that is told once more does not retire whoever was made anew since then', async () => {
  await merge([listed('again', { status: 'ASSOCIATED', idHash: 'B', inviteCode: null })], 'HINT');
  const retired = listed('again', { status: 'RETIRED', idHash: 'B', inviteCode: null });
  await merge([retired], 'HINT');
  await merge([retired, listed('again')], 'WHOLE');
  const before = await find('again');
  expect(before).toMatchObject({ status: 'REGISTERED', inviteJwe: expect.any(String) });
  await merge([retired], 'HINT');
  expect(await find('again')).toMatchObject({ status: 'REGISTERED', inviteJwe: before.inviteJwe });
});
