import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { InstallationNotConfirmedError } from '../../src/domain/errors.ts';
import { adoptDatabase, confirmInstallation, markDatabase, readMarker } from '../../src/domain/installation/marker.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../src/domain/license/revoke.ts';
import { claimToken } from '../../src/domain/token/claim.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { school } from '../../src/simulator/index.ts';
import { listedDevices, newTenant, readTask, readToken, type Tenant } from '../domain/sync/support.ts';
import { createWorld, type World } from '../support/world.ts';

const here = 'installation-of-the-test';
const elsewhere = 'installation-that-it-came-from';
let world: World;
beforeAll(async () => {
  world = await createWorld({ settings: { installationId: here } });
  await world.database.prisma.installation.create({ data: { id: 1, createdAt: world.clock.now() } });
});
afterAll(() => world.close());
beforeEach(() => mark(here));

const mark = (marker: string | null) =>
  world.database.prisma.installation.update({ where: { id: 1 }, data: { marker } });
const writes = () =>
  world.simulator.admin
    .journal()
    .filter((entry) => entry.method === 'POST' && /associate|client\/config/.test(entry.path));

async function ask({ context, organizationId }: Tenant, serialNumbers: string[]): Promise<bigint> {
  const where = { organizationId_adamId: { organizationId, adamId: school.exactly300 } };
  const { id } = await world.database.prisma.app.findUniqueOrThrow({ where });
  const { taskIds } = await associateLicenses(context, { appIds: [id], target: { serialNumbers } });
  return taskIds[0]!;
}

test('§4.1 the first process names the database, and whoever is named so has it', async () => {
  await mark(null);
  expect(await readMarker(world.services)).toBe('UNMARKED');
  const named = (installationId: string | null) => ({
    ...world.services,
    settings: { ...world.services.settings, installationId },
  });
  expect(await markDatabase(named(null))).toBe('UNMARKED');
  expect(await markDatabase(named(here))).toBe('OWN');
  expect(await markDatabase(named(elsewhere))).toBe('FOREIGN');
  expect(await markDatabase(named(null))).toBe('FOREIGN');
  expect(await markDatabase(named(here))).toBe('OWN');
});

test('F7 a copied database makes no write to Apple, reads on, and writes what waited when an administrator says so', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const serials = await listedDevices(tenant, 3);
  const sent = await ask(tenant, serials.slice(0, 1));
  await world.work();
  const waiting = await ask(tenant, serials.slice(1, 2));
  await mark(elsewhere);
  world.simulator.admin.clearJournal();
  await world.clock.advance(2_000);
  await world.work();
  expect(writes()).toEqual([]);
  // What the other one sent is looked after; what it did not send waits.
  expect(await readTask(world, sent)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await readTask(world, waiting)).toMatchObject({ state: 'WAITING', waitsFor: 'INSTALLATION' });
  await expect(ask(tenant, serials.slice(2))).rejects.toThrow(InstallationNotConfirmedError);
  const licenseIds = (await world.database.prisma.license.findMany({ where: { taskId: sent } })).map(({ id }) => id);
  await expect(revokeLicenses(tenant.context, { target: { licenseIds } })).rejects.toThrow(
    InstallationNotConfirmedError,
  );
  await expect(claimToken(tenant.context, { tokenId })).rejects.toThrow(InstallationNotConfirmedError);
  expect(await tenant.sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  await uploadToken(tenant.context, { file: world.simulator.admin.tokenFile('business'), email: 'it@example.org' });
  expect(writes()).toEqual([]);

  const adopted = await adoptDatabase(world.services, { name: 'admin', correlationId: 'test' });
  expect(adopted).toEqual({ before: elsewhere, after: here, changed: true });
  expect(await tenant.finish(waiting)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  expect(writes().map((entry) => entry.path)).toEqual(['/mdm/v2/assets/associate']);
  const audit = await world.database.prisma.auditEntry.findMany({
    where: { organizationId: tenant.organizationId, action: 'installation.confirm' },
  });
  expect(audit).toMatchObject([{ actor: 'system:admin', data: { before: elsewhere, after: here } }]);
  expect(await readToken(world, tokenId)).toMatchObject({ condition: 'OK' });
});

test('F7 in a copy that nobody confirms the seats are given back after a day, here alone', async () => {
  const tenant = await newTenant(world);
  await tenant.library();
  const taskId = await ask(tenant, await listedDevices(tenant, 2));
  await mark(elsewhere);
  world.simulator.admin.clearJournal();
  await world.work();
  await world.clock.advance(86_400_000);
  await world.work();
  expect(await readTask(world, taskId)).toMatchObject({
    state: 'FAILED',
    cause: { code: 'INSTALLATION_NOT_CONFIRMED' },
    failed: 2n,
  });
  expect(writes()).toEqual([]);
});

test('F7 confirming is for administrators, and for the operator where organizations share an installation', async () => {
  const { context, organizationId } = await newTenant(world);
  await mark(elsewhere);
  const manager = world.as('APPSTORE_MANAGER', { organizationId });
  await expect(confirmInstallation(manager, { confirm: true })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(confirmInstallation(context, { confirm: false })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(confirmInstallation(context, { confirm: true })).rejects.toThrow(/adopt-database/);
  expect(await readMarker(world.services)).toBe('FOREIGN');
});
