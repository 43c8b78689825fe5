import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../src/db/rows.ts';
import { claimToken } from '../../src/domain/token/claim.ts';
import { guardToken } from '../../src/domain/token/guard.ts';
import { noticesAbove } from '../../src/domain/token/notices.ts';
import { renewToken } from '../../src/domain/token/renew.ts';
import { tokenState } from '../../src/domain/token/state.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { newTenant, readToken, type Tenant } from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const hour = 3_600_000;
const day = 24 * hour;
const uId = schoolUnits.own;
const stranger = { id: 'c0ffee00-0000-4000-8000-000000000001', name: 'Another MDM', metadata: 'mdm.elsewhere.example' };
const issue = (as: string, days: number) =>
  world.simulator.admin.issueToken({
    name: 'own',
    as,
    expDate: new Date(world.clock.now().getTime() + days * day).toISOString(),
  }).text;
const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
const probes = () => world.simulator.admin.journal({ operation: 'getClientConfig' });

async function notices({ organizationId }: Tenant) {
  return noticesAbove(preparedRows(world.database.pool), organizationId, 0n, 1_000);
}
const words = async (tenant: Tenant) =>
  (await notices(tenant)).map(({ kind, rung }) => (rung === null ? kind : `${kind} ${rung}`));
async function audited({ organizationId }: Tenant) {
  const rows = await world.database.prisma.auditEntry.findMany({
    where: { organizationId, action: 'token.notice' },
    orderBy: { id: 'asc' },
  });
  return rows.map(({ data }) => {
    const { kind, rung } = data as { kind: string; rung: number | null };
    return rung === null ? kind : `${kind} ${rung}`;
  });
}
/** Lives on, and looks every `step` milliseconds. */
async function live(days: number, step = 12 * hour): Promise<void> {
  for (let passed = 0; passed < days * day; passed += step) {
    await world.clock.advance(step);
    await world.work();
  }
}
const upload = async (tenant: Tenant, file: string) =>
  (await uploadToken(tenant.context, { file, email: 'it@example.org' })).tokenId;

test('F7 a virtual year of a token: exactly one notice and one audit entry for each rung, then EXPIRED, then OK', async () => {
  const { settings } = world.services;
  const { probeEvery } = settings;
  settings.probeEvery = 2 * day;
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('year-1', 365));
  await world.work();
  expect(await words(tenant)).toEqual([]);
  await live(370);
  const ladder = ['EXPIRING 60', 'EXPIRING 30', 'EXPIRING 15', 'EXPIRING 7', 'EXPIRING 1', 'EXPIRED'];
  expect(await words(tenant)).toEqual(ladder);
  for (const { kind, rung, at, expiresAt } of await notices(tenant)) {
    const left = (expiresAt.getTime() - at.getTime()) / day;
    expect([kind, left <= (rung ?? 0), left > (rung ?? 0) - 0.51]).toEqual([kind, true, true]);
  }
  const asked = probes().length;
  await live(3);
  expect(probes()).toHaveLength(asked);
  await renewToken(tenant.context, { tokenId, file: issue('year-2', 340) });
  await world.work();
  expect(await words(tenant)).toEqual([...ladder, 'OK']);
  await live(290);
  expect(await words(tenant)).toEqual([...ladder, 'OK', 'EXPIRING 60']);
  expect(await audited(tenant)).toEqual([...ladder, 'OK', 'EXPIRING 60']);
  settings.probeEvery = probeEvery;
}, 120_000);

test('F7 a token that comes late gets the nearest rung only; its renewal says that it is over', async () => {
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('late', 5));
  await world.work();
  expect(await words(tenant)).toEqual(['EXPIRING 7']);
  const file = issue('late-2', 300);
  await renewToken(tenant.context, { tokenId, file });
  await world.work();
  expect(await words(tenant)).toEqual(['EXPIRING 7', 'OK']);
  await uploadToken(tenant.context, { file });
  await world.work();
  expect(await words(tenant)).toEqual(['EXPIRING 7', 'OK']);
});

test('F7 guardians that come at the same time tell a rung once', async () => {
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('crowd', 20));
  const key = { organizationId: tenant.organizationId, tokenId };
  await Promise.all(Array.from({ length: 8 }, () => guardToken(world.services, key, 'test')));
  expect(await words(tenant)).toEqual(['EXPIRING 30']);
  expect(await audited(tenant)).toEqual(['EXPIRING 30']);
});

test('F7 an idle token that Apple revokes is found within one cycle, told, and found again when it works', async () => {
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('idle', 300));
  await world.work();
  world.simulator.admin.faults.add({
    match: { operation: 'getClientConfig' },
    fault: { kind: 'error', errorNumber: 9625 },
  });
  await live(0.3125, hour / 2);
  world.simulator.admin.faults.clear();
  expect(await stateOf(tokenId)).toBe('REVOKED');
  expect(await notices(tenant)).toMatchObject([{ kind: 'REVOKED', appleErrorNumber: 9625, tokenId }]);
  // Apple was wrong that once: the next question proves it.
  await live(0.3125, hour / 2);
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await words(tenant)).toEqual(['REVOKED', 'OK']);
});

test('F7 a refusal in the middle of other work is a doubt: Apple is asked again after a minute', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  world.simulator.admin.faults.add({
    match: { operation: 'getAssets', times: 1 },
    fault: { kind: 'error', errorNumber: 9622 },
  });
  await tenant.sync(tokenId);
  await world.work();
  expect(await words(tenant)).toEqual(['INVALID']);
  await world.clock.advance(61_000);
  await world.work();
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await words(tenant)).toEqual(['INVALID', 'OK']);
});

test('F7 another server claims an idle library: writes stop within one cycle, its name is told, and claimToken is told too', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: stranger });
  await live(0.3125, hour / 2);
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  expect(await notices(tenant)).toMatchObject([{ kind: 'TAKEN_OVER', foreignMdm: stranger }]);
  await live(1);
  expect(await words(tenant)).toEqual(['TAKEN_OVER']);
  await claimToken(tenant.context, { tokenId });
  await world.work();
  expect(await words(tenant)).toEqual(['TAKEN_OVER', 'OK']);
  expect(await readToken(world, tokenId)).toMatchObject({ foreignMdm: null });
});

test('F7 a claim that was given back to us ends TAKEN_OVER; one that nobody holds does not', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const { mdmId } = await readToken(world, tokenId);
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: stranger });
  await live(0.3125, hour / 2);
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: null });
  await live(0.3125, hour / 2);
  expect(await stateOf(tokenId)).toBe('TAKEN_OVER');
  world.simulator.admin.setMdmInfo({ uId, mdmInfo: { ...stranger, id: mdmId } });
  await live(0.3125, hour / 2);
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await words(tenant)).toEqual(['TAKEN_OVER', 'OK']);
});

test('F7 Apple shortens the expiry: the rungs follow its word', async () => {
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('short', 300));
  const until = new Date(world.clock.now().getTime() + 10 * day).toISOString().replace(/\.\d+Z/, '+0000');
  world.simulator.admin.faults.add({
    match: { operation: 'getClientConfig' },
    fault: { kind: 'patch', set: { tokenExpirationDate: until } },
  });
  await live(0.3125, hour / 2);
  expect((await readToken(world, tokenId)).expiresAt.toISOString()).toBe(until.replace('+0000', '.000Z'));
  expect(await words(tenant)).toEqual(['EXPIRING 15']);
});

test('F7 silence of Apple is no news of the token: it is asked again, in growing steps', async () => {
  const tenant = await newTenant(world);
  const tokenId = await upload(tenant, issue('silent', 300));
  const { probeAt } = await readToken(world, tokenId);
  world.simulator.admin.faults.add({
    match: { operation: 'getClientConfig' },
    fault: { kind: 'error', errorNumber: 9729 },
  });
  await world.clock.set(probeAt!);
  const waits: number[] = [];
  for (let round = 0; round < 4; round++) {
    await world.work();
    const { probeAt: next } = await readToken(world, tokenId);
    waits.push(next!.getTime() - world.clock.now().getTime());
    await world.clock.set(next!);
  }
  expect(waits).toEqual([60_000, 120_000, 240_000, 480_000]);
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await words(tenant)).toEqual([]);
  world.simulator.admin.faults.clear();
  await world.work();
  expect(await readToken(world, tokenId)).toMatchObject({ probeAttempts: 0, probedAt: world.clock.now() });
});

test('F7 a thousand tokens are not asked about at the same time', async () => {
  const { nextProbe } = await import('../../src/domain/token/probe-time.ts');
  const now = world.clock.now();
  const moments = Array.from({ length: 1_000 }, (_, index) => nextProbe(`token-${index}`, now, 6 * hour).getTime());
  const minutes = new Map<number, number>();
  for (const at of moments) {
    const minute = Math.floor((at - now.getTime()) / 60_000);
    expect(minute).toBeGreaterThanOrEqual(270);
    expect(minute).toBeLessThanOrEqual(450);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
  }
  expect(Math.max(...minutes.values())).toBeLessThan(25);
});
